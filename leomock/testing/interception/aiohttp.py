"""Redirect the connections of `aiohttp`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, wraps
from types import ModuleType
from typing import Any

from leomock.testing.interception.http_client import Replacement
from leomock.testing.interception.routing import RealHostClosedError, Route, is_real, plain, route_for


def aiohttp(module: ModuleType) -> Iterator[Replacement]:
    """Make a connector connect to the fake, and reuse no other connection from its pool."""
    from aiohttp.client_proto import ResponseHandler

    led = _led_handler(ResponseHandler)

    def get(original: Any) -> Any:
        @wraps(original)
        async def _get(self: Any, key: Any, traces: Any) -> Any:
            if is_real(plain(key.host)):
                _drop_others(self, key, led)
            return await original(self, key, traces)

        return _get

    def create(original: Any) -> Any:
        @wraps(original)
        async def _create_connection(self: Any, req: Any, traces: Any, timeout: Any) -> Any:
            try:
                route = route_for(req.url.host)
                if route is None:
                    return await original(self, req, traces, timeout)
                host, port = route.address()
                _, handler = await self._loop.create_connection(lambda: led(route, self._loop), host, port)
            except RealHostClosedError as error:
                raise module.ClientConnectorDNSError(req.connection_key, error) from error
            except OSError as error:
                if isinstance(error, module.ClientError):
                    raise
                raise module.ClientConnectorError(req.connection_key, error) from error
            return handler

        return _create_connection

    yield module.BaseConnector, "_get", get
    yield module.TCPConnector, "_create_connection", create
    yield module.UnixConnector, "_create_connection", create


@cache  # interception asks for it again at every start
def _led_handler(base: Any) -> Any:
    class LedHandler(base):  # type: ignore[misc]  # the library's class is known only at run time
        """A connection to a fake; it is not reused once its route is no longer current."""

        def __init__(self, route: Route, loop: Any) -> None:
            super().__init__(loop=loop)
            self.route = route

        def is_connected(self) -> bool:
            return self.route.is_current and bool(super().is_connected())

    return LedHandler


def _drop_others(connector: Any, key: Any, led: type) -> None:
    """Close pooled connections of a key that lead to the real host, unless real calls are allowed now."""
    try:
        if route_for(key.host) is None:
            return
    except RealHostClosedError:
        pass
    kept = connector._conns.get(key)
    for entry in list(kept or ()):
        if not isinstance(entry[0], led):
            kept.remove(entry)
            entry[0].close()
    if kept is not None and not kept:
        del connector._conns[key]
