"""Run an app on a port, or without one, with an immediate start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http
import socket
import ssl
import struct
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from leomock.server.breakage import CONNECTION, Connection
from leomock.server.head_limit import LONGEST_HEAD, HeadLimit, TooLarge
from leomock.server.joined_writes import JoinedWrites
from leomock.server.tls import TlsListener
from leomock.server.upgrade import UpgradeIgnoringParser, without_offer

# How long a call in progress may still take when the server is asked to stop.
GRACE_SECONDS = 5.0
# How long a call may take after its connection was closed because of that.
LAST_SECONDS = 0.5
# How long a request may take to arrive. A body of 25 MiB needs 3.5 Mbit/s for that.
REQUEST_SECONDS = 60.0


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
        listener.listen(2048)
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


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration, plus the number of seconds in which a request must arrive."""

    request_seconds: float = REQUEST_SECONDS


def make_config(
    app: ASGIApp, longest_head: int = LONGEST_HEAD, request_seconds: float = REQUEST_SECONDS
) -> ServerConfig:
    """Configure uvicorn's protocol for an app, without its logging and signals.

    `longest_head` is the largest size of a request line with headers, in bytes. `request_seconds` is how long
    a request may take to arrive, from its first byte to the last of its body.
    """
    config = ServerConfig(
        _unless_cancelled(app),
        h11_max_incomplete_event_size=longest_head,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
    )
    config.request_seconds = request_seconds
    return config


