"""Redirect `http.client` and `urllib3`, and with them urllib.request, requests and botocore.

In both, all requests go through one connection class. Every connection to a fake uses plain HTTP, even that
of an HTTPS class; the request, its `Host` header and its URL stay unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from leomock.testing.interception.routing import RealHostClosedError, Route, not_redirected, plain, route_for

# The class or module with the attribute, its name, and the function that makes the replacement from it.
Replacement = tuple[Any, str, Callable[[Any], Any]]

# The route of a connection, and the socket that it uses.
_led: WeakKeyDictionary[Any, tuple[Route, Any]] = WeakKeyDictionary()


def http_client(module: ModuleType) -> Iterator[Replacement]:
    """Patch the connections of the standard library."""
    connection = _pristine(module.HTTPConnection)
    yield connection, "connect", _connect
    yield connection, "putrequest", _putrequest
    if hasattr(module, "HTTPSConnection"):  # Python may be built without TLS.
        yield _pristine(module.HTTPSConnection), "connect", _connect


def urllib3_connection(module: ModuleType) -> Iterator[Replacement]:
    """Patch the connections of urllib3, or of urllib3-future if that replaced it."""
    if hasattr(module, "HfaceBackend"):
        yield from urllib3_future(module)
        return
    yield _pristine(module.HTTPConnection), "connect", _connect
    yield _pristine(module.HTTPSConnection), "connect", _connect


def urllib3_future(module: ModuleType) -> Iterator[Replacement]:
    """Patch the connections of urllib3-future and niquests, which have a separate protocol engine."""
    connection, tls = _pristine(module.HTTPConnection), _pristine(module.HTTPSConnection)
    yield connection, "connect", _connect_future
    yield tls, "connect", _connect_future
    yield connection, "putrequest", _refuse_absolute
    yield connection, "is_connected", _is_connected


def urllib3_future_async(module: ModuleType) -> Iterator[Replacement]:
    """Patch the asyncio connections of urllib3-future."""
    yield module.AsyncHTTPConnection, "connect", _connect_future_async
    yield module.AsyncHTTPSConnection, "connect", _connect_future_async
    yield module.AsyncHTTPConnection, "putrequest", _refuse_absolute
    yield module.AsyncHTTPConnection, "is_connected", _is_connected


def _pristine(kind: Any) -> Any:
    """Return the library's original class if vcrpy has replaced it."""
    return getattr(kind, "_baseclass", kind)


def _leads(connection: Any) -> Route | None:
    """Return the route of a connection to a fake, else None."""
    route, opened = _led.get(connection, (None, None))
    return route if opened is not None and connection.sock is opened else None


def _lead(connection: Any, route: Route) -> None:
    opened = route.open_socket(connection.timeout)
    before, connection.sock = connection.sock, opened
    if before is not None:
        before.close()
    _note(connection, route, opened)
    if hasattr(connection, "is_verified"):
        connection.is_verified = True  # urllib3 warns about unverified connections


def _note(connection: Any, route: Route, opened: Any) -> None:
    _led[connection] = route, opened
    route.keep(connection, _part)


def _part(connection: Any) -> None:
    """Detach a connection so that it reconnects by itself; a response can still be read to its end."""
    _, opened = _led.pop(connection, (None, None))
    if opened is None:
        return
    if not _is_busy(connection):
        opened.close()
    # A separate protocol engine checks for the closed socket.
    if connection.sock is opened and not hasattr(connection, "_promises"):
        connection.sock = None


def _is_busy(connection: Any) -> bool:
    """True if urllib3-future still waits for a response: it reads from the socket itself."""
    return bool(getattr(connection, "_promises", ()) or getattr(connection, "_pending_responses", ()))


def _connect(original: Any) -> Any:
    @wraps(original)
    def connect(self: Any) -> None:
        route = route_for(self._tunnel_host or self.host)
        if route is None:
            original(self)
        else:
            _lead(self, route)

    return connect


def _putrequest(original: Any) -> Any:
    """Check a pooled connection first: it may lead to a closed fake, the real host, or a proxy."""

    @wraps(original)
    def putrequest(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        # Through a proxy, the request target is a complete URL, or the connection is a tunnel.
        route = route_for(_host_of(url) or self._tunnel_host or self.host)
        leads = _leads(self)
        if route is not None and leads is not route:
            _lead(self, route)
        elif route is None and leads is not None:
            _part(self)
        original(self, method, url, *args, **kwargs)

    return putrequest


def _host_of(url: str) -> str:
    """Return the host of an absolute URL; '' for a path."""
    if not url.lower().startswith(("http://", "https://")):
        return ""
    return urlsplit(url).hostname or ""


def _connect_future(original: Any) -> Any:
    @wraps(original)
    def connect(self: Any) -> None:
        route = route_for(self._tunnel_host or self.host)
        if route is None:
            original(self)
        else:
            _lead(self, route)
            self._post_conn()

    return connect


def _connect_future_async(original: Any) -> Any:
    @wraps(original)
    async def connect(self: Any) -> None:
        route = route_for(self._tunnel_host or self.host)
        if route is None:
            await original(self)
            return
        from urllib3_future.contrib.ssa import AsyncSocket

        opened = AsyncSocket()
        await opened.connect(route.address())
        self.sock, self.is_verified = opened, True
        _note(self, route, opened)
        await self._post_conn()

    return connect


def _refuse_absolute(original: Any) -> Any:
    """Refuse a plain HTTP request that would reach the real host through a proxy."""

    @wraps(original)
    def putrequest(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        if route_for(host := _host_of(url)) is not None:
            raise not_redirected(plain(host))
        original(self, method, url, *args, **kwargs)

    return putrequest


def _is_connected(original: Any) -> Any:
    """Report a connection to a closed fake or to the real host as disconnected, so that it is not reused."""

    @wraps(original.fget)
    def is_connected(self: Any) -> bool:
        try:
            wanted = route_for(self._tunnel_host or self.host)
        except RealHostClosedError:
            return False
        return bool(_leads(self) is wanted and original.fget(self))

    return property(is_connected)
