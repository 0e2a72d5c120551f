from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pytest_httpserver import HTTPServer

from leomock.cli.main import main
from leomock.operations.dispatch import Dispatcher
from leomock.server.app import make_app
from leomock.server.tracing import MOST_JOBS, Tracing
from leomock.server.webhook_sender import Sender
from leomock.state.settings import Settings
from leomock.testing.webhook_receiver import WebhookReceiver
from tests.cli.serving.several import keys_of, several

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
KEY = {"authorization": "Bearer a-key-of-a-test"}


class Traced:
    """An app with tracing, whose spans stay in memory."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(self.provider)
        self.lines: list[str] = []
        self.sender = Sender(tracing=self.tracing)
        self.api = Dispatcher(settings or Settings(jobs="immediate"))
        self.app = make_app(self.api, self.lines.append, self.sender, log_format="json", tracing=self.tracing)

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the app with a key."""
        transport = httpx.ASGITransport(self.app)
        headers = {**KEY, **options.pop("headers", {})}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers, **options)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that have ended."""
        return self.exporter.get_finished_spans()


@pytest.fixture
def traced() -> Iterator[Traced]:
    traced = Traced()
    yield traced
    traced.tracing.close()


def hexadecimal(span: ReadableSpan) -> tuple[str, str]:
    """Return the ids of a span's trace and of the span."""
    context = span.get_span_context()
    assert context
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def test_call_has_a_span_with_its_operation_status_and_explanation(traced: Traced) -> None:
    answer = asyncio.run(traced.call("POST", "/v1/generations", json={"prompt": "x", "width": 7}))
    (span,) = traced.spans
    assert (span.name, span.kind) == ("createGeneration", SpanKind.SERVER)
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 400,
        "url.path": "/v1/generations",
        "leomock.operation": "createGeneration",
        "leomock.key": "a-ke…",
        "leomock.explain": answer.headers["x-leomock-explain"],
    }
    assert span.status.status_code is StatusCode.UNSET


def test_rules_are_on_the_span_and_a_server_error_marks_it(traced: Traced) -> None:
    rule = {"when": {"operation": "getUserSelf"}, "then": {"status": 503}}

    async def run() -> None:
        await traced.call("PUT", "/_leomock/scenario", json={"rules": [rule]})
        await traced.call("GET", "/v1/me")

    asyncio.run(run())
    (span,) = traced.spans  # none for the admin call
    assert span.attributes
    (exchange,) = traced.api.worlds.of("a-key-of-a-test").journal
    assert span.attributes["leomock.rules"] == tuple(exchange.rules)
    assert len(exchange.rules) == 1
    assert span.status.status_code is StatusCode.ERROR


def test_trace_of_the_caller_is_continued(traced: Traced) -> None:
    asyncio.run(traced.call("GET", "/v1/me", headers=PARENT))
    (span,) = traced.spans
    assert hexadecimal(span)[0] == TRACE
    assert span.parent
    assert f"{span.parent.span_id:016x}" == SPAN


