"""Raw bytes over a socket, for requests that no HTTP client sends."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit


def connect(url: str) -> socket.socket:
    """Connect to a server."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def exchange(url: str, *pieces: bytes, end: bool = False) -> bytes:
    """Send pieces of data and return all that is answered before the server closes.

    With `end`, tell the server that nothing more will be sent.
    """
    with connect(url) as client:
        try:
            for piece in pieces:
                client.sendall(piece)
            if end:
                client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The server may have closed already; its answer counts.
        return read_all(client)


def read_all(client: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    received = b""
    try:
        while piece := client.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return received
