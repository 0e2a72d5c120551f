"""Requests whose head is known are answered as if the parser had read them."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given

from leomock import Fake
from leomock.server.known_heads import LONGEST_KNOWN_HEAD, MOST_HEADS, KnownHeads
from tests.properties.test_raw_bytes import requests
from tests.server.raw import connect, exchange, read_all

ORIGIN = ("http", ("127.0.0.1", 80))
HEAD = (
    b"POST /v1/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer known\r\ncontent-length: 16\r\n\r\n"
)
BODY = b'{"prompt":"cat"}'
ME = b"GET /v1/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer known\r\n\r\n"
LAST = ME.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")


def scope(*headers: tuple[bytes, bytes]) -> dict[str, object]:
    names = ("type", "asgi", "http_version", "scheme", "server", "root_path", "method", "path", "raw_path")
    return {**dict.fromkeys((*names, "query_string"), ""), "headers": list(headers), "client": "somebody"}


@pytest.fixture
def heads() -> KnownHeads:
    known = KnownHeads()
    known.add(HEAD + BODY, ORIGIN, scope((b"content-length", b"16")))
    return known


def test_body_may_differ(heads: KnownHeads) -> None:
    found = heads.find(HEAD + b'{"prompt":"dog"}', ORIGIN)
    assert found
    assert found[1] == b'{"prompt":"dog"}'
    assert "client" not in found[0].scope


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(HEAD, id="no body"),
        pytest.param(HEAD + BODY[:-1], id="half a body"),
        pytest.param(HEAD + BODY + ME, id="two requests"),
        pytest.param(HEAD.replace(b"known", b"other") + BODY, id="another key"),
        pytest.param(HEAD[:-4], id="half a head"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_anything_else_is_parsed(heads: KnownHeads, data: bytes) -> None:
    assert heads.find(data, ORIGIN) is None


def test_same_bytes_to_another_port_are_parsed(heads: KnownHeads) -> None:
    assert heads.find(HEAD + BODY, ("https", ORIGIN[1])) is None


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        pytest.param(HEAD + BODY + b"more", [(b"content-length", b"16")], id="more than a request"),
        pytest.param(HEAD + BODY, [(b"transfer-encoding", b"chunked")], id="chunks"),
        pytest.param(HEAD + BODY, [(b"content-length", b"16"), (b"expect", b"100-continue")], id="expect"),
        pytest.param(b"GET / HTTP/1.1\n\n", [], id="other line ends"),
        pytest.param(b"GET / HTTP/1.1\r\na: %b\r\n\r\n" % (b"b" * LONGEST_KNOWN_HEAD), [], id="long"),
    ],
)
def test_head_is_not_remembered(data: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    heads = KnownHeads()
    heads.add(data, ORIGIN, scope(*headers))
    assert heads.find(data, ORIGIN) is None


def test_oldest_head_is_forgotten_for_a_new_one(heads: KnownHeads) -> None:
    for number in range(MOST_HEADS):
        heads.add(b"GET /%d HTTP/1.1\r\n\r\n" % number, ORIGIN, scope())
    assert heads.find(HEAD + BODY, ORIGIN) is None
    assert heads.find(b"GET /0 HTTP/1.1\r\n\r\n", ORIGIN)


# --- on a server ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served() -> Iterator[Fake]:
    with Fake(jobs="immediate") as fake:
        yield fake


def same(answer: bytes) -> bytes:
    """An answer without its date and ids."""
    without_ids = re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"", answer)
    return re.sub(rb"(?m)^date: .*$|\"(created|moment|milliseconds)\":[^,}]*", b"", without_ids)


@given(request=requests)
def test_answer_is_the_same(request: bytes) -> None:
    """In the journal, too."""
    answers = []
    with Fake(jobs="immediate") as fake:
        for _ in range(3):
            fake.tenant("raw").reset()
            answers.append(same(exchange(fake.url, request, end=True)))
            answers[-1] += same(str([each.as_json() for each in fake.tenant("raw").world.journal]).encode())
    assert answers[1:] == answers[:1] * 2


def test_every_request_is_executed_and_recorded(served: Fake) -> None:
    tenant = served.tenant("known")
    tenant.reset()
    prompts = [b"cat", b"dog", b"cow", b"cow"]
    with connect(served.url) as client:
        for prompt in prompts:
            client.sendall(HEAD + BODY.replace(b"cat", prompt))
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        client.sendall(LAST)
        assert read_all(client).startswith(b"HTTP/1.1 200 ")
    assert [row["prompt"] for row in tenant.world.generations] == ["cat", "dog", "cow", "cow"]
    assert [each.request_json for each in tenant.world.journal][:4] == [
        {"prompt": prompt.decode()} for prompt in prompts
    ]
    assert all(each.headers["content-length"] == "16" for each in list(tenant.world.journal)[:4])


def test_delayed_answers_to_the_same_head_are_not_mixed_up(served: Fake) -> None:
    tenant = served.tenant("known")
    tenant.reset()
    exchange(served.url, HEAD + BODY, end=True)
    slow = {"rules": [{"when": {"operation": "createGeneration"}, "then": {"delay": 0.2}}]}
    prompts = [b"dog", b"cow", b"hen"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(tenant.scenario(slow))
        clients = [stack.enter_context(connect(served.url)) for _ in prompts]
        for client, prompt in zip(clients, prompts, strict=True):
            client.sendall(HEAD + BODY.replace(b"cat", prompt))
        answers = [client.recv(4096) for client in clients]
    rows = {row["prompt"]: row["id"] for row in tenant.world.generations}
    for prompt, answer in zip(prompts, answers, strict=True):
        assert rows[prompt.decode()].encode() in answer
    recorded = {each.body: each.response_body for each in tenant.world.journal}
    for prompt in prompts:
        assert rows[prompt.decode()].encode() in recorded[BODY.replace(b"cat", prompt)]


def test_connection_lives_on_after_a_known_request() -> None:
    """The time for a request to arrive begins with its first byte."""
    with Fake(request_timeout=0.4) as fake:
        exchange(fake.url, ME, end=True)
        with connect(fake.url) as client:
            client.sendall(ME)
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.6)
            client.sendall(ME[:20])
            time.sleep(0.1)
            client.sendall(ME[20:])
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
            client.sendall(ME[:20])
            assert client.recv(4096).startswith(b"HTTP/1.1 408 ")
