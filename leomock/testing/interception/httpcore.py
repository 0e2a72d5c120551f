"""Redirect the connections of `httpcore` and `httpcore2`, and with them httpx and httpx2."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, wraps
from types import ModuleType
from typing import Any

from leomock.testing.interception.http_client import Replacement
from leomock.testing.interception.routing import RealHostClosedError, Route, route_for


def httpcore(module: ModuleType) -> Iterator[Replacement]:
    """Make a pool use its usual kind of connection, but to the fake and without TLS."""
    for prefix in ("", "Async"):
        connection = getattr(module, f"{prefix}HTTPConnection")
        led = _led_connection(connection)
        backend = _AsyncBackend if prefix else _Backend
        for pool in ("ConnectionPool", "HTTPProxy", "SOCKSProxy"):
            owner = getattr(module, f"{prefix}{pool}")
            if "create_connection" in vars(owner):  # inherited; it is patched through its parent class
                yield owner, "create_connection", _create(led, backend)
        for kind in _kinds(module, prefix, connection):
            yield kind, "is_available", _is_available(led)


def _kinds(module: ModuleType, prefix: str, connection: Any) -> Iterator[Any]:
    """Yield the connection classes that may lead to a real host, directly or through a proxy."""
    yield connection
    import importlib

    package = f"{module.__name__}._{'async' if prefix else 'sync'}"
    proxies = importlib.import_module(f"{package}.http_proxy")
    for name in (f"{prefix}ForwardHTTPConnection", f"{prefix}TunnelHTTPConnection"):
        yield getattr(proxies, name)


def _create(led: Any, backend: Any) -> Any:
    def make(original: Any) -> Any:
        @wraps(original)
        def create_connection(self: Any, origin: Any) -> Any:
            try:
                route = route_for(origin.host)
            except RealHostClosedError as error:
                return led(
                    origin=origin, network_backend=backend(self._network_backend, None, error), route=None
                )
            if route is None:
                return original(self, origin)
            return led(
                origin=origin,
                keepalive_expiry=self._keepalive_expiry,
                retries=self._retries,
                network_backend=backend(self._network_backend, route, None),
                route=route,
            )

        return create_connection

    return make


def _is_available(led: Any) -> Any:
    """Prevent reuse of a connection to the real host that is older than the interception."""

    def make(original: Any) -> Any:
        @wraps(original)
        def is_available(self: Any) -> bool:
            if not isinstance(self, led):
                origin = getattr(self, "_remote_origin", None) or self._origin
                try:
                    if route_for(origin.host) is not None:
                        return False
                except RealHostClosedError:
                    return False
            return bool(original(self))

        return is_available

    return make


@cache  # interception asks for it again at every start
def _led_connection(base: Any) -> Any:
    class LedConnection(base):  # type: ignore[misc]  # the library's class is known only at run time
        """A connection to a fake; it is not reused once its route is no longer current."""

        def __init__(self, route: Route | None, **options: Any) -> None:
            super().__init__(**options)
            self._route = route

        def is_available(self) -> bool:
            return self._is_current() and bool(super().is_available())

        def has_expired(self) -> bool:
            return bool(super().has_expired()) or (self.is_idle() and not self._is_current())

        def _is_current(self) -> bool:
            return self._route is not None and self._route.is_current

    return LedConnection


class _Stream:
    """A stream to a fake that ignores requests to start TLS."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def start_tls(self, *args: Any, **kwargs: Any) -> Any:
        return self


class _AsyncStream(_Stream):
    async def start_tls(self, *args: Any, **kwargs: Any) -> Any:
        return self


class _AnyBackend:
    """A network backend for pools: every connection leads to one fake, or fails with an error."""

    def __init__(self, real: Any, route: Route | None, error: Exception | None) -> None:
        self._real = real
        self._route = route
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def _options(self, timeout: float | None, socket_options: Any) -> dict[str, Any]:
        if self._route is None:
            # The pool converts errors of its own network backend to errors of the client.
            raise _connect_error(self._real)(str(self._error))
        host, port = self._route.address()
        return {"host": host, "port": port, "timeout": timeout, "socket_options": socket_options}


class _Backend(_AnyBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> Any:
        return _Stream(self._real.connect_tcp(**self._options(timeout, socket_options)))


class _AsyncBackend(_AnyBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> Any:
        return _AsyncStream(await self._real.connect_tcp(**self._options(timeout, socket_options)))


def _connect_error(backend: Any) -> Any:
    import sys

    library = type(backend).__module__.partition(".")[0]
    return getattr(sys.modules.get(library), "ConnectError", OSError)
