"""HTTP/1.1 on one connection: parse requests, answer them in order, and close what takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import http
import math
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp, Receive, Scope

from leomock.server.asgi_call import LOGGER, MOST_UNREAD, AsgiCall, response_head
from leomock.server.breakage import CONNECTION, Connection
from leomock.server.direct import REPEATED, Answer, DirectApp
from leomock.server.head_limit import LONGEST_HEAD, HeadLimit, TooLarge
from leomock.server.upgrade import feed, without_offer

# How long a request may take to arrive. A body of 25 MiB needs 3.5 Mbit/s for that.
REQUEST_SECONDS = 60.0
# How long a connection may be idle between two requests.
IDLE_SECONDS = 75.0
# More bytes of responses are not held back.
MOST_UNSENT = 64 * 1024
# Requests that a connection remembers, and their longest size in bytes.
MOST_REPEATABLE = 8
LONGEST_REPEATABLE = 4096
_ASGI = {"version": "3.0", "spec_version": "2.3"}


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """An app and the limits for its requests.

    `longest_head` is the largest size of a request line with headers, in bytes. `request_seconds` is how long
    a request may take to arrive, from its first byte to the last of its body.
    """

    app: ASGIApp
    longest_head: int = LONGEST_HEAD
    request_seconds: float = REQUEST_SECONDS


@dataclass(eq=False, slots=True)
class ServerState:
    """The open connections of a server, and the tasks of its calls."""

    date: list[bytes] = field(default_factory=list)  # the `Date` header of all responses
    connections: set[HttpProtocol] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _unsent: list[HttpProtocol] = field(default_factory=list)

    def flush_soon(self, connection: HttpProtocol) -> None:
        """Flush a connection once all requests that have arrived are answered.

        A client that is woken by its answer would otherwise interrupt the answers to the others.
        """
        self._unsent.append(connection)
        if len(self._unsent) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        for connection in unsent:
            connection.flush()


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


class HttpProtocol(asyncio.Protocol):
    """One connection. Its calls are answered in the order of their requests.

    A request that has arrived completely is answered at once if the app can do that (`DirectApp`). Others run
    as ASGI calls in a task.
    """

    def __init__(self, config: ServerConfig, state: ServerState) -> None:
        self._app = config.app
        self._direct = config.app.answer_directly if isinstance(config.app, DirectApp) else None
        self._request_seconds = config.request_seconds
        self._state = state
        self._loop = asyncio.get_running_loop()
        self.parser: httptools.HttpRequestParser = httptools.HttpRequestParser(self)
        self.date = state.date
        self._offer = b""
        self._limit = HeadLimit(config.longest_head)
        self._too_large: TooLarge | None = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._arriving: AsgiCall | None = None  # the request whose body is being received
        self._calls: deque[AsgiCall] = deque()  # not answered yet; the first is being answered or waited for
        self._is_running = False  # the first call has a task
        self._reading_is_paused = False
        self._repeatable: dict[bytes, Scope] = {}  # by all bytes of a request
        self._unsent: list[bytes] = []  # complete responses
        self._unsent_size = 0
        self._writable: asyncio.Event | None = None  # while the client reads too slowly
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._late_at = math.inf  # by the loop's clock: when the client has taken too long

    # --- the transport --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # always this one
        """Begin: the client has some time for its first request."""
        self._transport = transport
        self._connection = _SocketConnection(transport)
        self._state.connections.add(self)
        self._scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._server = _host_and_port(transport.get_extra_info("sockname"))
        self._client = _host_and_port(transport.get_extra_info("peername"))
        self._expect_within(self._request_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let running calls know, and run the one whose request was being waited for."""
        self._state.connections.discard(self)
        self._expect_within(math.inf)
        self.resume_writing()
        waiting = self._calls and not self._is_running and not self._calls[0].is_complete
        for call in self._calls:
            call.is_disconnected = True
            call.wake()
        if waiting:
            self._run(self._calls[0], self._app)

    def data_received(self, data: bytes) -> None:
        """Parse some data and answer the requests in it."""
        limit = self._limit
        is_fresh = not (limit.in_message or self._calls)
        if is_fresh and (scope := self._repeatable.get(data)):
            self._take_again(scope)
            return
        began_in_head = limit.in_head
        limit.arrived(len(data))
        try:
            feed(self, data)
        except httptools.HttpParserUpgrade:
            LOGGER.warning("Unsupported upgrade request.")
        except httptools.HttpParserError:
            self._answer_next()  # the requests before this one
            LOGGER.warning("Invalid HTTP request received.")
            if self._too_large:
                self._refuse_head(self._too_large)
            else:
                self._refuse(http.HTTPStatus.BAD_REQUEST, "Invalid HTTP request received.")
            return
        if is_fresh and len(self._calls) == 1:
            self._remember(data, self._calls[0])
        self._answer_next()
        if limit.in_message and not self._transport.is_closing():
            try:
                limit.received(len(data), self._url, self._headers, began_in_head=began_in_head)
            except TooLarge as error:
                self._refuse_head(error)
            if self._late_at == math.inf:
                self._expect_within(self._request_seconds)

    def _remember(self, data: bytes, call: AsgiCall) -> None:
        """Keep a request without a body: clients poll, and send the same bytes again and again."""
        can_repeat = call.is_complete and call.keep_alive and not (call.body or call.expects_continue)
        if can_repeat and len(data) <= LONGEST_REPEATABLE:
            if len(self._repeatable) >= MOST_REPEATABLE:
                self._repeatable.clear()
            self._repeatable[data] = {**call.scope, REPEATED: {}}

    def _take_again(self, scope: Scope) -> None:
        """Answer a request whose bytes were parsed before."""
        call = AsgiCall(self, dict(scope), keep_alive=True, expects_continue=False)
        call.is_complete = True
        self._calls.append(call)
        self._late_at = math.inf
        self._answer_next()

    def pause_writing(self) -> None:
        """Hold back further answers: the client does not read."""
        if self._writable is None:
            self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        """Continue to answer."""
        if self._writable is not None:
            self._writable.set()
            self._writable = None
            self._answer_next()

    # --- the parser -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._headers = []
        self._late_at = math.inf
        self._limit.begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the request line."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Take the request as a call, unless its head is too large or offers another protocol."""
        parser, headers = self.parser, self._headers
        try:
            self._limit.end_head(self._url, headers)
        except TooLarge as error:
            self._too_large = error
            raise
        method, version = parser.get_method(), parser.get_http_version()
        if parser.should_upgrade() and method != b"CONNECT":
            self._offer = without_offer(method, self._url, version, headers)
            return
        url = httptools.parse_url(self._url)
        path = url.path.decode("ascii")
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self._server,
            "client": self._client,
            "scheme": self._scheme,
            "root_path": "",
            "headers": headers,
            "state": {},
            "method": method.decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            CONNECTION: self._connection,
        }
        self._arriving = AsgiCall(
            self,
            scope,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            expects_continue=(b"expect", b"100-continue") in headers,
        )
        self._headers = []  # for trailers: they must not replace a header that was already read
        self._calls.append(self._arriving)
        if len(self._calls) > 1:
            self._pause_reading()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._limit.add_content()
        call = self._arriving
        if call and not call.is_answered:
            call.add(body)
            if call.body_size > MOST_UNREAD:
                self._pause_reading()

    def on_message_complete(self) -> None:
        """Take note that a request has arrived."""
        self._limit.end()
        self._late_at = math.inf
        if (call := self._arriving) is not None:
            call.is_complete = True
            call.wake()
            self._arriving = None

    def take_offer(self) -> bytes:
        """Return the head of the request that offered an upgrade, without the offer."""
        head, self._offer = self._offer, b""
        return head

    # --- answering ------------------------------------------------------------------------------------------

    def _answer_next(self) -> None:
        """Answer calls until one needs a task, more of its request, or a client that reads."""
        while (
            self._calls
            and not self._is_running
            and self._writable is None
            and not self._transport.is_closing()
        ):
            call = self._calls[0]
            if self._direct is None or call.expects_continue or call.body_size > MOST_UNREAD:
                self._run(call, self._app)
                return
            if not call.is_complete:
                self.want_body()
                return
            body = call.body[0] if len(call.body) == 1 else b"".join(call.body)
            try:
                answer = self._direct(call.scope, body)
                if isinstance(answer, Answer):
                    self._send(call, answer)
                    continue
            except Exception as error:
                self._fail(call, error)
                return
            self._run(call, answer or self._app)
            return

    def _send(self, call: AsgiCall, answer: Answer) -> None:
        """Send a complete response in one piece."""
        head = response_head(answer.status, answer.headers, self.date, call.keep_alive)
        call.is_answered = True
        response = head if call.scope["method"] == "HEAD" else head + answer.body
        self._unsent.append(response)
        self._unsent_size += len(response)
        if self._unsent_size > MOST_UNSENT:
            self.flush()  # so that the transport can ask to pause
        elif len(self._unsent) == 1:
            self._state.flush_soon(self)
        self._finish(call)

    def _fail(self, call: AsgiCall, error: Exception) -> None:
        async def broken(*_: Any) -> None:
            raise error

        self._run(call, broken)

    def _run(self, call: AsgiCall, app: ASGIApp) -> None:
        """Start a task for the first call."""
        self.flush()
        self._is_running = True
        task = self._loop.create_task(call.run(app))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def finished(self, call: AsgiCall) -> None:
        """Go on to the next call after an ASGI call."""
        self._is_running = False
        self._finish(call)
        if self._calls:
            self._loop.call_soon(self._answer_next)

    def _finish(self, call: AsgiCall) -> None:
        self._calls.popleft()
        if not call.keep_alive:
            self._close()
            return
        if not self._calls:
            self.want_body()
            if not self._limit.in_message:
                self._late_at = self._loop.time() + IDLE_SECONDS
                if self._timer is None:
                    self._start_timer()

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        self._transport.write(data)

    def flush(self) -> None:
        """Send the complete responses."""
        if self._unsent:
            data = b"".join(self._unsent)
            self._unsent.clear()
            self._unsent_size = 0
            if not self._transport.is_closing():
                self._transport.write(data)

    def _close(self) -> None:
        self.flush()
        self._transport.close()

    async def writable(self) -> None:
        """Wait until the client has read enough of what was sent."""
        if self._writable is not None:
            await self._writable.wait()

    def give_up(self) -> None:
        """Close the connection: a response cannot be completed."""
        self._close()

    def _pause_reading(self) -> None:
        if not self._reading_is_paused:
            self._reading_is_paused = True
            self._transport.pause_reading()

    def want_body(self) -> None:
        """Continue to read, unless there are more requests than one already."""
        if self._reading_is_paused and len(self._calls) < 2:
            self._reading_is_paused = False
            self._transport.resume_reading()

    # --- time -----------------------------------------------------------------------------------------------

    def _expect_within(self, seconds: float) -> None:
        """Give the client some time from now on; infinity ends that.

        There is one timer, which starts again if it ends too early: most requests arrive at once, and a timer
        for each would cost more than parsing them.
        """
        self._late_at = self._loop.time() + seconds
        if self._timer is None or self._late_at < self._timer_at or seconds == math.inf:
            self._start_timer()

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._late_at < math.inf:
            self._timer_at = self._late_at
            self._timer = self._loop.call_at(self._late_at, self._timer_ended)

    def _timer_ended(self) -> None:
        self._timer = None
        if self._loop.time() < self._late_at:
            self._start_timer()
        elif not self._transport.is_closing():
            self._is_late()

    def _is_late(self) -> None:
        """Close the connection; first answer 408 if a request has begun and no response was sent."""
        first = self._calls[0] if self._calls else None
        answering = self._is_running and first is not None
        arriving = self._limit.in_message and not self._limit.in_head
        if self._reading_is_paused or (answering and not arriving):
            self._expect_within(
                self._request_seconds
            )  # The client waits for the server, not the other way round.
        elif self._limit.in_message and not (answering and first and first.started):
            text = (
                f"leomock: 408 the request did not arrive within {self._request_seconds:g} seconds "
                "(leomock serve --request-timeout changes the limit)"
            )
            self._refuse(http.HTTPStatus.REQUEST_TIMEOUT, text)
        else:
            self._close()

    # --- refusing, and the end ------------------------------------------------------------------------------

    def _refuse_head(self, error: TooLarge) -> None:
        self._refuse(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, error.text)

    def _refuse(self, status: http.HTTPStatus, text: str) -> None:
        """Answer with a status and a text, and close the connection."""
        body = text.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
        ]
        self.flush()
        self._transport.write(response_head(status, headers, self.date, keep_alive=False) + body)
        self._transport.close()

    def shutdown(self) -> None:
        """Close the connection once the call in progress is answered; at once if there is none."""
        self.flush()
        if not self._calls:
            self._transport.close()
        else:
            self._calls[0].keep_alive = False
        if self._connection.waiting:
            self._connection.reset()
        elif self._limit.in_message:
            self._transport.abort()  # Its request is incomplete, so there is nothing to finish.

    def abort(self) -> None:
        """Close the connection now."""
        self._transport.abort()


def _host_and_port(address: Any) -> tuple[str, int] | None:
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) and len(address) > 1 else None
