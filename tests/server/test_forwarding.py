"""Calls that are passed through to another server."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import requests
from starlette.types import Receive, Scope, Send

from leomock import Fake
from leomock.contract.traffic import TrafficValidator
from leomock.server.forwarding import Forwarding, Judge
from tests.server.ports import on_a_port


class Upstream:
    """A server that answers the same to everything, and keeps what it was asked."""

    def __init__(
        self, body: bytes = b"{}", status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        self.body = body
        self.status = status
        self.headers = headers or [(b"content-type", b"application/json")]
        self.asked: list[Scope] = []
        self.bodies: list[bytes] = []
        self.silent = False
        self.breaks = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, be silent, or break off."""
        self.asked.append(scope)
        self.bodies.append((await receive()).get("body", b""))
        if self.silent:
            await receive()
            return
        length = [(b"content-length", b"%d" % (len(self.body) + 5 * self.breaks))]
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers + length})
        await send({"type": "http.response.body", "body": self.body, "more_body": self.breaks})
        if self.breaks:
            scope["leomock.connection"].end()
            await receive()

    @property
    def headers_asked(self) -> dict[str, str]:
        """Those of the last call."""
        return {name.decode(): value.decode() for name, value in self.asked[-1]["headers"]}


@contextmanager
def forwarding(origin: str, **options: Any) -> Iterator[tuple[str, Forwarding]]:
    """A forwarding server and its address; without an origin it forwards to itself."""
    made: list[Forwarding] = []

    def make(url: str) -> Forwarding:
        made.append(Forwarding(origin or url, **options))
        return made[0]

    async def close() -> None:
        await made[0].close()

    with on_a_port(make, close) as url:
        yield url, made[0]


def bench(origin: str) -> Judge:
    """A judge as `leomock serve --judge` has it."""
    judging = TrafficValidator([f"{origin}/api/rest/v1"])

    def judged(recorded: Any) -> list[str] | None:
        violations = judging.violations(recorded)
        return None if violations is None else [str(violation) for violation in violations]

    return judged


def test_call_and_answer_go_through_as_they_are() -> None:
    """Method, path with its escapes, query, headers and body; of the answer status, headers and body."""
    upstream = Upstream(b'{"a": 1}', 418, [(b"content-type", b"application/json"), (b"x-of", b"upstream")])
    with on_a_port(lambda _: upstream) as origin, forwarding(origin) as (url, _):
        answer = httpx.put(f"{url}/api/x%2Fy?b=2&a=%20", content=b"body", headers={"x-of": "client"})
    scope = upstream.asked[0]
    assert (scope["method"], scope["raw_path"]) == ("PUT", b"/api/x%2Fy")
    assert scope["query_string"] == b"b=2&a=%20"
    assert upstream.bodies == [b"body"]
    assert upstream.headers_asked["x-of"] == "client"
    assert upstream.headers_asked["host"] == origin.removeprefix("http://")
    assert (answer.status_code, answer.headers["x-of"], answer.content) == (418, "upstream", b'{"a": 1}')


