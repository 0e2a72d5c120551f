"""Clients that send too slowly are answered 408; those that read nothing are disconnected."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from leomock import Fake
from tests.server.raw import connect, exchange, read_all

HEAD = b"POST /v1/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer slow\r\n"
TEXT = (
    b"leomock: 408 the request did not arrive within 0.25 seconds "
    b"(leomock serve --request-timeout changes the limit)"
)
CALL = b"GET /v1/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer slow\r\n\r\n"


@pytest.fixture(scope="module")
def served() -> Iterator[Fake]:
    with Fake(jobs="immediate", request_timeout=0.25) as fake:
        yield fake


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /v1/me HT",
        HEAD + b"a: b",
        HEAD + b'content-length: 50\r\n\r\n{"prompt":',
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{",
        HEAD + b"expect: 100-continue\r\ncontent-length: 50\r\n\r\n",
    ],
    ids=["request line", "headers", "body", "chunk", "body after 100 Continue"],
)
def test_request_that_stops_arriving_is_answered_408(served: Fake, begun: bytes) -> None:
    answer = exchange(served.url, begun)
    assert answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").startswith(
        b"HTTP/1.1 408 Request Timeout\r\n"
    )
    assert answer.endswith(TEXT)
    assert len(served.tenant("slow").world.generations) == 0


def test_request_that_trickles_is_answered_408(served: Fake) -> None:
    """Bytes that arrive do not extend the time."""
    with connect(served.url) as client:
        client.sendall(HEAD)
        client.settimeout(0.005)
        answer = b""
        for _ in range(400):
            try:
                client.sendall(b"a: b\r\n" if not answer else b"")
                answer = client.recv(65536)
                break
            except TimeoutError:
                continue
    assert answer.endswith(TEXT)


def test_connection_without_a_request_is_closed_without_an_answer(served: Fake) -> None:
    with connect(served.url) as client:
        assert read_all(client) == b""


def test_second_request_of_a_connection_has_its_own_time(served: Fake) -> None:
    with connect(served.url) as client:
        client.sendall(CALL)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        client.sendall(CALL[:20])
        assert read_all(client).endswith(TEXT)


def test_answer_that_takes_longer_than_a_request_may_is_given(served: Fake) -> None:
    """The time ends with the request, so a delayed answer is not cut off."""
    with served.tenant("patient").scenario({"rules": [{"then": {"delay": 0.3}}]}):
        answer = httpx.get(f"{served.url}/v1/me", headers={"authorization": "Bearer patient"})
    assert answer.status_code == 200


def test_journal_keeps_a_request_whose_body_was_too_slow(served: Fake) -> None:
    served.tenant("slow").reset()
    httpx.get(f"{served.url}/v1/me", headers={"authorization": "Bearer slow"})
    exchange(served.url, HEAD + b"content-length: 50\r\n\r\n{")
    httpx.get(f"{served.url}/_leomock/health")
    last = list(served.tenant("slow").world.journal)[-1]
    assert (last.operation, last.status, last.breakage, last.explain) == (
        "createGeneration",
        408,
        "",
        f"{TEXT.removeprefix(b'leomock: 408 ').decode()}; the request was not executed",
    )


def test_journal_keeps_an_upload_that_was_too_slow(served: Fake) -> None:
    tenant = served.tenant("slow")
    tenant.reset()
    headers = {"authorization": "Bearer slow"}
    form = httpx.post(f"{served.url}/v1/init-image", json={"extension": "png"}, headers=headers).json()
    path = httpx.URL(form["uploadInitImage"]["url"]).raw_path
    exchange(served.url, b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nab" % path)
    httpx.get(f"{served.url}/_leomock/health")
    last = list(tenant.world.journal)[-1]
    assert (last.channel, last.status) == ("upload", 408)
    assert (
        last.explain == "The request did not arrive within 0.25 seconds "
        "(leomock serve --request-timeout changes the limit)."
    )


# --- clients that do not read ----------------------------------------------------------------------------

PIECE = b"x" * 2**20
PIECES = 64  # more than the buffers of both sides hold


class Sending:
    """An app that sends a large response; `ended` is set when it has nothing left to do."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a length, in pieces."""
        length = (b"content-length", b"%d" % (PIECES * len(PIECE)))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        for left in range(PIECES - 1, -1, -1):
            await send({"type": "http.response.body", "body": PIECE, "more_body": left > 0})
        self.ended.set()


@contextlib.contextmanager
def sending(seconds: float) -> Iterator[tuple[str, Sending]]:
    """The address of such an app, whose clients may read nothing for some seconds."""
    app, fake = Sending(), Fake(request_timeout=seconds)
    fake.app = app
    with fake:
        yield fake.url, app


def test_client_that_reads_nothing_is_disconnected() -> None:
    with sending(0.25) as (url, app), connect(url) as client:
        client.sendall(CALL)
        assert app.ended.wait(30)
        client.settimeout(30)
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while data := client.recv(2**20):
                got += len(data)
    assert got < PIECES * len(PIECE)


def test_client_that_goes_on_reading_gets_everything() -> None:
    with sending(30) as (url, app), connect(url) as client:
        client.settimeout(30)
        client.sendall(CALL)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        size = 0
        while size < PIECES * len(PIECE):
            size += len(client.recv(2**20))
        assert app.ended.wait(30)
