"""Undo the content encoding of a recorded body."""

from __future__ import annotations

import zlib

from leomock.files.recordings.model import LONGEST_BODY


def decoded(body: bytes, encoding: str) -> bytes:
    """Return a body without the compression that Content-Encoding names. Raises ValueError.

    Many recorders decompress the body and keep the header, so a body that does not look compressed is kept.
    """
    for coding in reversed([part.strip().lower() for part in encoding.split(",")]):
        if coding in ("gzip", "x-gzip"):
            body = _inflated(body, coding) if body.startswith(b"\x1f\x8b") else body
        elif coding == "deflate":
            body = body if _is_text(body) else _inflated(body, coding)
        elif coding not in ("", "identity") and not _is_text(body):
            raise ValueError(f"a body is compressed with {coding[:20]}, which leomock cannot read")
    return body


def _inflated(body: bytes, coding: str) -> bytes:
    # zlib detects gzip or zlib; some servers send deflate without either.
    for window in (47, -15):
        machine = zlib.decompressobj(window)
        try:
            plain = machine.decompress(body, LONGEST_BODY)
        except zlib.error:
            continue
        if machine.unconsumed_tail:
            raise ValueError(f"a body has more than {LONGEST_BODY} bytes without its compression")
        if machine.eof:
            return plain
    raise ValueError(f"a body is said to be {coding} and is not, or not the whole of it")


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
