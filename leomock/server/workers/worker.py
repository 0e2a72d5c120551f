"""One of several processes behind one port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp

from leomock.server.listen import GRACE_SECONDS, LAST_SECONDS, PortServer
from leomock.server.workers.app import WorkerApp
from leomock.server.workers.ownership import Ownership
from leomock.server.workers.passing import FINISHED, NOT_READY, STOP, Receiver
from leomock.server.workers.peers import Peers, PeerServer

# The parent lets workers finish together; a parent that hangs must not keep them.
SECONDS_FOR_THE_OTHERS = GRACE_SECONDS + LAST_SECONDS + 1.0


def socket_path(folder: Path, number: int) -> Path:
    """Return the path of a worker's Unix socket. Systems limit it to about 100 bytes."""
    return folder / f"{number}.sock"


class Worker:
    """The part of a worker that speaks with the parent and the other workers.

    `number` counts from 0; `folder` has the sockets of all workers, and `end` leads to the parent.
    """

    def __init__(self, number: int, ownership: Ownership, folder: Path, end: socket.socket) -> None:
        self.number = number
        self._ownership = ownership
        self._folder = folder
        self._end = end
        self._stopped_by_parent = False
        self._parent_has_gone = asyncio.Event()

    def app(self, app: ASGIApp) -> ASGIApp:
        """Return the app for connections: it answers what this worker owns, and passes the rest on."""
        peers = Peers(lambda number: socket_path(self._folder, number))
        return WorkerApp(app, self.number, self._ownership, peers)

    async def serve(
        self,
        server: PortServer,
        app: ASGIApp,
        stop: asyncio.Event,
        not_ready: Callable[[], None],
    ) -> None:
        """Answer on the connections that the parent passes, until it or a signal says to stop.

        `app` answers requests of other workers. `not_ready` is called when the parent is about to stop.
        """

        def on_message(tag: bytes) -> None:
            if tag == NOT_READY:
                not_ready()
            elif tag == STOP:
                self._stopped_by_parent = True
                stop.set()
            elif not tag:
                self._parent_has_gone.set()
                stop.set()

        peers = PeerServer(app, socket_path(self._folder, self.number))
        await peers.open()
        Receiver(self._end, server.accept, on_message).open()
        await stop.wait()
        await server.close()
        if self._stopped_by_parent:
            # The other workers may still need answers from this one.
            self._end.send(FINISHED)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._parent_has_gone.wait(), SECONDS_FOR_THE_OTHERS)
        await peers.close(GRACE_SECONDS)
