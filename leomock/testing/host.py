"""The interface of a fake that tenants and interception use, so that neither imports it."""

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
        """The number of calls that are being answered."""
        ...

    @property
    def calls(self) -> int:
        """The number of calls that have begun."""
        ...

    def turns(self) -> int:
        """Let the event loop handle everything that has arrived; return how many calls have begun."""
        ...

    def submit(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the fake's event loop."""
        ...

    def open(self) -> str:
        """Start listening on a port and return the URL. Raises RuntimeError if the fake is already open."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...
