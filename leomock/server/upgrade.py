"""Ignore offers to upgrade the protocol, such as `Upgrade: h2c`, as HTTP allows.

Java's HttpClient and `curl --http2` make this offer with their first request. httptools stops at such a
request and skips its body, so `feed` reads the request again without the offer.
"""

from __future__ import annotations

from typing import Protocol

import httptools

# The headers that belong to an offer.
_OFFER = frozenset((b"upgrade", b"http2-settings", b"connection"))


class Receiver(Protocol):
    """The protocol that owns a parser."""

    parser: httptools.HttpRequestParser

    def take_offer(self) -> bytes:
        """Return the head of the request that made an offer, without the offer, and expect the head again."""
        ...


def without_offer(method: bytes, url: bytes, version: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return a request's head without its offer to upgrade; a wish to close the connection stays."""
    closes = any(name == b"connection" and b"close" in value.lower() for name, value in headers)
    kept = [(name, value) for name, value in headers if name not in _OFFER]
    if closes:
        kept.append((b"connection", b"close"))
    lines = [b"%s %s HTTP/%s" % (method, url, version.encode()), *(b"%s: %s" % pair for pair in kept)]
    return b"\r\n".join([*lines, b"", b""])


def feed(receiver: Receiver, data: bytes) -> None:
    """Give data to a receiver's parser, and continue with a request after its offer to upgrade."""
    try:
        receiver.parser.feed_data(data)
    except httptools.HttpParserUpgrade as offered:
        head = receiver.take_offer()
        if not head:  # CONNECT, which is not an offer
            raise
        receiver.parser = httptools.HttpRequestParser(receiver)
        feed(receiver, head)
        if rest := data[offered.args[0] :]:
            feed(receiver, rest)
