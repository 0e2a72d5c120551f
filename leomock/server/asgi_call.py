"""One call of an ASGI app over an HTTP/1.1 connection."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from http import HTTPStatus
from typing import Protocol

from starlette.types import ASGIApp, Message, Scope

LOGGER = logging.getLogger("leomock.server")
# A client may send this many bytes of a body before the app asks for them.
MOST_UNREAD = 64 * 1024
# The bytes that a header must not contain; a line break would start another header.
_CONTROLS = bytes(set(range(32)) - {9}) + b"\x7f"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BROKEN = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"21"),
    (b"connection", b"close"),
]


class Wire(Protocol):
    """The connection of a call."""

    date: list[bytes]

    async def writable(self) -> None:
        """Wait until the client has read enough of what was sent."""
        ...

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        ...

    def want_body(self) -> None:
        """Continue to read the request's body."""
        ...

    def finished(self, call: AsgiCall) -> None:
        """Take note that the response to a call is complete."""
        ...

    def give_up(self) -> None:
        """Close the connection: a response cannot be completed."""
        ...


class AsgiCall:
    """A request as it arrives, and the ASGI messages between an app and the connection."""

    __slots__ = (
        *("_end_was_received", "_expected", "_head", "_is_chunked", "_wake", "_wire", "body", "body_size"),
        *(
            "expects_continue",
            "is_answered",
            "is_complete",
            "is_disconnected",
            "keep_alive",
            "scope",
            "started",
        ),
    )

    def __init__(self, wire: Wire, scope: Scope, *, keep_alive: bool, expects_continue: bool) -> None:
        self._wire = wire
        self.scope = scope
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.body: list[bytes] = []  # what the app has not read yet
        self.body_size = 0
        self.is_complete = False  # the request has arrived
        self.is_disconnected = False
        self.started = False  # the response has begun
        self.is_answered = False
        self._end_was_received = False
        self._wake: asyncio.Event | None = None  # while the app waits for a message
        self._head = b""  # of the response, until the first part of its body can be sent with it
        self._is_chunked = False
        self._expected = 0  # bytes of the response's body

    def add(self, data: bytes) -> None:
        """Take a piece of the request's body."""
        self.body.append(data)
        self.body_size += len(data)
        self.wake()

    def wake(self) -> None:
        """Let the app know that something has changed."""
        if self._wake is not None:
            self._wake.set()

    async def run(self, app: ASGIApp) -> None:
        """Answer with an app; report what it does wrong, and answer 500 if that is still possible."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:  # the server stops
            return
        except Exception as error:
            LOGGER.error("Exception in ASGI application\n", exc_info=error)
        else:
            if self.is_answered or self.is_disconnected:
                return
            LOGGER.error("ASGI callable returned without completing response.")
        if self.started:
            self._wire.give_up()
        else:
            await self.send({"type": "http.response.start", "status": 500, "headers": _BROKEN})
            await self.send({"type": "http.response.body", "body": b"Internal Server Error"})

    async def receive(self) -> Message:
        """Return the next part of the request's body, or that the client has disconnected."""
        if self.expects_continue and not self.started:
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.expects_continue = False
        while not self.is_answered:
            if self.body or (self.is_complete and not self._end_was_received):
                self._end_was_received = self.is_complete
                body = b"".join(self.body)
                self.body.clear()
                self.body_size = 0
                return {"type": "http.request", "body": body, "more_body": not self.is_complete}
            if self.is_disconnected:
                break
            self._wire.want_body()
            self._wake = asyncio.Event()
            await self._wake.wait()
            self._wake = None
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the response."""
        await self._wire.writable()
        if self.is_disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self.started:
            self._start(message["status"], list(message.get("headers", ())))
        elif kind == "http.response.body" and self.started and not self.is_answered:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Keep the head until there is some of the body, or until the event loop's next turn."""
        names = {name.lower(): value for name, value in headers}
        has_body = self.scope["method"] != "HEAD" and status not in (204, 304)
        if b"close" in names.get(b"connection", b"").lower():
            self.keep_alive = False
        self._expected, self._is_chunked = 0, False
        if b"content-length" in names:
            self._expected = int(names[b"content-length"]) if has_body else 0
        elif has_body and self.scope["http_version"] == "1.0":
            self._expected = -1  # everything until the connection ends
        elif has_body:
            self._is_chunked = True
            headers.append((b"transfer-encoding", b"chunked"))
        self._head = response_head(status, headers, self._wire.date, self.keep_alive)
        self.started = True
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            if not self.is_disconnected:
                self._wire.write(head)

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            body = b""
        elif self._is_chunked:
            if body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            if not more:
                body += b"0\r\n\r\n"
        elif self._expected >= 0:
            self._expected -= len(body)
            if self._expected < 0:
                raise RuntimeError("Response content longer than Content-Length")
            if self._expected and not more:
                raise RuntimeError("Response content shorter than Content-Length")
        head, self._head = self._head, b""
        if head or body:
            self._wire.write(head + body)
        if not more:
            self.is_answered = True
            self.wake()
            self._wire.finished(self)


def response_head(
    status: int, headers: Sequence[tuple[bytes, bytes]], date: Sequence[bytes], keep_alive: bool
) -> bytes:
    """Return a response's status line and headers, with the date. Raises RuntimeError for invalid headers."""
    lines = [_status_line(status), *date]
    for name, value in headers:
        lines.append(_label(name) + value)
    if not keep_alive and not any(name.lower() == b"connection" for name, _ in headers):
        lines.append(b"connection: close")
    lines += (b"", b"")
    head = b"\r\n".join(lines)
    # One pass over all headers: what is left without printable bytes must be the line breaks between them.
    if len(head.translate(None, _CONTROLS)) != len(head) - 2 * (len(lines) - 1):
        raise RuntimeError("Invalid HTTP header value.")
    return head


@lru_cache(maxsize=1024)
def _label(name: bytes) -> bytes:
    if not _TOKEN.fullmatch(name):
        raise RuntimeError("Invalid HTTP header name.")
    return name.lower() + b": "


@cache
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}".encode()
