"""Which fake answers for a host at this moment."""

from __future__ import annotations

import socket
import threading
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from leomock.leonardo.hosts import REAL_HOSTS


class Target(NamedTuple):
    """Where a call goes that was meant for a real host: an address, and what its path there begins with."""

    host: str
    port: int
    prefix: str
    links: Links

    @property
    def netloc(self) -> str:
        """Host and port as they stand in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Links:
    """Connections to a fake that belong to no client, or outlive the call in a client that knows no fake."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: WeakKeyDictionary[Any, socket.socket] = WeakKeyDictionary()
        self._pools: dict[object, Any] = {}

    def has(self, connection: Any) -> bool:
        """Whether an `http.client` connection leads to the fake."""
        return connection.sock is not None and self._sockets.get(connection) is connection.sock

    def join(self, connection: Any, target: Target) -> None:
        """Let an `http.client` connection lead to the fake."""
        timed = isinstance(connection.timeout, int | float | None)
        timeout = connection.timeout if timed else socket.getdefaulttimeout()
        opened = socket.create_connection((target.host, target.port), timeout)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before, connection.sock = connection.sock, opened
        if before is not None:
            before.close()
        with self._lock:
            self._sockets[connection] = opened

    def part(self, connection: Any) -> None:
        """Let it lead to nowhere: it connects again by itself. What is being read can be read to its end."""
        with self._lock:
            opened = self._sockets.pop(connection, None)
        if opened is not None:
            if connection.sock is opened:
                connection.sock = None
            opened.close()

    def pool(self, key: object, make: Any) -> Any:
        """The pool of connections of this key, made when it is first asked for."""
        with self._lock:
            if key not in self._pools:
                self._pools[key] = make()
            return self._pools[key]

    def close(self) -> None:
        """Close all that is idle."""
        with self._lock:
            connections, pools, self._pools = list(self._sockets), list(self._pools.values()), {}
        for connection in connections:
            self.part(connection)
        for pool in pools:
            pool.close()


class Route(Protocol):
    """What knows a fake."""

    links: Links

    def target(self, prefix: str) -> Target:
        """Where its fake answers what stands below a prefix."""
        ...


# The last one answers. The tuple is replaced, never changed: readers need no lock.
_routes: tuple[Route, ...] = ()
_changing = threading.Lock()


def add(route: Route) -> None:
    """Let a fake answer, before those that do."""
    global _routes
    with _changing:
        _routes = (*_routes, route)


def remove(route: Route) -> tuple[Route, ...]:
    """Let it answer no more; returns those that are left."""
    global _routes
    with _changing:
        _routes = tuple(other for other in _routes if other is not route)
        return _routes


def routes() -> tuple[Route, ...]:
    """All that answer, the innermost last."""
    return _routes


def find(host: str | None) -> Target | None:
    """Where calls for this host go now; None where they go their own way."""
    routes = _routes
    if not routes or not host:
        return None
    prefix = REAL_HOSTS.get(host.lower().rstrip("."))
    return None if prefix is None else routes[-1].target(prefix)
