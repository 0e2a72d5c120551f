"""Files of other servers, fetched without reaching what only this machine or its network can reach."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection, Mapping
from typing import Any

import httpx

from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.tools import WRONG_ARGUMENT
from leomock.leonardo.hosts import REAL_HOSTS

# The largest file in bytes, the seconds in which it must arrive, and the redirects that are followed.
LARGEST, PATIENCE, MOST_REDIRECTS = 25 * 2**20, 30.0, 3
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OutsideFiles:
    """Fetch files from public addresses, and from `allowed`: names of hosts, addresses, or networks.

    Otherwise a caller could read from the server's internal network. The address is checked before a
    connection is opened and again once it is open, since a name may resolve differently the second time.
    Proxies from the environment are not used: a connection to a proxy does not show where it ends.
    """

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._networks = [network for each in allowed if (network := network_of(each))]
        # In a test, the names of the real service lead to the fake.
        self._names = {each.lower() for each in allowed} | REAL_HOSTS.keys()

    async def fetch(self, url: str) -> bytes:
        """Return a file. Raises `Refused`, `httpx.HTTPError`, `httpx.InvalidURL` and `TimeoutError`."""
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(),
                timeout=PATIENCE,
                follow_redirects=True,
                max_redirects=MOST_REDIRECTS,
            ) as client,
            client.stream("GET", url, extensions={"trace": _Connections(self).checked}) as response,
        ):
            response.raise_for_status()
            file = bytearray()
            async for chunk in response.aiter_bytes():
                file += chunk
                if len(file) > LARGEST:
                    raise Refused(f"leomock: {url[:200]} has more than {LARGEST} bytes", code=WRONG_ARGUMENT)
        return bytes(file)

    def check(self, host: str, address: str) -> None:
        """Raise `Refused` if a host's address is not public, unless it is allowed."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if host.lower() in self._names or any(found in each for each in self._networks) or _is_public(found):
            return
        raise Refused(
            f"leomock: nothing is fetched from {host[:100]}, since its address is not public",
            f"Send the file as `data`; the server's option --fetch-from {host[:100]} would allow it.",
            code=WRONG_ARGUMENT,
        )


class _Connections:
    """Follow the connections of one fetch, as httpx reports them."""

    def __init__(self, files: OutsideFiles) -> None:
        self._files = files
        self._host = ""

    async def checked(self, event: str, report: Mapping[str, Any]) -> None:
        """Check the addresses of a host, and then the one that the connection has."""
        if event == "connection.connect_tcp.started":
            self._host = report["host"]
            for address in await _addresses(self._host):
                self._files.check(self._host, address)
        elif event == "connection.connect_tcp.complete":
            connection = report["return_value"]
            try:
                self._files.check(self._host, connection.get_extra_info("server_addr")[0])
            except Refused:
                await connection.aclose()  # httpx does not know of it yet.
                raise


def network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the network of an address or a network in CIDR form; None for a name."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


async def _addresses(host: str) -> list[str]:
    """Return the addresses of a host; none if it is unknown, which the connection reports."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(each[4][0]) for each in found]


def _is_public(address: Address) -> bool:
    """Return True if an address, and the IPv4 address inside it, is for the whole internet."""
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return _is_public(inside)
    return address.is_global and not address.is_multicast