@pytest.mark.parametrize("value", ["", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01"])
def test_invalid_traceparent_starts_a_trace(traced: Traced, value: str) -> None:
    asyncio.run(traced.call("GET", "/v1/me", headers={"traceparent": value}))
    (span,) = traced.spans
    assert span.parent is None
    assert hexadecimal(span)[0] != TRACE


def test_calls_without_an_operation_have_few_names(traced: Traced) -> None:
    async def run() -> None:
        for path in ("/cdn/users/a/b.jpg", "/s3/leomock-1/", "/api/rest/v9/x", "/anything/else", "/v1/typo"):
            await traced.call("GET", path)
        for path in ("/", "/metrics", "/_leomock/health", "/favicon.ico"):
            await traced.call("GET", path)

    asyncio.run(run())
    names = [span.name for span in traced.spans]
    assert names == ["GET /cdn", "GET /s3", "GET /api", "GET /unknown", "GET /unknown"]


def test_log_lines_have_the_ids_of_the_span(traced: Traced) -> None:
    answer = asyncio.run(traced.call("GET", "/v1/me", headers=PARENT))
    (span,) = traced.spans
    line = json.loads(traced.lines[0])
    assert (line["trace_id"], line["span_id"]) == hexadecimal(span)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["operation"] == "getUserSelf"


def test_webhook_continues_the_trace_of_the_call_that_started_the_job(traced: Traced) -> None:
    async def run(url: str) -> str:
        await traced.call("PUT", "/_leomock/webhook", json={"url": url})
        answer = await traced.call("POST", "/v1/generations", json={"prompt": "x"}, headers=PARENT)
        await traced.sender.deliver_due(traced.api.worlds.of("a-key-of-a-test"))
        return str(answer.json()["sdGenerationJob"]["generationId"])

    with WebhookReceiver() as receiver:
        id = asyncio.run(run(receiver.url))
        (event,) = receiver.wait_for(1, id=id)
    created, sent = traced.spans
    assert (sent.name, sent.kind) == ("webhook image_generation.complete", SpanKind.CLIENT)
    assert sent.parent
    assert f"{sent.parent.span_id:016x}" == hexadecimal(created)[1]
    assert event.headers["traceparent"] == f"00-{TRACE}-{hexadecimal(sent)[1]}-01"
    assert sent.attributes
    assert sent.attributes["http.response.status_code"] == 200
    assert sent.attributes["leomock.attempt"] == 1


def test_attempt_that_fails_marks_its_span(traced: Traced) -> None:
    async def run(url: str) -> None:
        await traced.call("PUT", "/_leomock/webhook", json={"url": url})
        await traced.call("POST", "/v1/generations", json={"prompt": "x"})
        await traced.sender.deliver_due(traced.api.worlds.of("a-key-of-a-test"))

    with WebhookReceiver() as receiver:
        receiver.answer_with(503)
        asyncio.run(run(receiver.url))
    sent = traced.spans[-1]
    assert (sent.status.status_code, sent.status.description) == (StatusCode.ERROR, "answered 503")


def test_traces_of_jobs_are_not_remembered_without_end(traced: Traced) -> None:
    for number in range(MOST_JOBS // 100 + 2):
        ids = [f"{number:08x}-0000-4000-8000-{each:012x}" for each in range(100)]
        traced.tracing._remember(" ".join(ids).encode(), None)
    assert len(traced.tracing._jobs) == MOST_JOBS


def test_nothing_of_opentelemetry_is_imported_without_traces() -> None:
    code = (
        "import sys, leomock.server.app, leomock.cli.serving.fake, leomock.cli.commands.serve; "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "leomock.server.tracing", None)
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--traces"])
    assert done.exit_code == 2
    assert "Error: --traces needs two more packages: pip install 'leomock[tracing]'" in done.output


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one process", "workers"])
def test_spans_reach_a_collector(httpserver: HTTPServer, options: tuple[str, ...]) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    httpserver.expect_request("/v1/traces", method="POST").respond_with_data(b"")
    with several("--traces", httpserver.url_for("").rstrip("/"), *options) as server:
        for worker in (0, 1):
            key = next(keys_of(worker))
            headers = {"authorization": f"Bearer {key}", **PARENT}
            httpx.get(f"{server.url}/api/rest/v1/me", headers=headers).raise_for_status()
        assert server.stop() == (0, "")
    names: list[str] = []
    for request, _ in httpserver.log:
        parsed = ExportTraceServiceRequest.FromString(request.get_data())
        for resource in parsed.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            assert named["service.name"] == "leomock"
            for scope in resource.scope_spans:
                names += [span.name for span in scope.spans]
                assert {span.trace_id.hex() for span in scope.spans} == {TRACE}
    assert names == ["getUserSelf", "getUserSelf"]


def test_server_stops_although_the_collector_does_not_answer() -> None:
    with several("--traces", "http://127.0.0.1:9") as server:
        httpx.get(f"{server.url}/api/rest/v1/me", headers=KEY).raise_for_status()
        code, _ = server.stop()
    assert code == 0
