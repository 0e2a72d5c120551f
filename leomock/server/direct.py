"""Answer a request within the turn of the event loop in which it arrived, without a task of its own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from functools import cache, lru_cache
from http import HTTPStatus
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from starlette.types import ASGIApp, Receive, Scope, Send

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

# The bytes that a header must not contain; a line break would start another header.
_CONTROLS = bytes(set(range(32)) - {9}) + b"\x7f"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Answer(NamedTuple):
    """A complete response."""

    status: int
    headers: Headers
    body: bytes


@runtime_checkable
class DirectApp(Protocol):
    """An ASGI app that can also answer a complete request at once.

    Most of the cost of an ASGI call is the task that it runs in and the messages that it sends.
    """

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer as any ASGI app."""
        ...

    def answer_directly(self, scope: Scope, body: bytes) -> Answer | ASGIApp | None:
        """Return the response to a complete request, if that needs no waiting.

        Otherwise return an ASGI app that continues from here, or None if nothing has happened yet: the
        request then goes through the app itself.
        """
        ...


def response_head(status: int, headers: Headers, *, keep_alive: bool) -> bytes:
    """Return a response's status line and headers. Raises RuntimeError for invalid headers."""
    lines = [_status_line(status)]
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
