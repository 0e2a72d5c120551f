"""Block the real names for all code that uses Python's sockets and no library known here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps
from types import ModuleType
from typing import Any

from leomock.testing.interception.http_client import Replacement
from leomock.testing.interception.routing import is_real, is_routed, not_redirected, plain, route_for


def sockets(module: ModuleType) -> Iterator[Replacement]:
    """Make resolving a real name, or connecting to one, fail while the real hosts are blocked."""
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        yield module, name, _lookup
    for name in ("connect", "connect_ex"):
        yield module.socket, name, _connection


def _lookup(original: Any) -> Any:
    @wraps(original)
    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        _check(host)
        return original(host, *args, **kwargs)

    return lookup


def _connection(original: Any) -> Any:
    @wraps(original)
    def connect(self: Any, address: Any, *args: Any) -> Any:
        if isinstance(address, tuple) and address:
            _check(address[0])
        return original(self, address, *args)

    return connect


def _check(host: Any) -> None:
    name = plain(host)
    if name and is_real(name):
        route_for(name)  # raises for a blocked host
        if is_routed(name):
            # Code that resolves the name itself speaks TLS, or another protocol.
            raise not_redirected(name)
