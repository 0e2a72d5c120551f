"""A stop answers the requests that have reached the machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import pytest

from leomock.operations.dispatch import Dispatcher
from leomock.server.app import make_app
from leomock.server.lifecycle import asyncio_run
from leomock.server.listen import FIRST_SECONDS, PortServer, ServerConfig, bind

CALL = b"GET /v1/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer late\r\n\r\n"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with contextlib.closing(bind("127.0.0.1", 0)) as listener:
        yield listener


def answer_at_a_stop(
    listener: socket.socket, send: Callable[[socket.socket], object], *, accepted: bool
) -> bytes:
    """Connect, send something by `send`, and stop the server at once; return what it answers.

    Unless `accepted`, the server has no time to accept the connection before.
    """
    with socket.create_connection(listener.getsockname()) as client:

        async def run() -> None:
            server = PortServer(ServerConfig(make_app(Dispatcher())))
            await server.open(listener)
            if accepted:
                await asyncio.sleep(0.05)
            send(client)
            await server.close()

        asyncio_run(run())
        client.settimeout(10)
        return client.recv(65536)


def send_now(client: socket.socket) -> None:
    client.sendall(CALL)


def send_soon(client: socket.socket) -> None:
    asyncio.get_running_loop().call_later(FIRST_SECONDS / 5, client.sendall, CALL)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("send", [send_now, send_soon])
def test_request_that_comes_at_the_stop_is_answered(
    listener: socket.socket, send: Callable[[socket.socket], object], accepted: bool
) -> None:
    """A proxy that opens a connection for each request would otherwise have to answer 502."""
    assert answer_at_a_stop(listener, send, accepted=accepted).startswith(b"HTTP/1.1 200 OK\r\n")


def test_connection_on_which_nothing_comes_is_closed_at_the_stop(listener: socket.socket) -> None:
    assert answer_at_a_stop(listener, lambda client: None, accepted=True) == b""


def test_many_connections_can_wait_while_the_server_is_busy(listener: socket.socket) -> None:
    """More than 100, the default of an event loop."""

    async def run() -> None:
        server = PortServer(ServerConfig(make_app(Dispatcher())))
        await server.open(listener)
        try:
            with contextlib.ExitStack() as stack:
                for _ in range(200):  # the loop accepts none of them meanwhile
                    stack.enter_context(socket.create_connection(listener.getsockname(), timeout=0.8))
        finally:
            await server.close()

    asyncio_run(run())
