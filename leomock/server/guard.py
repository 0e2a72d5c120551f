"""Protect calls that need no key: web pages can call localhost, but must not read or control the fake."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Guard:
    """Refuse calls from other sites (`Origin`, `Sec-Fetch-Site`) and to unknown host names (DNS rebinding).

    Known are IP addresses, `localhost` and names below it, names without a dot (as containers have them;
    public DNS has no such names) and `hosts`. Pages of `origins` are allowed as well, but `*` allows none
    here. `name` is the app's name in messages.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str],
        name: str = "the admin API",
        origins: Collection[str] = (),
    ) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._name = name
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (text := self._against(Headers(scope=scope))):
            await JSONResponse({"error": f"leomock: {text}"}, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _against(self, headers: Headers) -> str | None:
        host = headers.get("host", "")
        name = _name(host)
        if not self._knows(name):
            name = name[:100]
            return f"{self._name} is not called under the name {name!r}; --allow-host {name} allows it"
        origin = headers.get("origin")
        same = origin is not None and origin.lower().partition("://")[2] == host.lower()
        if origin in self._origins:
            return None
        if origin is not None and not same:
            return f"{self._name} does not accept calls from pages of {origin[:100]!r}"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not same:
            return f"{self._name} does not accept calls from pages of another site"
        return None

    def _knows(self, name: str) -> bool:
        return "." not in name or name.endswith(".localhost") or name in self._hosts or _is_address(name)


def _name(host: str) -> str:
    """Return the name in a Host header, without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return True if only programs on the same machine can reach a host."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
