"""The checksums that a form may carry, and those of content (AWS, "Checking object integrity")."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable
from functools import cache

from leomock.state.bucket.errors import Refusal
from leomock.state.bucket.form import Form

PREFIX = "x-amz-checksum-"
_KINDS_OF_FIELDS = frozenset({"algorithm", "type", "mode"})  # fields with this prefix that are not checksums


def _crc_table(polynomial: int) -> tuple[int, ...]:
    """Return the table of a CRC whose bits are reflected."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)


_table = cache(_crc_table)


def _crc(content: bytes, polynomial: int, bits: int) -> bytes:
    table, ones = _table(polynomial), (1 << bits) - 1
    value = ones
    for byte in content:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return (value ^ ones).to_bytes(bits // 8, "big")


CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    "crc32c": lambda content: _crc(content, 0x82F63B78, 32),
    "crc64nvme": lambda content: _crc(content, 0x9A6C9329AC4BC9B5, 64),
    "sha1": lambda content: hashlib.sha1(content, usedforsecurity=False).digest(),
    "sha256": lambda content: hashlib.sha256(content).digest(),
}
SLOW = frozenset({"crc32c", "crc64nvme"})  # computed byte by byte in Python
_SIZES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}


def checksum_of(form: Form) -> tuple[str, str] | None:
    """Return the algorithm and the base64 text of the checksum in a form, or None.

    Raises Refusal for several checksums, an unknown algorithm, or an invalid value. The error texts are S3's
    for the headers of the same names [LocalStack].
    """
    sent = {
        name.removeprefix(PREFIX): value
        for name, value in form.starting_with(PREFIX).items()
        if name.removeprefix(PREFIX) not in _KINDS_OF_FIELDS
    }
    if not sent:
        return None
    if len(sent) > 1:
        raise Refusal(
            400,
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            f"The form has the checksums {', '.join(sent)}; send one of them.",
        )
    ((algorithm, text),) = sent.items()
    if algorithm not in CHECKSUMS or not _is_checksum(text, _SIZES[algorithm]):
        raise Refusal(
            400,
            "InvalidRequest",
            f"Value for {PREFIX}{algorithm} header is invalid.",
            f"{PREFIX}{algorithm} must be base64 of the checksum's bytes; there are {', '.join(CHECKSUMS)}.",
        )
    return algorithm, text


def _is_checksum(text: str, size: int) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == size
    except (binascii.Error, ValueError):
        return False


def check_content(checksum: tuple[str, str], content: bytes) -> None:
    """Compare the checksum of a form with the content. Raises Refusal."""
    algorithm, text = checksum
    right = base64.b64encode(CHECKSUMS[algorithm](content)).decode()
    if right != text:
        raise Refusal(
            400,
            "BadDigest",
            f"The {algorithm.upper()} you specified did not match the calculated checksum.",
            f"{PREFIX}{algorithm} is {text}, and that of the content is {right}.",
        )
