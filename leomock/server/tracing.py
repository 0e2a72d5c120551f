"""OpenTelemetry traces: a span for each call and each attempt to deliver a webhook event.

Imported only with `serve --traces`, since the SDK is an extra.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leomock.server.access_log import LOG_CONTEXT, LogContext
from leomock.state.redaction import shortened
from leomock.version import __version__

if TYPE_CHECKING:
    from leomock.operations.reply import Reply
    from leomock.state.outbox import Event, Target

# Jobs whose trace is remembered for their event; the event of any older job starts a new trace.
MOST_JOBS = 10_000
# How long the last spans may take to reach the collector when the server stops.
LAST_SECONDS = 2.0
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CONTEXT_HEADERS = (b"traceparent", b"tracestate")


class _TracedContext(LogContext):
    """Also remember the traces of the jobs that a call starts.

    This happens before the response is sent, since an event may be sent earlier than that.
    """

    __slots__ = ("_remember",)

    def __init__(self, remember: Callable[[bytes], None]) -> None:
        super().__init__()
        self._remember = remember

    def answered(self, reply: Reply, operation: str) -> None:
        """Take the facts about an API call."""
        super().answered(reply, operation)
        if reply.operation and reply.operation.method == "POST" and reply.status == 200:
            self._remember(reply.content)


class Tracing:
    """Make the spans of one server, with the tracers of `provider`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("leomock", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._jobs: OrderedDict[str, Any] = OrderedDict()  # contexts of calls, by the ids in their answers

    @classmethod
    def to(cls, url: str) -> Tracing:
        """Return the tracing that sends spans by OTLP over HTTP.

        `url` is that of a collector, such as http://localhost:4318; if it is empty, the variables of
        OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT`) decide.
        """
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "leomock"}
        resource = Resource.create({**named, "service.version": __version__})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces" if url else None)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def close(self) -> None:
        """Send the last spans; give up after `LAST_SECONDS`. This blocks."""
        # The SDK's own bounds are longer: a collector that does not answer is tried for ten seconds.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(LAST_SECONDS)

    def app(self, app: ASGIApp) -> ASGIApp:
        """Return an app that makes a span for each call of the API, upload and download."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or _is_watching(scope["path"]):
                await app(scope, receive, send)
                return
            await self._traced(app, scope, receive, send)

        return traced

    async def _traced(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _CONTEXT_HEADERS
        }
        method: str = scope["method"]
        span = self._tracer.start_span(
            method, self._propagator.extract(headers), SpanKind.SERVER, {"http.request.method": method}
        )
        own = set_span_in_context(span)
        inner = _TracedContext(lambda content: self._remember(content, own))
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        scope[LOG_CONTEXT] = inner
        try:
            await app(scope, receive, watched)
        finally:
            ids = span.get_span_context()
            inner.trace_id, inner.span_id = f"{ids.trace_id:032x}", f"{ids.span_id:016x}"
            span.update_name(inner.operation or f"{method} /{_channel(scope['path'])}")
            span.set_attributes(_attributes(scope, status, inner))
            if status >= 500 or not status:
                span.set_status(StatusCode.ERROR)
            span.end()

    def _remember(self, content: bytes, context: Any) -> None:
        """Remember that a call's response, which has these ids, belongs to a trace."""
        for found in _UUID.findall(content):
            self._jobs[found.decode()] = context
        while len(self._jobs) > MOST_JOBS:
            self._jobs.popitem(last=False)

    @contextlib.contextmanager
    def delivering(self, event: Event, target: Target) -> Iterator[dict[str, str]]:
        """Make a span for an attempt to deliver an event, in the trace of the call that started its job.

        Yields the headers to send with it. The event's last attempt is the outcome.
        """
        job = event.body.get("data", {}).get("object", {}).get("id", "")
        attributes: dict[str, str | int] = {
            "http.request.method": "POST",
            "url.full": target.url.partition("?")[0],
            "leomock.event": event.type,
            "leomock.event.id": event.id,
            "leomock.attempt": len(event.attempts) + 1,
        }
        span = self._tracer.start_span(
            f"webhook {event.type}", self._jobs.get(job), SpanKind.CLIENT, attributes
        )
        headers: dict[str, str] = {}
        self._propagator.inject(headers, set_span_in_context(span))
        before = len(event.attempts)
        try:
            yield headers
        finally:
            if len(event.attempts) > before:
                attempt = event.attempts[-1]
                if attempt.status is not None:
                    span.set_attribute("http.response.status_code", attempt.status)
                if not attempt.accepted:
                    span.set_status(StatusCode.ERROR, attempt.error)
            span.end()


def _is_watching(path: str) -> bool:
    """Return True for the page, the admin API and metrics, whose spans would hide those of clients."""
    return path in ("/", "/metrics", "/favicon.ico") or path.startswith("/_leomock")


def _channel(path: str) -> str:
    """Return a name for calls without an operation; there are few, since spans are grouped by name."""
    first = path.split("/")[1] if "/" in path else ""
    return first if first in ("cdn", "s3", "api") else "unknown"


def _attributes(scope: Scope, status: int, context: LogContext) -> dict[str, Any]:
    found = {
        "url.path": scope["path"][:200],
        "leomock.operation": context.operation,
        "leomock.key": shortened(context.key) if context.key else "",
        "leomock.rules": list(context.rules),
        "leomock.explain": context.explain,
    }
    if status:
        found["http.response.status_code"] = status
    return {name: value for name, value in found.items() if value not in ("", [])}
