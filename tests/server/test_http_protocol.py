"""HTTP/1.1 as clients see it: order, keep-alive, pieces, streams and backpressure, whoever answers."""

# ruff: noqa: D102 -- a transport is named as asyncio names it

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.server import ServerState

from leomock import Fake
from leomock.server import http_protocol
from leomock.server.direct import Answer, response_head
from leomock.server.http_protocol import HttpProtocol, ServerConfig
from tests.server.ports import on_a_port
from tests.server.raw import connect, exchange, read_all

ME = b"GET /v1/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer wire\r\n\r\n"
HEALTH = b"GET /_leomock/health HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = ME.replace(b"host: x", b"host: x\r\nconnection: close")


def create(prompt: str, *more: bytes) -> bytes:
    body = json.dumps({"prompt": prompt}).encode()
    lines = [
        b"POST /v1/generations HTTP/1.1",
        b"host: x",
        b"authorization: Bearer wire",
        b"content-length: %d" % len(body),
        *more,
        b"",
        body,
    ]
    return b"\r\n".join(lines)


@pytest.fixture(scope="module")
def served() -> Iterator[Fake]:
    with Fake(jobs="immediate") as fake:
        yield fake


@pytest.fixture
def url(served: Fake) -> str:
    served.tenant("wire").reset()
    return served.url


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answers)]


def paths(fake: Fake) -> list[str]:
    return [each.path for each in fake.tenant("wire").world.journal]


# --- order and keep-alive ---------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_their_order(served: Fake, url: str) -> None:
    """Those that the API answers at once, and those that run as ASGI calls."""
    answers = exchange(url, ME + HEALTH + create("first") + HEALTH + create("second") + LAST)
    assert statuses(answers) == [200] * 6
    kinds = re.findall(rb'\{"(\w+)"', answers)
    assert [kind for kind in kinds if kind in (b"user_details", b"status", b"sdGenerationJob")] == [
        *(b"user_details", b"status", b"sdGenerationJob", b"status", b"sdGenerationJob", b"user_details")
    ]
    prompts = [row["prompt"] for row in served.tenant("wire").world.generations]
    assert prompts == ["first", "second"]


def test_requests_before_one_that_is_not_http_are_answered(served: Fake, url: str) -> None:
    answers = exchange(url, create("before") + b"no HTTP\r\n\r\n")
    assert statuses(answers) == [200, 400]
    assert answers.endswith(b"connection: close\r\n\r\nInvalid HTTP request received.")
    assert len(served.tenant("wire").world.generations) == 1


def test_nothing_is_answered_after_a_request_that_closes(served: Fake, url: str) -> None:
    answers = exchange(url, LAST + create("late"))
    assert statuses(answers) == [200]
    assert b"\r\nconnection: close\r\n" in answers
    assert len(served.tenant("wire").world.generations) == 0


