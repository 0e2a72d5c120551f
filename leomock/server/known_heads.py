"""Remember what the parser found in the heads of requests, because clients repeat them.

A client that polls sends the same bytes over and over, and its other calls often differ only in the body.
Such a request does not have to be parsed again, neither by the parser nor by the app.
"""

from __future__ import annotations

from typing import TypeAlias

from starlette.types import Scope

# The number of heads that are remembered, and the size of one in bytes.
MOST_HEADS = 512
LONGEST_KNOWN_HEAD = 4096
# The key in the ASGI scope of a dict for what an app found out from the head alone. All requests with the
# same head share it.
FINDINGS = "leomock.findings"
# The scheme and the server's address: together with the head, they determine what a request means.
Origin: TypeAlias = tuple[str | None, tuple[str, int | None] | None]

_END = b"\r\n\r\n"
# What the parser adds to the scope of a call. Apps add more, which must not reach other calls.
_PARSED = (
    *("type", "asgi", "http_version", "scheme", "server", "root_path"),
    *("method", "path", "raw_path", "query_string", "headers"),
)


class KnownHead:
    """A head: the `scope` of its requests without their connection, and the `length` of their bodies."""

    __slots__ = ("length", "scope")

    def __init__(self, scope: Scope, length: int) -> None:
        self.scope = scope
        self.length = length


class KnownHeads:
    """The newest heads of one server's requests."""

    def __init__(self) -> None:
        self._heads: dict[tuple[bytes, Origin], KnownHead] = {}

    def find(self, data: bytes, origin: Origin) -> tuple[KnownHead, bytes] | None:
        """Return the head and the body in data that is one complete request with a known head."""
        end = data.find(_END) + len(_END)
        known = self._heads.get((data[:end], origin))
        if known is None or known.length != len(data) - end:
            return None
        return known, data[end:]

    def add(self, data: bytes, origin: Origin, scope: Scope) -> None:
        """Remember the head of a request that the parser has read from this piece of data.

        Do nothing unless the piece is exactly one request, with a body of a stated length or none.
        """
        end = data.find(_END) + len(_END)
        if not len(_END) <= end <= LONGEST_KNOWN_HEAD:
            return
        length = 0
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = int(value)
            elif name in (b"transfer-encoding", b"expect", b"upgrade"):
                return
        if end + length != len(data):
            return
        if len(self._heads) >= MOST_HEADS:
            del self._heads[next(iter(self._heads))]
        parsed = {name: scope[name] for name in _PARSED}
        self._heads[data[:end], origin] = KnownHead({**parsed, FINDINGS: {}}, length)