def _unless_cancelled(app: ASGIApp) -> ASGIApp:
    """End quietly when the server stops while a request is still being answered."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:  # faster than `suppress`
            await app(scope, receive, send)
        except asyncio.CancelledError:
            return

    return run


class _SocketConnection(Connection):
    """A connection that a scenario can break."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.waiting = False  # the client waits for us, and may wait for a long time

    def reset(self) -> None:
        with contextlib.suppress(OSError, AttributeError, ValueError):  # it may be closed already
            # Without this the client would see a normal end.
            linger = struct.pack("ii", 1, 0)
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()

    def end(self) -> None:
        self._transport.close()

    async def pause(self, seconds: float, receive: Receive) -> bool:
        self.waiting = True
        try:
            async with asyncio.timeout(seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
            return False
        except TimeoutError:
            return True
        finally:
            self.waiting = False


class BreakableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a connection that a scenario can break and without upgrades."""

    _connection: _SocketConnection
    _joined: JoinedWrites

    def __init__(self, config: ServerConfig, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state)
        self.parser = UpgradeIgnoringParser(self)
        self._offer = b""
        self._limit = HeadLimit(config.h11_max_incomplete_event_size or LONGEST_HEAD)
        self._too_large: TooLarge | None = None
        self._request_seconds = config.request_seconds
        self._deadline: asyncio.TimerHandle | None = None  # only while a request is incomplete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        joined = JoinedWrites(transport)
        super().connection_made(joined)
        self._joined = joined
        self._connection = _SocketConnection(joined)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._joined.flush()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        limit = self._limit
        began_in_head = limit.in_head
        super().data_received(data)
        if limit.in_message and not self.transport.is_closing():
            try:
                limit.received(len(data), self.url, self.headers, began_in_head=began_in_head)
            except TooLarge as error:
                self._refuse_head(error)
            if self._deadline is None:
                self._expect_request()

    def _expect_request(self) -> None:
        """Give the client `request_seconds` to complete its request."""
        self._deadline = self.loop.call_later(self._request_seconds, self._request_is_late)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _request_is_late(self) -> None:
        """Close the connection; first answer 408 if a request has begun and no response was sent."""
        self._deadline = None
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        arriving = self._limit.in_message and not self._limit.in_head
        if self.flow.read_paused or (answering and not arriving):
            self._expect_request()  # The client waits for the server, not the other way round.
        elif self._limit.in_message and not (answering and self.cycle.response_started):
            text = (
                f"leomock: 408 the request did not arrive within {self._request_seconds:g} seconds "
                "(leomock serve --request-timeout changes the limit)"
            )
            self._refuse(http.HTTPStatus.REQUEST_TIMEOUT, text)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if self._too_large:
            self._refuse_head(self._too_large)
        else:
            super().send_400_response(msg)

    def _refuse_head(self, error: TooLarge) -> None:
        self._refuse(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, error.text)

    def _refuse(self, status: http.HTTPStatus, text: str) -> None:
        """Answer with a status and a text, and close the connection."""
        body = text.encode()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%s" % (status, status.phrase.encode(), len(body), body)
        )
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        self._limit.add_content()
        super().on_body(body)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._limit.begin()
        scope: Any = self.scope  # the type of ASGI's scope knows no keys but its own
        scope[CONNECTION] = self._connection

    def on_headers_complete(self) -> None:
        try:
            self._limit.check(self.url, self.headers)
        except TooLarge as error:
            self._too_large = error
            raise
        self._limit.end_head()
        if self.parser.should_upgrade() and (method := self.parser.get_method()) != b"CONNECT":
            self._offer = without_offer(method, self.url, self.parser.get_http_version(), self.headers)
        else:
            super().on_headers_complete()
            self.headers = []  # for trailers: they must not replace a header that was already read

    def on_message_complete(self) -> None:
        self._limit.end()
        if self._deadline is not None:
            self._cancel_deadline()
        if not self._offer:
            super().on_message_complete()

    def take_offer(self) -> bytes:
        """Return the head of the request that offered an upgrade, without the offer."""
        head, self._offer = self._offer, b""
        return head

    def shutdown(self) -> None:
        super().shutdown()
        if self._connection.waiting:
            self._connection.reset()
        elif self._limit.in_message:
            self.transport.abort()  # Its request is incomplete, so there is nothing to finish.


class PortServer:
    """Serve an app on any number of ports, with or without TLS.

    `uvicorn.Server` checks ten times a second whether it should stop and sleeps while it shuts down, which
    slows down test suites that start many servers.
    """

    def __init__(self, config: ServerConfig) -> None:
        config.load()
        self._config = config
        self._state = ServerState()
        self._plain: list[asyncio.AbstractServer] = []
        self._tls: list[TlsListener] = []
        self._passed: set[asyncio.Task[None]] = set()
        self._date: asyncio.TimerHandle | None = None

    def accept(self, connection: socket.socket) -> None:
        """Serve plain HTTP on a connection that another process has accepted."""
        if self._date is None:
            self._keep_date()
        task = asyncio.get_running_loop().create_task(self._take(connection))
        self._passed.add(task)
        task.add_done_callback(self._passed.discard)

    async def _take(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client has gone
            connection.close()

    async def open(self, listener: socket.socket) -> None:
        """Serve plain HTTP on a listening socket."""
        self._plain.append(await asyncio.get_running_loop().create_server(self._protocol, sock=listener))
        self._keep_date()

    async def open_tls(
        self, listener: socket.socket, context: ssl.SSLContext, failed: Callable[[str], object]
    ) -> None:
        """Serve HTTPS on a listening socket; `failed` receives a sentence about handshakes that fail."""
        self._tls.append(TlsListener(listener, context, self._protocol, failed))
        self._keep_date()

    async def close(self) -> None:
        """Stop accepting, and give calls in progress `GRACE_SECONDS` to finish."""
        for server in self._plain:
            server.close()
        for tls in self._tls:
            await tls.close()
        if self._date:
            self._date.cancel()
        if self._passed:
            await asyncio.wait(self._passed)
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=GRACE_SECONDS)
        # A call with a closed connection ends by itself, unless it waits for something else.
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=LAST_SECONDS)
        for task in self._state.tasks:
            task.cancel()

    def _protocol(self) -> asyncio.Protocol:
        return BreakableProtocol(config=self._config, server_state=self._state, app_state={})

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
