"""Whatever bytes clients send, the server answers the next call, and its journal is whole."""

from __future__ import annotations

import contextlib
import socket
from itertools import pairwise
from typing import Any

import httpx
import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from leomock import Fake
from leomock.state.render_cache import RENDERED
from tests.server.raw import connect

# A second is what a call may take; the rest is for a machine that is busy with other tests.
SECONDS = 10
PATHS = [b"/v1/generations", b"/v1/me", b"/s3/x", b"/cdn/x", b"/_leomock/requests", b"/%00%01", b"/a b", b"*"]
METHODS = [b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"BREW", b"get"]
HEADERS = [
    b"host: x",
    b"authorization: Bearer raw",
    b"authorization: Bearer \xff",
    b"content-type: multipart/form-data; boundary=b",
    b"content-length: 18",
    b"content-length: 2",
    b"content-length: -1",
    b"content-length: 99999999999999999999",
    b"transfer-encoding: chunked",
    b"connection: close",
    b"connection: upgrade\r\nupgrade: h2c",
    b"expect: 100-continue",
    b"x: " + b"y" * 9000,
    b"no colon",
    b": no name",
    b"a\x00b: c",
]
BODIES = [
    b"",
    b'{"prompt":"a cat"}',
    b'{"prompt":' + b"[" * 300,
    b'12\r\n{"prompt":"a cat"}\r\n0\r\n\r\n',
    b'12\r\n{"prompt":"a cat"}\r\n0\r\nauthorization: Bearer other\r\n\r\n',
    b"ZZ\r\n",
    b"FFFFFFFFFFFFFFFFF\r\n",
    b"--b\r\ncontent-disposition: form-data; name=key\r\n\r\na\x01b\r\n--b--",
]

requests = st.builds(
    lambda method, path, headers, body: b"\r\n".join(
        [b"%s %s HTTP/1.1" % (method, path), *headers, b"", body]
    ),
    st.sampled_from(METHODS),
    st.sampled_from(PATHS),
    st.lists(st.sampled_from(HEADERS), max_size=5),
    st.sampled_from(BODIES),
)
pipelines = st.lists(requests | st.binary(max_size=50), min_size=1, max_size=4).map(b"".join)


class RawBytes(RuleBasedStateMachine):
    """Clients that send bytes, in pieces, and leave when they want to."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = Fake(jobs="immediate", journal=50, journal_bytes=200_000)
        self.fake.open()
        self.open: list[socket.socket] = []

    def teardown(self) -> None:
        """Leave nothing open."""
        for client in self.open:
            client.close()
        self.fake.close()

    @rule(data=pipelines, cuts=st.lists(st.integers(0, 400), max_size=4))
    def send_in_pieces(self, data: bytes, cuts: list[int]) -> None:
        """Send requests cut anywhere, and keep the connection."""
        client = connect(self.fake.url)
        self.open.append(client)
        places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
        with contextlib.suppress(OSError):
            for start, end in pairwise(places):
                client.sendall(data[start:end])

    @rule(data=pipelines)
    def send_and_leave(self, data: bytes) -> None:
        """Send requests, all at once, and close at once."""
        with connect(self.fake.url) as client, contextlib.suppress(OSError):
            client.sendall(data)

    @rule(data=pipelines)
    def send_byte_by_byte(self, data: bytes) -> None:
        """Send the beginning of requests in pieces of one byte."""
        with connect(self.fake.url) as client, contextlib.suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in data[:200]:
                client.sendall(bytes([byte]))

    @rule(data=st.data())
    def continue_or_leave(self, data: Any) -> None:
        """Send more on a connection that is open, or close it."""
        if self.open:
            place, more = data.draw(st.integers(0, len(self.open) - 1)), data.draw(pipelines)
            with self.open.pop(place) as client, contextlib.suppress(OSError):
                client.sendall(more)

    @invariant()
    def fresh_call_is_answered(self) -> None:
        """On a connection of its own."""
        answer = httpx.get(f"{self.fake.url}/_leomock/health", timeout=SECONDS)
        assert answer.json()["ready"] is True

    @invariant()
    def journals_are_whole_and_bounded(self) -> None:
        """Numbers have no gap, every exchange can be written, and memory stays below the limits."""
        worlds = self.fake.api.worlds
        for journal in [*(world.journal for world in worlds), worlds.unauthenticated_journal]:
            exchanges = list(journal)
            numbers = [exchange.number for exchange in exchanges]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
            assert len(numbers) <= 50
            written = orjson.dumps([exchange.as_json() for exchange in exchanges])
            assert len(written) < 2_000_000
        assert RENDERED.size <= RENDERED.limit

    @invariant()
    def other_keys_are_never_used(self) -> None:
        """A trailer must not choose the tenant."""
        assert "other" not in [world.key for world in self.fake.api.worlds]


TestRawBytes = RawBytes.TestCase
TestRawBytes.settings = settings(max_examples=10, stateful_step_count=8, deadline=None)
