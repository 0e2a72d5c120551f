"""Limit the parts of a request other than its body: the head and the framing of its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

# Header lines of one request. Browsers send about 20, proxies add a few.
MOST_HEADERS = 200
# Bytes of the request line and all headers. Common servers allow 8 to 64 KiB.
LONGEST_HEAD = 64 * 1024
# Consecutive bytes of a chunked body without content: chunk sizes, extensions, trailers.
LONGEST_FRAMING = 64 * 1024


class TooLarge(Exception):
    """The head of a request exceeds a limit. `text` is the body of the response with status 431."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class HeadLimit:
    """Limit one request's head and the framing of its body's chunks while they arrive.

    The parser reports a header only once it is complete, so the bytes that it has buffered are counted too:
    those of every piece of data that ended inside a head.
    """

    __slots__ = ("_arrived", "_buffered", "_framing", "_most", "in_head", "in_message")

    def __init__(self, most_bytes: int = LONGEST_HEAD) -> None:
        self._most = most_bytes
        self._arrived = self._buffered = self._framing = 0
        self.in_head = False
        self.in_message = False

    def arrived(self, size: int) -> None:
        """Count a piece of data before it is parsed."""
        self._arrived = self._arrived + size if self.in_message else size

    def begin(self) -> None:
        """Begin a request."""
        self.in_head = self.in_message = True

    def check(self, url: bytes, headers: Headers) -> int:
        """Return the size of the head so far, in bytes. Raises TooLarge."""
        if len(headers) > MOST_HEADERS:
            raise TooLarge(f"leomock: 431 the request has more than {MOST_HEADERS} headers")
        size = len(url) + 4 * len(headers)
        for name, value in headers:
            size += len(name) + len(value)
        if size > self._most:
            raise self._too_long()
        return size

    def end_head(self, url: bytes, headers: Headers) -> None:
        """Check the complete head, and begin the body. Raises TooLarge."""
        if len(headers) > MOST_HEADERS or self._arrived + 4 * len(headers) > self._most:
            self.check(url, headers)  # not for most requests, which arrive in one small piece
        self.in_head = False
        self._framing = 0

    def add_content(self) -> None:
        """Note that the piece of data being parsed contains content of the body."""
        self._framing = -1

    def end(self) -> None:
        """End the request."""
        self.in_head = self.in_message = False

    def received(self, size: int, url: bytes, headers: Headers, *, began_in_head: bool) -> None:
        """Count a piece of data after it was parsed. Raises TooLarge."""
        if self.in_head:
            complete = self.check(url, headers)
            # The piece in which a request begins may contain the end of the previous one.
            self._buffered = self._buffered + size if began_in_head else complete
            if self._buffered > self._most:
                raise self._too_long()
        elif self.in_message:
            self._framing = 0 if self._framing < 0 else self._framing + size
            if self._framing > LONGEST_FRAMING:
                raise TooLarge(
                    f"leomock: 431 the body has more than {LONGEST_FRAMING} bytes of chunk sizes, extensions "
                    "or trailers in a row"
                )

    def _too_long(self) -> TooLarge:
        return TooLarge(
            f"leomock: 431 the request line and headers have more than {self._most} bytes "
            "(leomock serve --max-head changes the limit)"
        )
