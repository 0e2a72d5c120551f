"""The routes from the real hosts to fakes, and the hosts that are blocked meanwhile."""

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
        """Return a complete environment that leads to the fake."""
        ...

    def open(self) -> None:
        """Open the ports that the environment names. Raises RuntimeError in a forked child."""
        ...


_changing = threading.Lock()
_opening = threading.Lock()
# The ports that routes opened, by fake.
_opened: WeakKeyDictionary[Host, str] = WeakKeyDictionary()


class RealHostClosedError(socket.gaierror):
    """A call for the real service was blocked.

    Clients treat it as a failed name resolution, so the program sees its client's usual kind of error.
    """


def closed(host: str) -> RealHostClosedError:
    """Return the error for a host while no fake answers for it."""
    return _stopped(
        host,
        "it is the real service, and no fake answers for it now. Use the fixture leomock, or allow real "
        "calls with --leomock-real=allow or @pytest.mark.leomock_real",
    )


def not_faked(host: str) -> RealHostClosedError:
    """Return the error for a host of the real service that no fake ever answers for."""
    return _stopped(
        host,
        f"it is the real service, and a fake answers only for {', '.join(REAL_HOSTS)}. Mock the call, or "
        "allow real calls with @pytest.mark.leomock_real",
    )


def not_redirected(host: str) -> RealHostClosedError:
    """Return the error for a client that opens its connection in a way that cannot be redirected."""
    return _stopped(
        host,
        "it is the real service, and this client cannot be redirected. Use leomock.base_url, or run the "
        "program with `leomock exec`",
    )


def _stopped(host: str, why: str) -> RealHostClosedError:
    return RealHostClosedError(socket.EAI_NONAME, f"leomock stopped a call for {host}: {why}")


class Route:
    """A fake that answers for the real hosts."""

    def __init__(self, fake: Host, children: Children | None = None) -> None:
        self.fake = fake
        self.children = children  # directs the processes that the program starts, if they are intercepted
        self._kept: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()

    def keep(self, connection: Any, part: Callable[[Any], None]) -> None:
        """Track a connection that does not check `is_current` itself; `part` detaches it from the fake."""
        with _changing:
            self._kept[connection] = part

    def part_connections(self) -> None:
        """Detach the tracked connections from the fake: their owners reconnect."""
        with _changing:
            kept = list(self._kept.items())
        for connection, part in kept:
            part(connection)

    @property
    def is_current(self) -> bool:
        """True if new requests go to this fake; connections to another one are not reused."""
        return bool(_routes) and _routes[-1] is self

    def address(self) -> tuple[str, int]:
        """Return the address where the fake listens; start listening if it does not yet."""
        parts = urlsplit(self._url())
        assert parts.hostname
        return parts.hostname, parts.port or 80

    def open_socket(self, timeout: object) -> socket.socket:
        """Connect to the fake; `timeout` is the client's own timeout value, in any form."""
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
            # Other code may have opened another port since.
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
        # The URL of a fake that is not listening has no port.
        return urlsplit(self.fake.url).port is not None


# The last one answers. The tuple is replaced and never changed, so readers need no lock.
_routes: tuple[Route, ...] = ()
_closers = 0  # how many callers want the real hosts blocked even when no fake is active
_allowers = 0  # how many callers want real calls to be allowed


def add(route: Route) -> None:
    """Make a fake the innermost route, which takes precedence over the others."""
    global _routes
    with _changing:
        _routes = (*_routes, route)


def remove(route: Route) -> None:
    """Remove the route of a fake."""
    global _routes
    with _changing:
        _routes = tuple(other for other in _routes if other is not route)


def routes() -> tuple[Route, ...]:
    """Return all routes, the innermost last."""
    return _routes


def current() -> Route | None:
    """Return the innermost route, or None."""
    return _routes[-1] if _routes else None


def in_use() -> bool:
    """True if any call could be redirected or blocked."""
    return bool(_routes or _closers)


def close_real_hosts() -> None:
    """Block calls for the real hosts, even while no fake is active, until `open_real_hosts`."""
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
    """Allow calls for real hosts that no fake answers inside `with`."""
    global _allowers
    with _changing:
        _allowers += 1
    try:
        yield
    finally:
        with _changing:
            _allowers -= 1


def is_real(host: str) -> bool:
    """True if a host (in lower case, without a final dot) belongs to the real service."""
    return host in REAL_HOSTS or host == REAL_DOMAIN or host.endswith(f".{REAL_DOMAIN}")


def plain(host: object) -> str:
    """Normalize a host for comparison: lower case without a final dot; '' if it is not a string."""
    if isinstance(host, bytes):
        host = host.decode("latin-1")
    return host.lower().rstrip(".") if isinstance(host, str) else ""


def route_for(host: object) -> Route | None:
    """Return the route that answers for a host, or None if the client should connect by itself.

    Raises RealHostClosedError for a real host that no fake answers for, unless real calls are allowed.
    """
    name = plain(host)
    if not name or not is_real(name):
        return None
    routes = _routes
    if routes and name in REAL_HOSTS:
        return routes[-1]
    if (routes or _closers) and not _allowers:
        raise closed(name) if name in REAL_HOSTS else not_faked(name)
    return None


def is_routed(host: object) -> bool:
    """True if a fake answers for a host now."""
    return bool(_routes) and plain(host) in REAL_HOSTS


def is_routed_url(url: object) -> bool:
    """True if a fake answers for the host of a URL now."""
    try:
        return bool(_routes) and is_routed(urlsplit(str(url)).hostname)
    except ValueError:
        return False
