"""Calls that are answered from a recording."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from leomock.files.recordings.model import RecordedExchange, Recording
from leomock.server.replaying import Replaying

API = "https://cloud.leonardo.ai/api/rest/v1"
PICTURE = "https://cdn.leonardo.ai/users/a/one%20two.jpg?v=1"
JSON = {"content-type": "application/json"}


def recorded(
    method: str, url: str, answer: bytes = b"{}", body: bytes = b"", **more: Any
) -> RecordedExchange:
    return RecordedExchange(method, url, {}, body, response_headers=JSON, response_body=answer, **more)


def replayed(*exchanges: RecordedExchange) -> Replaying:
    numbered = [
        RecordedExchange(
            **{f: getattr(each, f) for f in RecordedExchange.__dataclass_fields__}
            | {"number": n, "file": "it.har"}
        )
        for n, each in enumerate(exchanges, 1)
    ]
    return Replaying([Recording("it.har", tuple(numbered))])


def ask(app: Replaying, method: str, path: str, **more: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here:1") as client:
            return await client.request(method, path, **more)

    return asyncio.run(call())


def test_call_is_answered_as_recorded() -> None:
    """By method, path below either prefix, query and JSON body, in whatever order."""
    app = replayed(recorded("POST", f"{API}/generations?a=1&b=2", b'{"x": 1}', b'{"p": 1, "q": [1, 2]}'))
    for prefix in ("/api/rest/v1", "/v1"):
        answer = ask(app, "POST", f"{prefix}/generations?b=2&a=1", content=b'{"q":[1,2],"p":1}')
        assert (answer.status_code, answer.content) == (200, b'{"x": 1}')
        assert answer.headers["x-leomock-explain"] == "recorded as #1 of it.har"


def test_repeated_calls_play_in_order() -> None:
    """And then the last answer again and again."""
    app = replayed(*(recorded("GET", f"{API}/generations/x", b'"%s"' % s) for s in (b"PENDING", b"COMPLETE")))
    said = [ask(app, "GET", "/v1/generations/x").json() for _ in range(4)]
    assert said == ["PENDING", "COMPLETE", "COMPLETE", "COMPLETE"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"status": 100}, "no answer has the status 100"),
        ({"status": 600}, "no answer has the status 600"),
        ({"response_headers": {"x\nb": "y"}}, "no answer has the header 'x\\nb' with the value 'y'"),
        ({"response_headers": {"": "y"}}, "no answer has the header '' with the value 'y'"),
        (
            {"response_headers": {"x": "a\r\nb: c"}},
            "no answer has the header 'x' with the value 'a\\r\\nb: c'",
        ),
    ],
)
def test_answer_that_cannot_be_sent_is_left_out(more: dict[str, Any], why: str) -> None:
    """It is known, and why; the call counts as not recorded."""
    app = replayed(replace(recorded("GET", f"{API}/me"), **more))
    assert [(each.number, told) for each, told in app.left_out] == [(1, why)]
    assert not app.holds
    assert ask(app, "GET", "/v1/me").status_code == 404


def test_headers_of_the_recorded_connection_are_not_repeated() -> None:
    """The body is plain and of its own length now."""
    app = replayed(
        RecordedExchange(
            "GET",
            f"{API}/me",
            response_headers={
                "Content-Encoding": "br",
                "Content-Length": "3",
                "Transfer-Encoding": "chunked",
                "X-Kept": "1",
            },
            response_body=b"hello",
        )
    )
    answer = ask(app, "GET", "/v1/me")
    assert answer.content == b"hello"
    assert set(answer.headers) == {"x-kept", "content-length", "x-leomock-explain"}


def test_addresses_that_the_recording_answers_for_are_here() -> None:
    """Downloads and uploads go to this server; an address that was not recorded stays."""
    bucket = "https://bucket.s3.amazonaws.com/"
    body = f'{{"url": "{PICTURE}", "up": ["{bucket}"], "no": "https://cdn.leonardo.ai/other.jpg"}}'
    app = replayed(
        recorded("GET", f"{API}/generations/x", body.encode()),
        RecordedExchange("GET", PICTURE, response_body=b"picture"),
        RecordedExchange("POST", bucket, request_body=b"--x", status=204),
    )
    told = ask(app, "GET", "/v1/generations/x").json()
    assert told == {
        "url": "http://here:1/elsewhere/cdn.leonardo.ai/users/a/one%20two.jpg?v=1",
        "up": ["http://here:1/elsewhere/bucket.s3.amazonaws.com/"],
        "no": "https://cdn.leonardo.ai/other.jpg",
    }
    assert ask(app, "GET", told["url"]).content == b"picture"
    assert ask(app, "POST", told["up"][0], content=b"--another").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "nearest"),
    [
        (
            "POST",
            "/v1/generations",
            b'{"prompt": "a", "width": 8, "more": 1}',
            "the nearest recorded call is #1 POST /v1/generations (width: recorded 16, got 8; "
            "more: recorded nothing, got 1)",
        ),
        (
            "GET",
            "/v1/generations/user/x?limit=2",
            b"",
            'the nearest recorded call is #2 GET /v1/generations/user/x (query: recorded {"limit": "1"}, got '
            '{"limit": "2"})',
        ),
        ("GET", "/v1/generations", b"", "the nearest recorded call is #1 POST /v1/generations"),
        ("DELETE", "/q", b"", "it contains no call like this"),
    ],
)
def test_call_that_is_not_in_the_recording(method: str, path: str, body: bytes, nearest: str) -> None:
    """404, and a sentence that names the nearest and in what it differs."""
    app = replayed(
        recorded("POST", f"{API}/generations", body=b'{"prompt": "a", "width": 16}'),
        recorded("GET", f"{API}/generations/user/x?limit=1"),
    )
    answer = ask(app, method, path, content=body)
    place = path.partition("?")[0]
    assert answer.status_code == 404
    assert answer.json() == {
        "error": f"leomock: 404 {method} {place}: not in the recording it.har; {nearest}",
        "path": "$",
        "code": "not-found",
    }


def test_call_that_was_never_answered_is_not_replayed() -> None:
    """Status 0 is not an answer."""
    app = replayed(recorded("GET", f"{API}/me", status=0))
    assert ask(app, "GET", "/v1/me").status_code == 404


def test_cookies_stay_apart() -> None:
    """Two Set-Cookie headers are two, not one with a comma."""
    headers = {"set-cookie": "a=1, b=2", **JSON}
    app = replayed(
        replace(
            recorded("GET", f"{API}/me"),
            response_headers=headers,
            repeated_headers=(("set-cookie", "a=1"), ("set-cookie", "b=2")),
        )
    )
    assert ask(app, "GET", "/v1/me").headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("location", "here"),
    [
        (f"{API}/other?x=1", "http://here:1/v1/other?x=1"),
        ("/api/rest/v1/other", "http://here:1/v1/other"),
        (PICTURE, "http://here:1/elsewhere/cdn.leonardo.ai/users/a/one%20two.jpg?v=1"),
        ("https://docs.leonardo.ai/x", "https://docs.leonardo.ai/x"),
    ],
)
def test_redirect_leads_here(location: str, here: str) -> None:
    """To this server if the API was meant or the recording answers for the address."""
    moved = RecordedExchange("GET", f"{API}/me", status=302, response_headers={"Location": location})
    app = replayed(moved, RecordedExchange("GET", PICTURE, response_body=b"picture"))
    assert ask(app, "GET", "/v1/me").headers["location"] == here


def test_head_has_the_recorded_length() -> None:
    """And no body."""
    app = replayed(RecordedExchange("HEAD", f"{API}/me", response_headers={"Content-Length": "1234"}))
    answer = ask(app, "HEAD", "/v1/me")
    assert (answer.headers["content-length"], answer.content) == ("1234", b"")


def test_no_content_has_no_length() -> None:
    """RFC 9110 forbids it with 204."""
    app = replayed(RecordedExchange("DELETE", f"{API}/me", status=204))
    assert "content-length" not in ask(app, "DELETE", "/v1/me").headers


def test_body_that_is_nested_deeply_is_another_call() -> None:
    """404 with the nearest call, never a 500."""
    app = replayed(recorded("POST", f"{API}/generations", body=b'{"prompt": "a"}'))
    for depth in (900, 100_000):
        answer = ask(app, "POST", "/v1/generations", content=b"[" * depth + b"]" * depth)
        assert answer.status_code == 404
        assert "the nearest recorded call is #1 POST /v1/generations" in answer.json()["error"]


def test_body_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read no further than the limit."""
    monkeypatch.setattr("leomock.server.replaying.MOST_BODY", 10)
    app = replayed(recorded("POST", f"{API}/generations"))
    answer = ask(app, "POST", "/v1/generations", content=b"x" * 11)
    assert answer.status_code == 413
    assert answer.json()["error"] == (
        "leomock: 413 the request body has more than 10 bytes; no recorded call is compared with it"
    )


def test_health_in_replay() -> None:
    """What waits for a server to start asks here as well."""
    answer = ask(replayed(recorded("GET", f"{API}/me")), "GET", "/_leomock/health")
    assert (answer.status_code, answer.json()["status"], answer.json()["calls"]) == (200, "ok", 1)
