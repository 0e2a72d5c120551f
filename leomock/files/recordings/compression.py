"""Undo the content encoding of a recorded body."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable

from leomock.files.recordings.model import LONGEST_BODY

# How a body of each encoding begins; deflate and br have no sign of their own.
_BEGINNINGS = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}


def decoded(body: bytes, encoding: str) -> bytes:
    """Return a body without the compression that Content-Encoding names. Raises ValueError.

    Many recorders decompress the body and keep the header, so a body that does not look compressed is kept.
    """
    for coding in reversed([part.strip().lower() for part in encoding.split(",")]):
        if coding not in ("", "identity") and _looks_compressed(body, coding):
            body = _decompressed(body, coding)
    return body


def _looks_compressed(body: bytes, coding: str) -> bool:
    if coding in _BEGINNINGS:
        return body.startswith(_BEGINNINGS[coding])
    try:
        body.decode()
    except UnicodeDecodeError:
        return True
    return False


def _decompressed(body: bytes, coding: str) -> bytes:
    if coding not in _DECOMPRESSORS:
        raise ValueError(f"a body is compressed with {coding[:20]}, which leomock cannot read")
    try:
        plain = _DECOMPRESSORS[coding](body, LONGEST_BODY + 1)
    except ModuleNotFoundError:
        raise ValueError(
            f"a body is compressed with {coding}; pip install 'leomock[contract]' to read it"
        ) from None
    if plain is None:
        raise ValueError(f"a body is declared as {coding} but is not, or is incomplete")
    if len(plain) > LONGEST_BODY:
        raise ValueError(f"a body has more than {LONGEST_BODY} bytes when it is decompressed")
    return plain


# Each returns about the given number of bytes at most, or None if the body is invalid or incomplete.


def _inflated(body: bytes, most: int) -> bytes | None:
    # zlib detects gzip or zlib; some servers send deflate without either.
    for window in (47, -15):
        machine = zlib.decompressobj(window)
        try:
            plain = machine.decompress(body, most)
        except zlib.error:
            continue
        if machine.eof or len(plain) >= most:
            return plain
    return None


def _brotli(body: bytes, most: int) -> bytes | None:
    import brotli

    machine = brotli.Decompressor()
    try:
        plain: bytes = machine.process(body, output_buffer_limit=most)
    except brotli.error:
        return None
    return plain if machine.is_finished() or len(plain) >= most else None


def _zstd(body: bytes, most: int) -> bytes | None:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    machine = zstd.ZstdDecompressor()
    try:
        plain = machine.decompress(body, most)
    except zstd.ZstdError:
        return None
    return plain if machine.eof or len(plain) >= most else None


_DECOMPRESSORS: dict[str, Callable[[bytes, int], bytes | None]] = {
    "gzip": _inflated,
    "x-gzip": _inflated,
    "deflate": _inflated,
    "br": _brotli,
    "zstd": _zstd,
}
