"""Passing connections between two ends in one process; the real processes are in tests/cli/serving."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from leomock.server.listen import FIRST_SECONDS, bind
from leomock.server.workers.passing import (
    CONNECTION,
    READY,
    STOP,
    Distributor,
    Receiver,
    WorkerLink,
    can_pass_connections,
)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not can_pass_connections(), reason="needs Linux or macOS"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Ends:
    """A link of the parent, and what a worker and the parent heard."""

    def __init__(self) -> None:
        self.link = WorkerLink()
        self.connections: asyncio.Queue[socket.socket] = asyncio.Queue()
        self.by_worker: asyncio.Queue[bytes] = asyncio.Queue()
        self.by_parent: asyncio.Queue[bytes] = asyncio.Queue()
        self.worker_end: socket.socket | None = None

    def start(self, reads: bool = True) -> None:
        """Connect the link to a new worker."""
        ours, self.worker_end = socket.socketpair()
        if reads:
            Receiver(self.worker_end, self.connections.put_nowait, self.by_worker.put_nowait).open()
        self.link.attach(ours, self.by_parent.put_nowait)


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ends = Ends()
    yield ends
    ends.link.close()
    if ends.worker_end:
        asyncio.get_running_loop().remove_reader(ends.worker_end)
        ends.worker_end.close()


async def test_connection_arrives_and_is_closed_by_the_parent_afterwards(ends: Ends) -> None:
    ends.start()
    assert await ends.by_parent.get() == READY
    client, accepted = socket.socketpair()
    with client:
        ends.link.send(CONNECTION, accepted)
        ends.link.send(STOP)
        with await ends.connections.get() as received:
            received.sendall(b"hello")
            assert client.recv(5) == b"hello"
        assert await ends.by_worker.get() == STOP
        client.setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(client, 5) == b""
        assert accepted.fileno() == -1


async def test_more_connections_than_may_be_under_way_arrive_in_order(ends: Ends) -> None:
    ends.start()
    pairs = [socket.socketpair() for _ in range(200)]
    for _, accepted in pairs:
        ends.link.send(CONNECTION, accepted)
    for number, (client, _) in enumerate(pairs):
        with await ends.connections.get() as received, client:
            received.sendall(str(number).encode())
            assert client.recv(9) == str(number).encode()


async def test_connection_that_a_dead_worker_has_not_received_goes_to_the_next(ends: Ends) -> None:
    ends.start(reads=False)
    client, accepted = socket.socketpair()
    with client:
        ends.link.send(CONNECTION, accepted)
        assert ends.worker_end
        ends.worker_end.close()
        assert await ends.by_parent.get() == b""
        ends.link.detach()
        ends.start()
        with await ends.connections.get() as received:
            received.sendall(b"x")
            assert client.recv(1) == b"x"


async def test_worker_learns_that_its_parent_has_gone(ends: Ends) -> None:
    ends.start()
    assert await ends.by_parent.get() == READY
    ends.link.close()
    assert await ends.by_worker.get() == b""


async def test_distributor_looks_at_what_arrives_and_leaves_it_unread(ends: Ends) -> None:
    ends.start()
    listener = bind("127.0.0.1", 0)
    address = listener.getsockname()
    heads: list[bytes] = []

    def owner_of(head: bytes) -> int:
        heads.append(head)
        return 0

    distributor = Distributor(listener, [ends.link], owner_of, patience=60)
    distributor.open()
    try:
        with socket.create_connection(address) as silent, socket.create_connection(address) as client:
            client.sendall(b"GET /")
            with await ends.connections.get() as received:
                assert (received.recv(99), heads) == (b"GET /", [b"GET /"])
                assert received.getpeername() == client.getsockname()
            silent.setblocking(False)
    finally:
        await distributor.close()


async def test_silent_connection_is_closed(ends: Ends) -> None:
    listener = bind("127.0.0.1", 0)
    distributor = Distributor(listener, [ends.link], lambda head: 0, patience=0.05)
    distributor.open()
    try:
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        assert await reader.read() == b""
        writer.close()
    finally:
        await distributor.close()


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("seconds", [0.0, FIRST_SECONDS / 5])
async def test_request_that_comes_at_the_stop_is_passed_on(
    ends: Ends, seconds: float, accepted: bool
) -> None:
    """Its connection may have been accepted before, or still wait for that."""
    ends.start()
    listener = bind("127.0.0.1", 0)
    distributor = Distributor(listener, [ends.link], lambda head: 0, patience=60)
    distributor.open()
    with (
        socket.create_connection(listener.getsockname()) as client,
        socket.create_connection(listener.getsockname()) as silent,
    ):
        if accepted:
            await asyncio.sleep(0.02)
        asyncio.get_running_loop().call_later(seconds, client.sendall, b"GET /")
        await distributor.close()
        with await ends.connections.get() as received:
            assert received.recv(99) == b"GET /"
        silent.settimeout(5)
        assert silent.recv(1) == b""
