"""Turn interception on and off."""

from __future__ import annotations

import _thread
import threading
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING

from leomock.testing.interception import routing
from leomock.testing.interception.patching import Patches
from leomock.testing.interception.routing import Children, Route

if TYPE_CHECKING:
    from leomock.testing.host import Host

_patches = Patches()
_switching = threading.Lock()


def intercept(
    fake: Host, *, account: str = "", children: Children | None = None
) -> AbstractContextManager[Interceptor]:
    """Redirect this program's connections for the real hosts to a fake inside `with`.

    Hosts are those of `leomock.leonardo.hosts.REAL_HOSTS`; every other host of the real service is blocked
    meanwhile. `leomock.testing.interception` lists the clients that are covered. The innermost `with` wins,
    in all threads, regardless of which thread entered it. A fake that is not listening starts with the first
    call and stops at the end.

    If `account` is an API key, calls with an unknown key belong to its account; without it, every key is a
    separate account. With `children`, processes that the program starts are intercepted too.
    """
    return Interceptor(fake, account, children)


class Interceptor:
    """Interception for one fake: a context manager, or `start` and `stop`."""

    _route: Route | None = None

    def __init__(self, fake: Host, account: str = "", children: Children | None = None) -> None:
        self.fake = fake
        self._children = children
        self._account = account

    def __enter__(self) -> Interceptor:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def active(self) -> bool:
        """True between `start` and `stop`."""
        return self._route is not None

    def start(self) -> None:
        """Direct connections to the fake from now on; raises RuntimeError if this is already active."""
        with _switching:
            if self._route:
                raise RuntimeError("leomock: this interceptor was started already")
            self._route = Route(self.fake, self._children)
            routing.add(self._route)
            if self._account:
                self.fake.api.worlds.adopters.append(self._account)
        _install()

    def stop(self) -> None:
        """Make the previous route answer again; a second call does nothing.

        Calls in progress in other threads are still answered by the fake while it runs.
        """
        with _switching:
            route, self._route = self._route, None
        if route is not None:
            _end(route, self._account)

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """Stop an interception that was not stopped, and warn about it."""
        route, self._route = self._route, None
        if route is None:
            return
        # Not in this thread: garbage collection may have interrupted it while it holds one of the locks.
        with suppress(RuntimeError):  # the interpreter is shutting down
            _thread.start_new_thread(_end, (route, self._account))
        text = "unstopped leomock interception: use `with`, or keep what intercept() gives and stop() it"
        warn(text, ResourceWarning, source=self)


def _end(route: Route, account: str) -> None:
    with _switching:
        routing.remove(route)
        if account:
            route.fake.api.worlds.adopters.remove(account)
        _remove_unused()
    route.part_connections()
    route.close_port()


def close_real_hosts() -> None:
    """Block calls for the real hosts that no fake answers, until `open_real_hosts`."""
    with _switching:
        routing.close_real_hosts()
    _install()


def open_real_hosts() -> None:
    """Undo one `close_real_hosts`."""
    with _switching:
        routing.open_real_hosts()
        _remove_unused()


def _install() -> None:
    # Not under a lock: it may wait for a library that another thread is importing.
    _patches.install()
    with _switching:
        _remove_unused()  # Another thread may have stopped it meanwhile.


def _remove_unused() -> None:
    if not routing.in_use():
        _patches.remove()
