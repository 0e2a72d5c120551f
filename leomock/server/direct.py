"""Answer a request within the turn of the event loop in which it arrived, without a task of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from starlette.types import ASGIApp, Receive, Scope, Send

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

# The key in the ASGI scope of a request that its connection has received before: a dictionary in which an app
# may keep its findings about the request.
REPEATED = "leomock.repeated"


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
        """Return the response to a complete request, if that takes no waiting.

        Otherwise return an ASGI app that continues from here, or None if nothing has happened yet: the
        request then goes through the app itself.
        """
        ...
