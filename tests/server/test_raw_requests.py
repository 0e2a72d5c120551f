"""Requests that break off, exceed a limit, or are not HTTP: none is executed, none harms the server."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from leomock import Fake
from leomock.server.head_limit import LONGEST_FRAMING, LONGEST_HEAD, MOST_HEADERS
from tests.server.raw import connect, exchange, read_all

KEY = "raw"
HEAD = b"POST /v1/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer raw\r\n"
LEFT = "the client disconnected before the request body was complete; the request was not executed"


@pytest.fixture(scope="module")
def served() -> Iterator[Fake]:
    with Fake(jobs="immediate") as fake:
        yield fake


@pytest.fixture
def url(served: Fake) -> str:
    served.tenant(KEY).reset()
    return served.url


def rows(fake: Fake) -> int:
    return len(fake.tenant(KEY).world.generations)


@pytest.mark.parametrize(
    "body",
    [
        b'content-length: 50\r\n\r\n{"prompt":"a cat"}',
        b'transfer-encoding: chunked\r\n\r\n12\r\n{"prompt":"a cat"}\r\n',
        b'transfer-encoding: chunked\r\n\r\n12\r\n{"prompt":"a cat"}\r\nZZ\r\n',
        b"content-length: 18\r\n\r\n",
    ],
    ids=["too short", "no last chunk", "a bad chunk", "no body"],
)
def test_request_whose_body_does_not_end_is_not_executed(served: Fake, url: str, body: bytes) -> None:
    exchange(url, HEAD + body, end=True)
    assert httpx.get(f"{url}/_leomock/health").status_code == 200
    assert rows(served) == 0


def test_journal_says_that_the_client_disconnected(served: Fake, url: str) -> None:
    httpx.get(f"{url}/v1/me", headers={"authorization": "Bearer raw"})
    exchange(url, HEAD + b'content-length: 50\r\n\r\n{"prompt":"a cat"}', end=True)
    # The server closes the connection before the call that waited for its body ends.
    httpx.get(f"{url}/_leomock/health")
    last = list(served.tenant(KEY).world.journal)[-1]
    assert (last.operation, last.status, last.breakage, last.explain) == (
        "createGeneration",
        0,
        "client_disconnected",
        LEFT,
    )
    assert last.request_body == b'{"prompt":"a cat"}'


def test_trailer_does_not_replace_a_header(served: Fake, url: str) -> None:
    answer = exchange(
        url,
        HEAD + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        b'12\r\n{"prompt":"a cat"}\r\n0\r\nauthorization: Bearer other\r\n\r\n',
    )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rows(served) == 1
    assert "other" not in [world.key for world in served.api.worlds]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (
            [b"a: b\r\n" * (MOST_HEADERS + 1)],
            f"leomock: 431 the request has more than {MOST_HEADERS} headers",
        ),
        (
            [b"a: " + b"b" * LONGEST_HEAD],
            f"leomock: 431 the request line and headers have more than {LONGEST_HEAD} bytes "
            "(leomock serve --max-head changes the limit)",
        ),
        (
            [b"a: " + b"b" * 4000 + b"\r\n"] * 17,
            f"leomock: 431 the request line and headers have more than {LONGEST_HEAD} bytes "
            "(leomock serve --max-head changes the limit)",
        ),
        (
            [b"transfer-encoding: chunked\r\n\r\n0\r\na: ", *[b"b" * 8000] * 20],
            f"leomock: 431 the body has more than {LONGEST_FRAMING} bytes of chunk sizes, extensions or "
            "trailers in a row",
        ),
    ],
    ids=["too many", "one too long", "together too long", "a trailer"],
)
def test_head_that_exceeds_a_limit_is_431(url: str, pieces: list[bytes], text: str) -> None:
    """Also where a single header never ends: it is not collected."""
    with connect(url) as client:
        client.sendall(HEAD)
        try:
            for piece in pieces:
                client.sendall(piece)
            for _ in range(200):
                client.sendall(b"b" * 65536)
        except OSError:
            pass  # The server closed the connection.
        answer = read_all(client)
    # Data that was still on its way may reset the connection before the answer is read.
    if answer:
        assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert answer.endswith(text.encode())


def test_long_url_is_431(url: str) -> None:
    answer = exchange(url, b"GET /" + b"a" * LONGEST_HEAD + b" HTTP/1.1\r\nhost: x\r\n\r\n", end=True)
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_headers_within_the_limits_are_accepted(url: str) -> None:
    answer = exchange(
        url,
        b"GET /v1/me HTTP/1.1\r\nconnection: close\r\nhost: x\r\nauthorization: Bearer raw\r\n"
        + b"a: b\r\n" * 150
        + b"c: "
        + b"d" * 60_000
        + b"\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_control_character_in_a_key_is_answered(url: str) -> None:
    """The explanation quotes the name; a header must not contain the character."""
    answer = exchange(url, b"GET /s3/a%01b/c%0d HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"There is no bucket a?b here." in answer


@pytest.mark.parametrize("depth", [65, 300, 1000, 100_000])
@pytest.mark.parametrize("name", ["elements", "unknown-name", "canvasRequest"])
def test_deeply_nested_body_is_read_as_no_variables(client: httpx.Client, name: str, depth: int) -> None:
    answer = client.post(
        "/generations",
        content=b'{"prompt":"x","%s":' % name.encode() + b"[" * depth + b"]" * depth + b"}",
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == 'expecting a value for non-nullable variable: "prompt"'
    assert "so it was read as no variables" in answer.headers["x-leomock-explain"]


def test_list_that_is_too_long_is_refused(client: httpx.Client) -> None:
    element = {"akUUID": "01b6184e-3905-4dc7-9ec6-4f09982536d5", "weight": 1.0}
    answer = client.post("/generations", json={"prompt": "x", "elements": [element] * 1001})
    assert answer.status_code == 400
    assert answer.json()["error"] == "elements must have at most 1000 items"


def test_stop_with_half_sent_requests_is_quiet() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "leomock", "serve", "--port", "0", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout
        url = process.stdout.readline().split()[-1].decode()
        upload = b"POST /s3/x HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nab"
        admin = b"PUT /_leomock/scenario HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{"
        with connect(url) as first, connect(url) as second, connect(url) as third:
            first.sendall(HEAD + b'content-length: 50\r\n\r\n{"prompt":')
            second.sendall(upload)
            third.sendall(admin)
            assert httpx.get(f"{url}/_leomock/health").status_code == 200
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert errors == b""
    assert process.returncode == 0
