"""Make ids from the world's seed, in the chosen UUID version."""

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
    """Hash the parts to `size` bytes; the result is the same in every process."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=size).digest()


def uuid4_from(number: int) -> str:
    """Return a version 4 UUID whose free bits come from a number."""
    return _uuid_text(number & _FREE_BITS | _VERSION_4 | _VARIANT)


def user_id_of(seed: int, key: str) -> str:
    """Return the user id of an API key, which is the same in every process with this seed."""
    return uuid4_from(int.from_bytes(stable("user", seed, key), "big"))


class Ids:
    """The ids of one world.

    The pictures of a generation need no rows: the first half of the id of picture `n` is that of the
    generation's id, XORed with mask `n`; XORing again leads back to the generation.
    """

    def __init__(self, random: Random, version: Literal["v4", "v6"], now: Callable[[], float]) -> None:
        self._random = random
        self._version = version
        self._now = now
        self.last_step = 0
        # Images keep v4 even if generations use v6: the new version was seen only for generations.
        turn = 0x2 << 12 if version == "v6" else 0
        self._fixed: dict[str, list[str]] = {}  # ids of parts that a user chose, by the id of the whole
        self._whole_of: dict[str, tuple[str, int]] = {}
        self._masks = [random.getrandbits(64) & ~(0xF << 12) ^ turn for _ in range(MOST_PARTS)]

    def new(self) -> str:
        """Return a new version 4 UUID."""
        return uuid4_from(self._random.getrandbits(128))

    def generation(self) -> str:
        """Return a new id for a generation: v4, or v6 as on newer accounts."""
        if self._version == "v4":
            return self.new()
        step = max(int(self._now() * 10_000_000) + _GREGORIAN, self.last_step + 1)
        self.last_step = step
        free = self._random.getrandbits(62)
        return _uuid_text((step >> 12) << 80 | 0x6 << 76 | (step & 0xFFF) << 64 | _VARIANT | free)

    def parts(self, whole: str, count: int) -> list[str]:
        """Return the ids of the first `count` parts (at most 8), such as a generation's pictures."""
        half, rest = int(whole[:8] + whole[9:13] + whole[14:18], 16), whole[18:]
        parts = [_joined(half ^ mask, rest) for mask in self._masks[:count]]
        if whole in self._fixed:
            chosen = self._fixed[whole][:count]
            return [one or other for one, other in zip(chosen, parts, strict=False)] + parts[len(chosen) :]
        return parts

    def fix_parts(self, whole: str, parts: list[str]) -> None:
        """Choose the ids of a whole's parts; '' leaves one as it is."""
        self._fixed[whole] = parts
        self._whole_of |= {part: (whole, index) for index, part in enumerate(parts) if part}

    @property
    def fixed_parts(self) -> dict[str, list[str]]:
        """The chosen ids of parts, by the id of the whole."""
        return dict(self._fixed)

    @fixed_parts.setter
    def fixed_parts(self, chosen: dict[str, list[str]]) -> None:
        self._fixed.clear()
        self._whole_of.clear()
        for whole, parts in chosen.items():
            self.fix_parts(whole, parts)

    def wholes(self, part: str) -> Iterator[tuple[str, int]]:
        """Return the candidates that a part's id can belong to, as pairs of (id, index)."""
        if part in self._whole_of:
            return iter([self._whole_of[part]])
        half, rest = int(part[:8] + part[9:13] + part[14:18], 16), part[18:]
        return ((_joined(half ^ mask, rest), index) for index, mask in enumerate(self._masks))


def _joined(first_half: int, rest: str) -> str:
    """Return a UUID from its first 64 bits and its text from the third hyphen on."""
    digits = f"{first_half:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:]}{rest}"


def _uuid_text(number: int) -> str:
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
