"""Accept TLS connections for the app's own protocol, and explain failed handshakes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

# A handshake that takes longer is aborted.
SECONDS_FOR_A_HANDSHAKE = 20.0


def explain_failure(error: BaseException) -> str:
    """Explain a failed handshake and what to do; '' for a client that merely disconnected."""
    if not isinstance(error, ssl.SSLError):
        return ""
    reason = (error.reason or str(error)).upper()
    if "HTTP_REQUEST" in reason:
        return "a client sent plain HTTP to the HTTPS port; use https:// in its URL"
    if "ALERT" in reason:
        return (
            "a client refused the certificate: it does not trust leomock's authority "
            "(`leomock ca` says how to change that)"
        )
    if "PROTOCOL" in reason or "VERSION" in reason:
        return "a client offered no TLS version that this server speaks (1.2 and 1.3)"
    return f"a TLS handshake failed: {reason.lower().replace('_', ' ')}"


class TlsListener:
    """Accept connections on a listening socket, complete the handshake and pass them to a protocol.

    `failed` receives one sentence for each kind of failed handshake, only once per kind.
    """

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        protocol: Callable[[], asyncio.Protocol],
        failed: Callable[[str], object],
    ) -> None:
        self._listener = listener
        self._context = context
        self._protocol = protocol
        self._failed = failed
        self._said: set[str] = set()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept())

    async def close(self) -> None:
        """Stop accepting; established connections stay open."""
        tasks = [self._accepting, *self._handshakes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError:  # too many open files, or the client disconnected before it was accepted
                await asyncio.sleep(0.05)
                continue
            task = asyncio.create_task(self._greet(connection))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _greet(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await loop.connect_accepted_socket(
                self._protocol,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=SECONDS_FOR_A_HANDSHAKE,
            )
        except (OSError, asyncio.CancelledError) as error:
            connection.close()
            text = explain_failure(error)
            if text and text not in self._said:
                self._said.add(text)
                self._failed(text)
            if isinstance(error, asyncio.CancelledError):
                raise
