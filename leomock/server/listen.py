"""Run an app on a port, or without one, with an immediate start and stop."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING

from uvicorn.server import ServerState

from leomock.server.accepting import MOST_WAITING, Acceptor
from leomock.server.http_protocol import HttpProtocol
from leomock.server.http_protocol import ServerConfig as ServerConfig

if TYPE_CHECKING:
    import ssl

    from leomock.server.tls import TlsListener

# How long a client that has connected may take to send its request when the server is asked to stop.
FIRST_SECONDS = 0.05
# How long a call in progress may still take then.
GRACE_SECONDS = 5.0
# How long a call may take after its connection was closed because of that.
LAST_SECONDS = 0.5


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks a free port. Raises OSError."""
    if not host:  # the system's notation for all addresses of the machine
        raise OSError(errno.EADDRNOTAVAIL, "the host is empty")
    if not 0 <= port <= 65535:
        raise OSError(errno.EINVAL, "a port is 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # On Windows the option would let two servers share one port.
        if hasattr(socket, "SO_REUSEADDR") and not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(MOST_WAITING)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def address(listener: socket.socket) -> str:
    """Return the URL of a listening socket, with a host that a client can call."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"


class PortServer:
    """Serve an app on any number of ports, with or without TLS.

    `uvicorn.Server` checks ten times a second whether it should stop and sleeps while it shuts down, which
    slows down test suites that start many servers.
    """

    def __init__(self, config: ServerConfig) -> None:
        config.load()
        self._config = config
        self._state = ServerState()
        self._plain = Acceptor(self._protocol)
        self._tls: list[TlsListener] = []
        self._date: asyncio.TimerHandle | None = None

    def accept(self, connection: socket.socket) -> None:
        """Serve plain HTTP on a connection that another process has accepted."""
        if self._date is None:
            self._keep_date()
        self._plain.take(connection)

    async def open(self, listener: socket.socket) -> None:
        """Serve plain HTTP on a listening socket."""
        await self._plain.open(listener)
        self._keep_date()

    async def open_tls(
        self, listener: socket.socket, context: ssl.SSLContext, failed: Callable[[str], object]
    ) -> None:
        """Serve HTTPS on a listening socket; `failed` receives a sentence about handshakes that fail."""
        from leomock.server.tls import TlsListener

        self._tls.append(TlsListener(listener, context, self._protocol, failed))
        self._keep_date()

    async def close(self) -> None:
        """Stop accepting, and give calls in progress `GRACE_SECONDS` to finish.

        A proxy that has just connected, or sent a request that has not been read yet, gets its response too.
        """
        await self._plain.close()
        for tls in self._tls:
            await tls.close()
        if self._date:
            self._date.cancel()
        if any(connection.is_new for connection in self._connections()):
            await asyncio.sleep(FIRST_SECONDS)
        await asyncio.sleep(0)  # reads what has arrived on the others
        for connection in self._connections():
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=GRACE_SECONDS)
        # A call with a closed connection ends by itself, unless it waits for something else.
        for connection in self._connections():
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=LAST_SECONDS)
        for task in self._state.tasks:
            task.cancel()

    def _connections(self) -> list[HttpProtocol]:
        return [each for each in self._state.connections if isinstance(each, HttpProtocol)]

    def _protocol(self) -> asyncio.Protocol:
        return HttpProtocol(self._config, self._state)

    def _keep_date(self) -> None:
        """Update the `Date` header of all responses once a second."""
        if self._date:
            self._date.cancel()
        now = time.time()
        self._state.default_headers[:] = [(b"date", formatdate(now, usegmt=True).encode())]
        self._date = asyncio.get_running_loop().call_later(1 - now % 1, self._keep_date)


async def listen(
    config: ServerConfig,
    listener: socket.socket,
    stop: asyncio.Event,
    started: Callable[[], None],
    server: PortServer | None = None,
) -> None:
    """Serve on a socket until `stop` is set, then finish the calls in progress.

    `server` may serve other ports as well; all are closed at the end.
    """
    server = server or PortServer(config)
    with listener:  # closes it even if this call is cancelled
        await server.open(listener)
        started()
        await stop.wait()
        await server.close()
