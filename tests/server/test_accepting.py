"""Connections are accepted as fast as they come."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from leomock.server.accepting import CONNECTIONS_BETWEEN_LOOKS, Acceptor
from leomock.server.lifecycle import new_event_loop
from leomock.server.listen import bind

CONNECTIONS = 100


class Counted(asyncio.Protocol):
    """Counts the connections that are open."""

    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count one."""
        Counted.made += 1


def test_waiting_connections_are_accepted_in_a_few_turns_of_the_loop() -> None:
    """A turn takes long on a busy server, and the clients of 1,000 turns later would have given up."""

    async def turns_to_accept() -> int:
        Counted.made = turns = 0
        acceptor = Acceptor(Counted)
        listener = bind("127.0.0.1", 0)
        await acceptor.open(listener)
        with contextlib.ExitStack() as stack:
            for _ in range(CONNECTIONS):
                stack.enter_context(socket.create_connection(listener.getsockname()))
            while Counted.made < CONNECTIONS:
                turns += 1
                assert turns < 10 * CONNECTIONS
                await asyncio.sleep(0)
            await acceptor.close()
        return turns

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(turns_to_accept()) < CONNECTIONS_BETWEEN_LOOKS + 10
