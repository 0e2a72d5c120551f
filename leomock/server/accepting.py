"""Accept connections as fast as they come, even if each turn of the event loop takes long."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

# Connections that may wait to be accepted. The system drops any more; their clients retry after seconds.
MOST_WAITING = 2048
# uvloop accepts one connection per turn of its loop. On a busy server a turn takes tens of milliseconds, so
# connections would arrive faster than they are accepted. Every eighth connection therefore also accepts all
# that are waiting. Checking for them every time would cost half as much as accepting one.
CONNECTIONS_BETWEEN_LOOKS = 8


class Acceptor:
    """Connects a protocol to the clients of any number of listening sockets."""

    def __init__(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._protocol = protocol
        self._servers: list[tuple[socket.socket, asyncio.AbstractServer]] = []
        self._accepted = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, listener: socket.socket) -> None:
        """Begin to accept connections on a listening TCP socket."""

        def accepted() -> asyncio.BaseProtocol:
            self._accepted += 1
            if self._accepted % CONNECTIONS_BETWEEN_LOOKS == 0:
                self._take_waiting(listener)
            return self._protocol()

        loop = asyncio.get_running_loop()
        server = await loop.create_server(accepted, sock=listener, backlog=MOST_WAITING)
        self._servers.append((listener, server))

    def take(self, connection: socket.socket) -> None:
        """Use a connection that was accepted elsewhere."""
        connection.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._connect(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop accepting, after the connections that wait: the system would reset those."""
        for listener, server in self._servers:
            self._take_waiting(listener)
            server.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _take_waiting(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # none is left
            while True:
                self.take(listener.accept()[0])

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client has gone
            connection.close()
