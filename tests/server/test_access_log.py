"""The log line."""

from __future__ import annotations

import asyncio
import json
import logging
import re

import httpx
import pytest

from leomock import Fake
from leomock.operations.dispatch import Dispatcher
from leomock.server.access_log import StderrLog, library_warnings_as_json
from leomock.server.app import make_app
from leomock.state.ids import user_id_of
from leomock.state.redaction import shortened
from tests.server.raw import exchange

KEY = "3f2a8c1e-0000-4000-8000-000000000000"


def lines_of(*calls: tuple[str, str, dict[str, object]]) -> list[str]:
    lines: list[str] = []
    app = make_app(Dispatcher(), lines.append)

    async def talk() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://fake", headers=headers) as client:
            for method, path, options in calls:
                await client.request(method, path, **options)  # type: ignore[arg-type]

    asyncio.run(talk())
    return lines


def test_line_tells_the_call() -> None:
    """Time, method, path, operation, status, milliseconds, tenant."""
    (line,) = lines_of(("POST", "/v1/generations", {"json": {"prompt": "a"}}))
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d POST /v1/generations createGeneration 200 \d+\.\d ms key 3f2a…\n", line
    )


def test_line_of_a_refusal_explains() -> None:
    """The same sentence as in the header."""
    (line,) = lines_of(("POST", "/v1/generations", {"json": {"prompt": "a", "sd_Version": "v2"}}))
    assert line.endswith(
        " key 3f2a… | createGeneration has no variable 'sd_Version'; did you mean 'sd_version'? "
        "(specs/generations.json POST /generations)\n"
    )
    assert " 400 " in line


def test_line_of_a_refused_download_explains() -> None:
    """As for a call of the API, although no operation answers it."""
    path = f"/cdn/users/{user_id_of(0, KEY)}/generations/a/a.jpg"
    headers = {"x-leomock-scenario": "cdn_refuses"}
    (_, line) = lines_of(("GET", "/v1/me", {}), ("GET", path, {"headers": headers}))
    assert line.endswith(" | scenario rule cdn_refuses#1 applied: the CDN refuses this client\n")


def test_line_never_breaks() -> None:
    """A path with a line break is one line."""
    (line,) = lines_of(("GET", "/v1/a%0Ab%1b[31m", {}))
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert r"/v1/a\nb\x1b[31m" in line


def test_line_is_written_for_pictures_too() -> None:
    """Every address of the server is logged."""
    assert " GET /cdn/x 403 " in lines_of(("GET", "/cdn/x", {}))[0]
    assert " GET /_leomock/health 200 " in lines_of(("GET", "/_leomock/health", {}))[0]


def test_key_is_never_written_whole() -> None:
    """Not even a short one."""
    assert [shortened(key) for key in ("a", "ab", "abcd", "abcdefgh", KEY)] == [
        "…",
        "a…",
        "ab…",
        "abcd…",
        "3f2a…",
    ]


def test_json_log_has_one_object_a_line() -> None:
    """Keys are shortened, and a path cannot break the line."""
    lines: list[str] = []
    app = make_app(Dispatcher(), lines.append, log_format="json")
    transport = httpx.ASGITransport(app)

    async def call() -> None:
        headers = {"authorization": "Bearer secret-key-of-mine"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await client.post("/v1/generations", json={}, headers=headers)
            await client.get("/nothing%0a%22here")

    asyncio.run(call())
    first, second = map(json.loads, lines)
    assert [line.count("\n") for line in lines] == [1, 1]
    assert list(first) == [
        *("time", "level", "method", "path", "operation", "status", "milliseconds", "key", "explain"),
        *("rules", "request_id", "trace_id", "span_id"),
    ]
    assert (first["operation"], first["status"], first["key"]) == ("createGeneration", 400, "secr…")
    assert (second["path"], second["status"]) == ('/nothing\n"here', 404)
    assert "secret-key" not in "".join(lines)


def test_warnings_of_libraries_are_json_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    with library_warnings_as_json(), Fake() as fake:
        assert exchange(fake.url, b"no HTTP\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert list(entry) == ["time", "level", "message"]
    assert (entry["level"], entry["message"]) == ("warning", "Invalid HTTP request received.")
    assert logging.getLogger("uvicorn.error").propagate


def test_json_log_has_the_ids_of_the_response_and_of_the_callers_trace() -> None:
    lines: list[str] = []
    app = make_app(Dispatcher(), lines.append, log_format="json")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"authorization": "Bearer key", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}

    async def run() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return [
                await client.get("/v1/me", headers=headers),
                await client.get("/v1/me", headers={**headers, "traceparent": f"00-{'0' * 32}-1-01"}),
                await client.get("/_leomock/health/live"),
            ]

    answers = asyncio.run(run())
    first, second, third = map(json.loads, lines)
    assert first["request_id"] == answers[0].headers["x-request-id"]
    assert (first["trace_id"], first["span_id"], second["trace_id"]) == (trace, "", "")
    assert third["request_id"] == ""


def test_lines_of_one_turn_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr("leomock.server.access_log.to_stderr", written.append)

    async def run() -> None:
        log = StderrLog()
        log("one\n")
        log("two\n")
        await asyncio.sleep(0)
        log("three\n")
        await asyncio.sleep(0)

    asyncio.run(run())
    assert written == ["one\ntwo\n", "three\n"]


def test_fake_leaves_the_access_log_of_other_servers_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A program under test may run uvicorn itself; and its log does not get the calls of the fake."""
    logger = logging.getLogger("uvicorn.access")
    handler = logging.StreamHandler()
    logger.addHandler(handler)
    try:
        with Fake() as fake:
            httpx.get(f"{fake.url}/_leomock/health").raise_for_status()
        assert (logger.handlers, logger.propagate) == ([handler], True)
    finally:
        logger.removeHandler(handler)
    assert capsys.readouterr() == ("", "")
