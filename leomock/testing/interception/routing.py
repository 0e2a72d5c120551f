"""Which fake answers for the real hosts, and which names are closed meanwhile."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from leomock.leonardo.hosts import REAL_DOMAIN, REAL_HOSTS

if TYPE_CHECKING:
    from leomock.testing.host import Host


class Children(Protocol):
    """Makes the environment of processes that the program starts."""

    def environment(self, before: Mapping[str, str]) -> dict[str, str]:
        """Return a whole environment that leads to the fake."""
        ...

    def open(self) -> None:
        """Open what the environment names. Raises RuntimeError in a forked child."""
        ...


_changing = threading.Lock()
_opening = threading.Lock()
# The ports that routes opened, by fake.
_opened: WeakKeyDictionary[Host, str] = WeakKeyDictionary()


class RealHostClosedError(socket.gaierror):
    """A call for the real service that was stopped.

    Clients treat it as a name that cannot be resolved, so the program sees its client's own kind of error.
    """

    def __init__(self, host: str) -> None:
        super().__init__(
            socket.EAI_NONAME,
            f"leomock stopped a call for {host}: it is the real service, and no fake answers for it now. "
            "Use the fixture leomock, or allow real calls with --leomock-real=allow "
            "or @pytest.mark.leomock_real",
        )


class Route:
    """A fake that answers for the real hosts."""

    def __init__(self, fake: Host, children: Children | None = None) -> None:
        self.fake = fake
        self.children = children  # leads the processes that the program starts, if any are to be led
        self._kept: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()

    def keep(self, connection: Any, part: Callable[[Any], None]) -> None:
        """Note a connection that does not ask for `is_current` itself; `part` takes it from the fake."""
        with _changing:
            self._kept[connection] = part

    def part_connections(self) -> None:
        """Take the noted connections from the fake: their owners connect again."""
        with _changing:
            kept = list(self._kept.items())
        for connection, part in kept:
            part(connection)

    @property
    def is_current(self) -> bool:
        """Whether new requests go to this fake; connections that lead to another are not used again."""
        return bool(_routes) and _routes[-1] is self

    def address(self) -> tuple[str, int]:
        """The address where the fake listens; start listening if it does not."""
        parts = urlsplit(self._url())
        assert parts.hostname
        return parts.hostname, parts.port or 80

    def open_socket(self, timeout: object) -> socket.socket:
        """Connect to the fake; `timeout` is what a client has as its own, in whatever form."""
        timed = isinstance(timeout, int | float | None)
        opened = socket.create_connection(
            self.address(),
            timeout if timed else socket.getdefaulttimeout(),  # type: ignore[arg-type]  # see `timed`
        )
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def close_port(self) -> None:
        """Close the port that this or another route opened, unless a route still uses it."""
        if any(other.fake is self.fake for other in _routes):
            return
        with _opening:
            opened = _opened.pop(self.fake, None)
            # Somebody else may have opened another port since.
            if opened is not None and opened == self.fake.url:
                self.fake.close()

    def _url(self) -> str:
        if self._listens():
            return self.fake.url
        with _opening:
            if not self._listens():
                self.fake.open()
                _opened[self.fake] = self.fake.url
            return self.fake.url

    def _listens(self) -> bool:
        # A fake that does not listen has a URL without a port.
        return urlsplit(self.fake.url).port is not None


# The last one answers. The tuple is replaced, never changed: readers need no lock.
_routes: tuple[Route, ...] = ()
_closers = 0  # how many want the real hosts closed even when no fake answers
_allowers = 0  # how many want real calls to be allowed


def add(route: Route) -> None:
    """Let a fake answer, before those that do."""
    global _routes
    with _changing:
        _routes = (*_routes, route)


def remove(route: Route) -> None:
    """Let a fake answer no more."""
    global _routes
    with _changing:
        _routes = tuple(other for other in _routes if other is not route)


def routes() -> tuple[Route, ...]:
    """All routes, the innermost last."""
    return _routes


def current() -> Route | None:
    """Return the innermost route, or None."""
    return _routes[-1] if _routes else None


def in_use() -> bool:
    """Whether any call could be led or stopped."""
    return bool(_routes or _closers)


def close_real_hosts() -> None:
    """Stop calls for the real hosts, also while no fake answers, until `open_real_hosts`."""
    global _closers
    with _changing:
        _closers += 1


def open_real_hosts() -> None:
    """Undo one `close_real_hosts`."""
    global _closers
    with _changing:
        _closers -= 1


@contextmanager
def real_calls_allowed() -> Iterator[None]:
    """Inside `with`, calls for real hosts that no fake answers are made."""
    global _allowers
    with _changing:
        _allowers += 1
    try:
        yield
    finally:
        with _changing:
            _allowers -= 1


def is_real(host: str) -> bool:
    """Whether a host, in lower case and without a final dot, is one of the real service."""
    return host in REAL_HOSTS or host == REAL_DOMAIN or host.endswith(f".{REAL_DOMAIN}")


def plain(host: object) -> str:
    """A host as it is compared: a text in lower case without a final dot; '' if it is something else."""
    if isinstance(host, bytes):
        host = host.decode("latin-1")
    return host.lower().rstrip(".") if isinstance(host, str) else ""


def route_for(host: object) -> Route | None:
    """Return the route that answers for a host, or None where the client connects by itself.

    Raises RealHostClosedError for a real host that no fake answers for, unless real calls are allowed.
    """
    name = plain(host)
    if not name or not is_real(name):
        return None
    routes = _routes
    if routes and name in REAL_HOSTS:
        return routes[-1]
    if (routes or _closers) and not _allowers:
        raise RealHostClosedError(name)
    return None


def is_routed(host: object) -> bool:
    """Whether a fake answers for a host now."""
    return bool(_routes) and plain(host) in REAL_HOSTS


def is_routed_url(url: object) -> bool:
    """Whether a fake answers for the host of a URL now."""
    try:
        return bool(_routes) and is_routed(urlsplit(str(url)).hostname)
    except ValueError:
        return False
