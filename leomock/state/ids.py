"""Makes ids: from the world's seed, of the UUID version asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Literal

MOST_PARTS = 8
_VERSION_4 = 0x4 << 76
_VARIANT = 0x8 << 60
_FREE_BITS = ~((0xF << 76) | (0x3 << 62)) & ((1 << 128) - 1)
# 100-nanosecond steps from the start of the Gregorian calendar to 1970 (RFC 9562).
_GREGORIAN = 0x01B21DD213814000


def stable(*parts: object, size: int = 16) -> bytes:
    """Bytes that depend on the parts alone: the same in every process."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=size).digest()


def uuid4_from(number: int) -> str:
    """A version 4 UUID whose free bits come from a number."""
    return _whole_text(number & _FREE_BITS | _VERSION_4 | _VARIANT)


class Ids:
    """The ids of one world.

    The pictures of a generation need no rows: the id of picture `n` is the generation's id with a mask
    laid over its first half, and the mask taken off leads back.
    """

    def __init__(self, random: Random, version: Literal["v4", "v6"], now: Callable[[], float]) -> None:
        self._random = random
        self._version = version
        self._now = now
        self.last_step = 0
        # Pictures stay v4 where generations are v6: only generations were seen with the new version.
        turn = 0x2 << 12 if version == "v6" else 0
        self._masks = [random.getrandbits(64) & ~(0xF << 12) ^ turn for _ in range(MOST_PARTS)]

    def new(self) -> str:
        """A version 4 UUID."""
        return uuid4_from(self._random.getrandbits(128))

    def generation(self) -> str:
        """An id for a generation: v4, or the v6 that newer accounts see."""
        if self._version == "v4":
            return self.new()
        step = max(int(self._now() * 10_000_000) + _GREGORIAN, self.last_step + 1)
        self.last_step = step
        free = self._random.getrandbits(62)
        return _whole_text((step >> 12) << 80 | 0x6 << 76 | (step & 0xFFF) << 64 | _VARIANT | free)

    def parts(self, whole: str, count: int) -> list[str]:
        """The ids of the first `count` (at most 8) parts of a thing."""
        half, rest = int(whole[:8] + whole[9:13] + whole[14:18], 16), whole[18:]
        return [_text(half ^ mask, rest) for mask in self._masks[:count]]

    def wholes(self, part: str) -> Iterator[tuple[str, int]]:
        """What a part's id could belong to: pairs of (id, index)."""
        half, rest = int(part[:8] + part[9:13] + part[14:18], 16), part[18:]
        return ((_text(half ^ mask, rest), index) for index, mask in enumerate(self._masks))


def _text(first_half: int, rest: str) -> str:
    """A UUID from its first 64 bits and its text from the third hyphen on."""
    digits = f"{first_half:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:]}{rest}"


def _whole_text(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
