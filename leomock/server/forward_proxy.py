"""A forward proxy on 127.0.0.1: it sends calls for the real hosts to the fake, and all others to their hosts.

A tunnel (`CONNECT`) to a real host ends at the fake's TLS port; a request in absolute form ends at its plain
port. Other hosts are tunnelled byte by byte, through the proxy that the environment configured before, if
any. A connection that the fake resets is reset for the client as well, so scenarios that break connections
look the same through the proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import urllib.request
from collections.abc import Collection, Mapping
from urllib.parse import SplitResult, urlsplit

from leomock.server.accepting import Acceptor
from leomock.server.guard import is_loopback

Address = tuple[str, int]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]

# A client that has not sent its request line and headers by then is disconnected.
SECONDS_FOR_A_HEAD = 30.0
SECONDS_TO_CONNECT = 30.0
LONGEST_HEAD = 65536

# Headers between a client and its proxy that the server must not see.
_HOP_BY_HOP = (b"connection", b"proxy-connection", b"keep-alive", b"proxy-authorization")


class Refused(Exception):
    """A request that the proxy refuses, with the status and the text of the response."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


class ForwardProxy:
    """Connect `hosts` to the fake's ports, and other hosts to themselves.

    `secure` and `plain` are the fake's TLS port and plain port. `upstream` maps a scheme to the proxy that
    was set before, as `urllib.request.getproxies_environment` returns it. With `refuse_others`, all other
    hosts are blocked; without it, only those of `closed_domain`. `reached` counts the connections to the
    fake.
    """

    def __init__(
        self,
        hosts: Collection[str],
        secure: Address,
        plain: Address,
        upstream: Mapping[str, str],
        *,
        refuse_others: bool = False,
        closed_domain: str = "",
    ) -> None:
        self.reached = 0
        self._serving: set[asyncio.Task[None]] = set()
        self._hosts = frozenset(hosts)
        self._secure = secure
        self._plain = plain
        self._upstream = dict(upstream)
        self._refuse_others = refuse_others
        self._closed_domain = closed_domain
        self._clients = Acceptor(self._protocol)

    async def open(self, listener: socket.socket) -> None:
        """Accept clients on a listening socket."""
        await self._clients.open(listener)

    async def close(self) -> None:
        """Stop accepting, and end all connections."""
        await self._clients.close()
        await asyncio.sleep(0)  # begins to serve those that were just accepted
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(LONGEST_HEAD), self._serve_client)

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._serving.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(SECONDS_FOR_A_HEAD):
                head = await reader.readuntil(b"\r\n\r\n")
            there, first, established = await self._connect(head, writer)
        except Refused as refusal:
            await _answer(writer, refusal.status, str(refusal))
            return
        except TimeoutError:
            await _answer(writer, "408 Request Timeout", "no complete request came in time")
            return
        except asyncio.LimitOverrunError:
            await _answer(
                writer, "431 Request Header Fields Too Large", f"the headers exceed {LONGEST_HEAD} bytes"
            )
            return
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        if established:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        there[1].write(first)
        try:
            await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
        finally:
            for each in (writer, there[1]):
                each.close()

    async def _connect(self, head: bytes, client: asyncio.StreamWriter) -> tuple[Stream, bytes, bool]:
        """Open the connection that a request of a client asks for.

        Returns the connection, the bytes to send on it first, and whether the client expects a 200 before it
        continues. Raises Refused.
        """
        method, url = _read_target(head)
        tunnel = method == b"CONNECT"
        host = (url.hostname or "").rstrip(".").lower()
        first = b"" if tunnel else _origin_form(head, url)
        if host in self._hosts:
            self.reached += 1
            return await _open(*(self._secure if tunnel else self._plain)), first, tunnel
        if self._closed_domain and f".{host}".endswith(f".{self._closed_domain}"):
            raise Refused(
                "403 Forbidden",
                f"{host} is the real service, and the fake does not answer for it",
            )
        if self._refuse_others:
            raise Refused(
                "403 Forbidden",
                f"{host} is not a host of the API, and --proxy-others refuse blocks all others",
            )
        port = url.port or (443 if url.scheme == "https" else 80)
        proxy = self._upstream.get(url.scheme)
        if proxy and not self._bypasses(f"{host}:{port}"):
            return await self._through(proxy, head), b"", False
        there = await _open(host, port, tls=url.scheme == "https" and not tunnel)
        if _is_local(there[1]) and not _is_local(client):
            # Servers on this machine, including leomock's admin API, trust callers on this machine.
            there[1].close()
            raise Refused(
                "403 Forbidden", f"{host} is this machine, which the proxy does not open to other machines"
            )
        return there, first, tunnel

    def _bypasses(self, address: str) -> bool:
        """True if the original NO_PROXY excludes an address from the original proxy."""
        bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it
        return bool(bypass(address, self._upstream))

    async def _through(self, proxy: str, head: bytes) -> Stream:
        """Pass the request on to another proxy, which answers the client itself."""
        url = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if not url.hostname:
            raise Refused("502 Bad Gateway", f"the proxy {proxy!r} of the environment is not an address")
        there = await _open(url.hostname, url.port or 80)
        there[1].write(head)
        return there


def _is_local(writer: asyncio.StreamWriter) -> bool:
    """True if the other side of a connection is on this machine."""
    peer = writer.get_extra_info("peername")
    return bool(peer) and is_loopback(peer[0])


def _read_target(head: bytes) -> tuple[bytes, SplitResult]:
    line = head.split(b"\r\n", 1)[0]
    try:
        method, target, _ = line.decode("ascii").split(" ", 2)
        url = urlsplit(f"https://{target}" if method == "CONNECT" else target)
        url.port  # noqa: B018  # raises ValueError if it is not a number
    except ValueError:
        raise Refused("400 Bad Request", f"{line[:100]!r} is not a request for a proxy") from None
    if not url.hostname or url.scheme not in ("http", "https"):
        raise Refused(
            "400 Bad Request",
            "this is leomock's forward proxy; it takes CONNECT and requests for absolute http:// URLs",
        )
    return method.encode(), url


async def _open(host: str, port: int, *, tls: bool = False) -> Stream:
    try:
        async with asyncio.timeout(SECONDS_TO_CONNECT):
            return await asyncio.open_connection(host, port, ssl=tls or None)
    except TimeoutError:
        raise Refused("504 Gateway Timeout", f"cannot reach {host}:{port} in time") from None
    except OSError as error:
        raise Refused("502 Bad Gateway", f"cannot reach {host}:{port}: {error.strerror or error}") from None


def _origin_form(head: bytes, url: SplitResult) -> bytes:
    """Rewrite a request in absolute form as its server expects it.

    The connection ends after the answer, since the client's next request may be for another host.
    """
    path = url._replace(scheme="", netloc="", fragment="").geturl() or "/"
    line, *lines = head[:-4].split(b"\r\n")
    if b"\r\nupgrade:" not in head.lower():  # a WebSocket needs its connection header
        lines = [each for each in lines if each.split(b":")[0].lower() not in _HOP_BY_HOP]
        lines.append(b"Connection: close")
    request = b"%s %s HTTP/1.1" % (line.split(b" ")[0], path.encode("ascii"))
    return b"\r\n".join([request, *lines, b"", b""])


async def _answer(writer: asyncio.StreamWriter, status: str, text: str) -> None:
    body = f"leomock's proxy: {text}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the stream ends; pass on an end as an end, and a reset as a reset."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()
    except (OSError, RuntimeError):  # uvloop raises RuntimeError for a connection that is closed
        with contextlib.suppress(OSError, AttributeError):
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
