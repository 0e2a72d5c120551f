"""The interface that tenants and interception need from a fake, so that neither imports it."""

from __future__ import annotations

from collections.abc import Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from leomock.operations.dispatch import Dispatcher
    from leomock.server.transport import Transport
    from leomock.server.webhook_sender import Sender

T = TypeVar("T")


class Host(Protocol):
    """A fake that hosts tenants."""

    api: Dispatcher
    sender: Sender

    @property
    def url(self) -> str:
        """The address of the server, such as `http://127.0.0.1:41234`."""
        ...

    @property
    def transport(self) -> Transport:
        """An httpx transport that calls the app without a port."""
        ...

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the fake's event loop and return its result."""
        ...

    @property
    def busy(self) -> int:
        """How many calls are being answered."""
        ...

    @property
    def calls(self) -> int:
        """How many calls have begun."""
        ...

    def turns(self) -> int:
        """Let the event loop handle what has arrived; returns how many calls have begun."""
        ...

    def submit(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the fake's event loop."""
        ...

    def open(self) -> str:
        """Start answering on a port and return the URL. Raises RuntimeError if the fake is already open."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...