def test_http_1_0_ends_with_the_answer(url: str) -> None:
    answers = exchange(url, ME.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert statuses(answers) == [200]
    assert b"\r\nconnection: close\r\n" in answers


@pytest.mark.parametrize("path", [b"/v1/me", b"/_leomock/health"], ids=["at once", "as an ASGI call"])
def test_answer_to_head_has_no_body(url: str, path: bytes) -> None:
    asked = b"HEAD %s HTTP/1.1\r\nhost: x\r\nauthorization: Bearer wire\r\nconnection: close\r\n\r\n" % path
    head, _, body = exchange(url, asked).partition(b"\r\n\r\n")
    assert re.search(rb"\r\ncontent-length: [1-9]", head)
    assert body == b""


# --- requests in pieces -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 60, -18, -1], ids=["start", "headers", "body", "last byte"])
def test_request_may_arrive_in_pieces(cut: int) -> None:
    whole = create("a cat in pieces", b"connection: close")
    with Fake() as fake, connect(fake.url) as client:
        client.sendall(whole[:cut])
        fake.turns()
        assert paths(fake) == []
        client.sendall(whole[cut:])
        assert statuses(read_all(client)) == [200]


def test_body_larger_than_the_buffer_is_read(served: Fake, url: str) -> None:
    """It runs as an ASGI call, which reads while the rest arrives."""
    padded = create("a" * 1000, b"connection: close")
    head, _, body = padded.partition(b"\r\n\r\n")
    body = body[:-1] + b" " * (3 * HIGH_WATER_LIMIT) + b"}"
    head = re.sub(rb"content-length: \d+", b"content-length: %d" % len(body), head)
    assert statuses(exchange(url, head + b"\r\n\r\n" + body)) == [200]
    (row,) = served.tenant("wire").world.generations
    assert row["prompt"] == "a" * 1000


def test_answer_is_the_same_at_once_and_as_an_asgi_call(served: Fake) -> None:
    """A request that expects 100 Continue takes the other way; only its id and the date differ."""
    answers = []
    for more in ((), (b"expect: 100-continue",)):
        served.tenant("wire").reset()
        answer = exchange(served.url, create("a cat", b"connection: close", *more))
        answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        answers.append(re.sub(rb"(date|x-request-id): [^\r]*", rb"\1", answer))
    assert answers[0] == answers[1]


# --- responses --------------------------------------------------------------------------------------------


async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with two pieces and without a length."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"A", b"b")]})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


def test_response_without_a_length_is_chunked() -> None:
    with on_a_port(lambda url: streaming) as url:
        answer = exchange(url, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert b"\r\na: b\r\n" in answer
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_head_is_sent_before_the_first_piece_of_a_stream() -> None:
    """The page's live events begin like this: a head, and nothing for a while."""
    go_on = threading.Event()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.to_thread(go_on.wait)
        await send({"type": "http.response.body", "body": b"late"})

    with on_a_port(lambda url: waiting) as url, connect(url) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        head = client.recv(65536)
        go_on.set()
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert read_all(client) == b"4\r\nlate\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([], "ASGI callable returned without starting response."),
        ([{"type": "http.response.body", "body": b""}], "Exception in ASGI application\n"),
    ],
    ids=["nothing", "no start"],
)
def test_app_that_breaks_the_rules_is_answered_500(
    messages: list[Any], complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with on_a_port(lambda url: wrong) as url:
        answer = exchange(url, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert statuses(answer) == [500]
    assert answer.endswith(b"\r\n\r\nInternal Server Error")
    assert [record.getMessage() for record in caplog.records] == [complaint]


class Wrong:
    """An app whose direct answer has a header, or fails."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("not called")

    def answer_directly(self, scope: Scope, body: bytes) -> Answer:
        if not self._headers:
            raise ValueError("a defect")
        return Answer(200, self._headers, b"")


@pytest.mark.parametrize(
    "headers",
    [[], [(b"a", b"b\r\nc: d")], [(b"a b", b"c")]],
    ids=["an error", "a line break in a header", "a space in a header's name"],
)
def test_direct_answer_that_breaks_the_rules_is_answered_500(
    headers: list[tuple[bytes, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    with on_a_port(lambda url: Wrong(*headers)) as url:
        answer = exchange(url, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert statuses(answer) == [500]
    assert answer.endswith(b"\r\n\r\nInternal Server Error")
    assert [record.getMessage() for record in caplog.records] == ["Exception in ASGI application\n"]


def test_head_names_a_status_without_a_phrase() -> None:
    assert response_head(599, [(b"Date", b"now")], keep_alive=False) == (
        b"HTTP/1.1 599 \r\ndate: now\r\nconnection: close\r\n\r\n"
    )


# --- a client that does not read --------------------------------------------------------------------------


class Unread(asyncio.Transport):
    """A transport whose client reads nothing: it asks its writer to pause at the first write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reading: list[bool] = []
        self.protocol: HttpProtocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))
        self.protocol.pause_writing()

    def pause_reading(self) -> None:
        self.reading.append(False)

    def resume_reading(self) -> None:
        self.reading.append(True)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.written.append(b"close")


def test_client_that_does_not_read_is_not_answered_further() -> None:
    """Its further requests wait, and no more of them are read, until it has read what was sent."""
    fake = Fake(jobs="immediate")
    journal = fake.tenant("wire").world.journal

    async def turns() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def run() -> None:
        transport = Unread()
        config = ServerConfig(fake.app)
        config.load()
        transport.protocol = protocol = HttpProtocol(config, ServerState())
        protocol.connection_made(transport)
        protocol.data_received(ME * 500)
        await turns()
        assert len(transport.written) == 1
        # One more is handled, whose answer waits in its task.
        assert len(journal) == 2
        assert transport.reading == [False]
        while sum(answers.count(b"HTTP/1.1 200 OK") for answers in transport.written) < 500:
            before = len(transport.written)
            protocol.resume_writing()
            await turns()
            assert len(transport.written) > before
        assert transport.reading[-1]
        assert len(journal) == 500
        protocol.connection_lost(None)

    asyncio.run(run())


# --- idle connections -------------------------------------------------------------------------------------


def test_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each response restarts the time, whoever answers."""
    monkeypatch.setattr(http_protocol, "IDLE_SECONDS", 0.6)
    with Fake() as fake:
        for request in (ME, HEALTH):
            began = time.monotonic()
            with connect(fake.url) as client:
                for _ in range(3):
                    client.sendall(request)
                    assert statuses(client.recv(65536)) == [200]
                    time.sleep(0.3)
                assert read_all(client) == b""
            assert time.monotonic() - began >= 2 * 0.3 + 0.6


def test_connection_is_not_idle_while_a_response_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "IDLE_SECONDS", 0.2)
    slow = {"rules": [{"when": {"operation": "createGeneration"}, "then": {"delay": 0.6}}]}
    with Fake() as fake, fake.tenant("wire").scenario(slow), connect(fake.url) as client:
        for request in (ME, create("a cat"), create("a dog"), ME):
            client.sendall(request)
            assert statuses(client.recv(65536)) == [200]
        assert read_all(client) == b""
