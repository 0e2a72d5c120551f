"""uvicorn's HTTP protocol, plus direct answers, limits of size and time, and breakable connections."""

from __future__ import annotations

import asyncio
import contextlib
import http
import socket
import struct

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from leomock.server.breakage import CONNECTION, WatchedConnection
from leomock.server.direct import Answer, DirectApp, response_head
from leomock.server.head_limit import LONGEST_HEAD, HeadLimit, TooLarge
from leomock.server.known_heads import KnownHead, KnownHeads
from leomock.server.upgrade import feed, without_offer

# How long a request may take to arrive. A body of 25 MiB needs 3.5 Mbit/s for that.
REQUEST_SECONDS = 60.0
# How long a connection may be idle between two requests.
IDLE_SECONDS = 75


class ServerConfig(Config):
    """uvicorn's configuration for an app, without its logging and signals, and the limits for requests.

    `longest_head` is the largest size of a request line with headers, in bytes. `request_seconds` is how long
    a request may take to arrive, from its first byte to the last of its body, and how long a client may go
    without reading any of its response.
    """

    def __init__(
        self, app: ASGIApp, longest_head: int = LONGEST_HEAD, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        super().__init__(
            unless_cancelled(app),
            http=HttpToolsProtocol,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=True,  # leaves the logger unchanged; a program may use it for its own server
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=IDLE_SECONDS,
        )
        self.direct = app.answer_directly if isinstance(app, DirectApp) else None
        self.known_heads = KnownHeads()
        self.longest_head = longest_head
        self.request_seconds = request_seconds


def unless_cancelled(app: ASGIApp) -> ASGIApp:
    """End quietly when the server stops while a request is still being answered."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:  # faster than `suppress`
            await app(scope, receive, send)
        except asyncio.CancelledError:
            return

    return run


class _SocketConnection(WatchedConnection):
    """A connection that a scenario can break."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def reset(self) -> None:
        with contextlib.suppress(OSError, AttributeError, ValueError):  # it may be closed already
            # Without this the client would see a normal end.
            linger = struct.pack("ii", 1, 0)
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()

    def end(self) -> None:
        self._transport.close()


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    A request that has arrived completely is answered at once if the app can do that (`DirectApp`). uvicorn
    runs the others as ASGI calls in a task.
    """

    _connection: _SocketConnection

    def __init__(self, config: ServerConfig, state: ServerState) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self.access_log = False  # leomock writes its own
        self._direct = config.direct
        self._known_heads = config.known_heads
        self.is_new = True  # until the first byte of the first request arrives
        self._awaited: RequestResponseCycle | None = None  # answered directly once its request has arrived
        self._next: RequestResponseCycle | None = None
        self._is_answering = False
        self._offer = b""
        self._limit = HeadLimit(config.longest_head)
        self._too_large: TooLarge | None = None
        self._seconds = config.request_seconds
        self._deadline: asyncio.TimerHandle | None = None  # only while a request is incomplete
        self._unread: asyncio.TimerHandle | None = None  # only while the client does not read
        self._idle_since = 0.0

    # --- the transport --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self._connection = _SocketConnection(transport)
        self._origin = (self.scheme, self.server)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        self._stop_waiting_for_reader()
        self._unset_keepalive_if_required()
        awaited, self._awaited = self._awaited, None
        super().connection_lost(exc)
        if awaited is not None:  # The app notes what arrived, and that the client has disconnected.
            app = _with_partial_body(self.app, bytes(awaited.body))
            super()._start_asgi_task(awaited, app)  # type: ignore[arg-type]  # Starlette's name for the same

    def data_received(self, data: bytes) -> None:
        self.is_new = False
        limit = self._limit
        is_first = self._can_answer_at_once()
        if is_first and (found := self._known_heads.find(data, self._origin)):
            self._answer_known(*found)
            return
        began_in_head = limit.in_head
        limit.arrived(len(data))
        try:
            feed(self, data)
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        except httptools.HttpParserError:
            message = "Invalid HTTP request received."
            self.logger.warning(message)
            self.send_400_response(message)
            return
        if limit.in_message and not self.transport.is_closing():
            try:
                limit.received(len(data), self.url, self.headers, began_in_head=began_in_head)
            except TooLarge as error:
                self._refuse_head(error)
            if self._deadline is None:
                self._expect_request()
        elif is_first and self.cycle is not None and self.cycle.keep_alive:
            self._known_heads.add(data, self._origin, self.scope)  # type: ignore[arg-type]  # uvicorn's name

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_waiting_for_reader()
        self._unread = self.loop.call_later(self._seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_waiting_for_reader()
        super().resume_writing()

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    # --- the parser -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._limit.begin()
        self.scope[CONNECTION] = self._connection  # type: ignore[literal-required]  # a key of our own

    def on_headers_complete(self) -> None:
        try:
            self._limit.end_head(self.url, self.headers)
        except TooLarge as error:
            self._too_large = error
            raise
        if self.parser.should_upgrade() and (method := self.parser.get_method()) != b"CONNECT":
            self._offer = without_offer(method, self.url, self.parser.get_http_version(), self.headers)
        else:
            super().on_headers_complete()
            self.headers = []  # for trailers: they must not replace a header that was already read

    def on_body(self, body: bytes) -> None:
        self._limit.add_content()
        super().on_body(body)
        if self._awaited is not None and len(self._awaited.body) > HIGH_WATER_LIMIT:
            awaited, self._awaited = self._awaited, None
            super()._start_asgi_task(awaited, self.app)  # which reads while the rest arrives

    def on_message_complete(self) -> None:
        self._limit.end()
        self._cancel_deadline()
        if self._offer:
            return
        super().on_message_complete()
        if self._awaited is not None:
            awaited, self._awaited = self._awaited, None
            self._answer(awaited)

    def take_offer(self) -> bytes:
        """Return the head of the request that offered an upgrade, without the offer."""
        head, self._offer = self._offer, b""
        return head

    # --- direct answers -------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        """Answer a request directly if that is possible; uvicorn calls this when it is the request's turn."""
        if self.transport.is_closing():
            return
        if self._direct is None or cycle.waiting_for_100_continue or self.flow.write_paused:
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]  # Starlette's name for the same
        elif cycle.more_body:
            self._awaited = cycle
        else:
            self._answer(cycle)

    def _answer(self, cycle: RequestResponseCycle) -> None:
        """Answer a complete request, and those that waited behind it."""
        self._next = cycle
        if self._is_answering:
            return
        self._is_answering = True
        while (current := self._next) is not None:
            self._next = None
            self._answer_one(current)
        self._is_answering = False

    def _answer_one(self, cycle: RequestResponseCycle) -> None:
        scope: Scope = cycle.scope  # type: ignore[assignment]  # uvicorn's name for the same
        app = self._directly(scope, bytes(cycle.body), keep_alive=cycle.keep_alive)
        if app is None:
            cycle.response_started = cycle.response_complete = True
        else:
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]  # Starlette's name for the same

    def _directly(self, scope: Scope, body: bytes, *, keep_alive: bool) -> ASGIApp | None:
        """Answer a complete request at once; return the app that answers it if that is not possible."""
        assert self._direct is not None
        answer: Answer | ASGIApp | None
        try:
            answer = self._direct(scope, body)
            if isinstance(answer, Answer):
                self._send(answer, scope["method"], keep_alive=keep_alive)
                return None
        except Exception as error:
            answer = _raising(error)
        return unless_cancelled(answer) if answer else self.app

    def _send(self, answer: Answer, method: str, *, keep_alive: bool) -> None:
        """Send a complete response in one piece."""
        head = response_head(
            answer.status, [*self.server_state.default_headers, *answer.headers], keep_alive=keep_alive
        )
        self.transport.write(head if method == "HEAD" else head + answer.body)
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _can_answer_at_once(self) -> bool:
        """True if the next byte begins a request that can be answered directly."""
        return (
            self._direct is not None
            and self._is_idle()
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )

    def _answer_known(self, known: KnownHead, body: bytes) -> None:
        """Answer a complete request whose head was parsed before."""
        self._cancel_deadline()
        scope = {**known.scope, "client": self.client, "state": {}, CONNECTION: self._connection}
        app = self._directly(scope, body, keep_alive=True)
        if app is None:
            return
        cycle = self.cycle = RequestResponseCycle(
            scope=scope,  # type: ignore[arg-type]  # uvicorn's name for the same
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )
        cycle.body += body
        cycle.more_body = False
        cycle.message_event.set()
        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]  # Starlette's name for the same

    # --- between two requests -------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Continue as uvicorn does, but leave the timer of an idle connection running for the next time."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())  # type: ignore[arg-type]  # Starlette's name
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(IDLE_SECONDS)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it is idle, or look again later."""
        self.timeout_keep_alive_task = None
        idle = self.loop.time() - self._idle_since
        if not self._is_idle():
            return  # The end of the next response starts the timer.
        if idle < IDLE_SECONDS:
            self._look_again_in(IDLE_SECONDS - idle)
        elif not self.transport.is_closing():
            self.transport.close()

    def _is_idle(self) -> bool:
        """True between two requests."""
        return not self._limit.in_message and (self.cycle is None or self.cycle.response_complete)

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    # --- limits, and the end --------------------------------------------------------------------------------

    def _expect_request(self) -> None:
        """Give the client some time to complete its request."""
        self._deadline = self.loop.call_later(self._seconds, self._request_is_late)

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
            self._connection.late = (
                f"the request did not arrive within {self._seconds:g} seconds "
                "(leomock serve --request-timeout changes the limit)"
            )
            self._refuse(http.HTTPStatus.REQUEST_TIMEOUT, f"leomock: 408 {self._connection.late}")
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
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
        ]
        self.transport.write(response_head(status, headers, keep_alive=False) + body)
        self.transport.close()

    def shutdown(self) -> None:
        super().shutdown()
        if self._connection.waiting:
            self._connection.reset()
        elif self._limit.in_message:
            self.transport.abort()  # Its request is incomplete, so there is nothing to finish.


def _with_partial_body(app: ASGIApp, body: bytes) -> ASGIApp:
    """Pass on what arrived before the disconnect, which is all that uvicorn would tell."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        parts: list[Message] = [{"type": "http.request", "body": body, "more_body": True}]

        async def received() -> Message:
            return parts.pop() if parts else await receive()

        await app(scope, received, send)

    return run


def _raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return app