def test_path_goes_through_byte_by_byte() -> None:
    """Steps of dots too: what the server makes of them is its own affair."""
    upstream = Upstream()
    with on_a_port(lambda _: upstream) as origin, forwarding(origin) as (url, _):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(b"GET /a/../b%2fc//d?x=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while raw.recv(4096):
                pass
    assert upstream.asked[0]["raw_path"] == b"/a/../b%2fc//d"
    assert upstream.asked[0]["query_string"] == b"x=%zz"


def test_headers_of_one_connection_stay_there() -> None:
    """Hop-by-hop headers, and those that Connection names, go no further in either direction."""
    upstream = Upstream(headers=[(b"x-once", b"1"), (b"x-more", b"2"), (b"connection", b"x-once")])
    with on_a_port(lambda _: upstream) as origin, forwarding(origin) as (url, _):
        answer = httpx.get(
            url, headers={"connection": "keep-alive, x-mine", "x-mine": "1", "te": "trailers", "x-other": "2"}
        )
    assert not {"x-mine", "te"} & upstream.headers_asked.keys()
    assert upstream.headers_asked["x-other"] == "2"
    assert "x-once" not in answer.headers
    assert answer.headers["x-more"] == "2"


@pytest.mark.parametrize(("wanted", "asked"), [("gzip, br", "gzip"), ("br", "identity")])
def test_compression_stays_readable(wanted: str, asked: str) -> None:
    """A compressed answer reaches the client as it is, and is recorded and judged in plain."""
    packed = gzip.compress(b'{"a": 1}')
    upstream = Upstream(
        packed, headers=[(b"content-encoding", b"gzip"), (b"content-type", b"application/json")]
    )
    with on_a_port(lambda _: upstream) as origin, forwarding(origin, keep=True) as (url, app):
        answer = requests.get(url, headers={"accept-encoding": wanted}, timeout=5)
        assert answer.json() == {"a": 1}
        assert answer.headers["content-encoding"] == "gzip"
    assert upstream.headers_asked["accept-encoding"] == asked
    [exchange] = app.journal
    assert exchange.response_json == {"a": 1}


def test_journal_has_no_whole_key() -> None:
    """Bodies are kept whole, however long; the address is the server's."""
    upstream = Upstream(b'"%s"' % (b"x" * 100_000))
    with on_a_port(lambda _: upstream) as origin, forwarding(origin, keep=True) as (url, app):
        httpx.get(f"{url}/api/rest/v1/me?a=1", headers={"authorization": "Bearer very-secret-key"})
    [exchange] = app.journal
    assert exchange.request_headers["authorization"] == "Bearer very…"
    assert (exchange.path, exchange.query) == (f"{origin}/api/rest/v1/me", "a=1")
    assert (len(exchange.response_body), exchange.cut) == (100_002, False)


def test_upstream_that_is_silent() -> None:
    """504, and a sentence that says how long was waited."""
    upstream = Upstream()
    upstream.silent = True
    with on_a_port(lambda _: upstream) as origin, forwarding(origin, timeout=0.1) as (url, _):
        answer = httpx.get(f"{url}/a")
    assert answer.status_code == 504
    assert answer.json() == {
        "error": f"leomock: 504 GET /a: {origin} did not answer within 0.1 s",
        "path": "$",
        "code": "unexpected",
    }


def test_upstream_that_is_not_there() -> None:
    """502, and the reason."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{free.getsockname()[1]}"
        with forwarding(origin) as (url, _):
            answer = httpx.get(f"{url}/a")
    assert answer.status_code == 502
    assert (
        answer.json()["error"]
        == f"leomock: 502 GET /a: cannot reach {origin}: All connection attempts failed"
    )


def test_upstream_that_breaks_off() -> None:
    """The client sees that the answer is not whole; the log says so."""
    upstream = Upstream(b"half")
    upstream.breaks = True
    said: list[str] = []
    with on_a_port(lambda _: upstream) as origin, forwarding(origin, say=said.append) as (url, _):
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{url}/a")
        assert len(said) == 1
        assert said[0].startswith(f"leomock: GET /a: {origin} broke off its answer: ")


def test_forwarding_to_itself() -> None:
    """508 instead of an endless loop."""
    with forwarding("") as (url, _):
        answer = httpx.get(f"{url}/a")
    assert answer.status_code == 508
    assert answer.json()["error"] == f"leomock: 508 GET /a: {url} is this server itself"


def test_judge_finds_what_the_upstream_breaks() -> None:
    """Both directions, one line each; what is not of the API is left alone."""
    cost = {"amount": "0.0160", "unit": "DOLLARS"}
    job = {"generationId": 7, "apiCreditCost": 8, "cost": cost}
    upstream = Upstream(json.dumps({"sdGenerationJob": job}).encode())
    said: list[str] = []
    with (
        on_a_port(lambda _: upstream) as origin,
        forwarding(origin, judge=bench(origin), say=said.append) as (url, _),
    ):
        httpx.post(f"{url}/api/rest/v1/generations", json={})
        httpx.get(f"{url}/favicon.ico")
    speaker = "leomock referee: POST /api/rest/v1/generations (createGeneration)"
    assert said == [
        f"{speaker}: request body: prompt is missing\n",
        f"{speaker} 200: response body: sdGenerationJob.generationId is 7, not of type string\n",
    ]


def test_judge_has_nothing_against_a_fake() -> None:
    """A journey through it is clean."""
    said: list[str] = []
    with Fake() as fake, forwarding(fake.url, judge=bench(fake.url), say=said.append) as (url, _):
        headers = {"authorization": f"Bearer {fake.api_key}"}
        with httpx.Client(base_url=f"{url}/api/rest/v1", headers=headers) as client:
            made = client.post("/generations", json={"prompt": "a"}).json()
            id = made["sdGenerationJob"]["generationId"]
            for _ in range(2):
                assert client.get(f"/generations/{id}").status_code == 200
    assert said == []


def test_client_that_leaves_before_the_answer() -> None:
    """The upstream is not kept waiting for it, and nothing went by."""
    upstream = Upstream()
    upstream.silent = True
    left = threading.Event()

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await upstream(scope, receive, send)
        left.set()

    with on_a_port(lambda _: silent) as origin, forwarding(origin, keep=True) as (url, app):
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/a", timeout=0.2)
        assert left.wait(5)
        assert not list(app.journal)


def test_client_that_leaves_before_its_end() -> None:
    """Half a request is not passed on."""
    upstream = Upstream()

    async def run(origin: str) -> None:
        app = Forwarding(origin)
        messages = iter(
            [
                {"type": "http.request", "body": b"half", "more_body": True},
                {"type": "http.disconnect"},
            ]
        )

        async def receive() -> Any:
            return next(messages)

        async def send(message: Any) -> None:
            raise AssertionError(message)

        scope = {"type": "http", "method": "POST", "path": "/a", "query_string": b"", "headers": []}
        await app(scope, receive, send)
        await app.close()

    with on_a_port(lambda _: upstream) as origin:
        asyncio.run(run(origin))
    assert upstream.asked == []
