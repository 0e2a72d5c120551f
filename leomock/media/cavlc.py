"""CAVLC: how H.264 writes a block of transform coefficients as bits (clause 9.2 of ITU-T H.264)."""

from collections.abc import Sequence
from functools import lru_cache

# Table 9-5, by the number of coefficients, then by how many of the last ones are 1 or -1: where the
# neighbours have fewer than two coefficients, and for the DC of chroma.
COEFF_TOKENS = [row.split() for row in (
    "1",
    "000101 01",
    "00000111 000100 001",
    "000000111 00000110 0000101 00011",
    "0000000111 000000110 00000101 000011",
    "00000000111 0000000110 000000101 0000100",
    "0000000001111 00000000110 0000000101 00000100",
    "0000000001011 0000000001110 00000000101 000000100",
    "0000000001000 0000000001010 0000000001101 0000000100",
    "00000000001111 00000000001110 0000000001001 00000000100",
    "00000000001011 00000000001010 00000000001101 0000000001100",
    "000000000001111 000000000001110 00000000001001 00000000001100",
    "000000000001011 000000000001010 000000000001101 00000000001000",
    "0000000000001111 000000000000001 000000000001001 000000000001100",
    "0000000000001011 0000000000001110 0000000000001101 000000000001000",
    "0000000000000111 0000000000001010 0000000000001001 0000000000001100",
    "0000000000000100 0000000000000110 0000000000000101 0000000000001000",
)]  # fmt: skip
CHROMA_TOKENS = [row.split() for row in (
    "01",
    "000111 1",
    "000100 000110 001",
    "000011 0000011 0000010 000101",
    "000010 00000011 00000010 0000000",
)]  # fmt: skip
# Tables 9-7 and 9-8, and 9-9 (a) for the DC of chroma, by the number of coefficients, then of zeros between.
TOTAL_ZEROS = [row.split() for row in (
    "1 011 010 0011 0010 00011 00010 000011 "
    "000010 0000011 0000010 00000011 00000010 000000011 000000010 000000001",
    "111 110 101 100 011 0101 0100 0011 0010 00011 00010 000011 000010 000001 000000",
    "0101 111 110 101 0100 0011 100 011 0010 00011 00010 000001 00001 000000",
    "00011 111 0101 0100 110 101 100 0011 011 0010 00010 00001 00000",
    "0101 0100 0011 111 110 101 100 011 0010 00001 0001 00000",
    "000001 00001 111 110 101 100 011 010 0001 001 000000",
    "000001 00001 101 100 011 11 010 0001 001 000000",
    "000001 0001 00001 011 11 10 010 001 000000",
    "000001 000000 0001 11 10 001 01 00001",
    "00001 00000 001 11 10 01 0001",
    "0000 0001 001 010 1 011",
    "0000 0001 01 1 001",
    "000 001 1 01",
    "00 01 1",
    "0 1",
)]  # fmt: skip
CHROMA_ZEROS = [row.split() for row in (
    "1 01 001 000",
    "1 01 00",
    "1 0",
)]  # fmt: skip
# Table 9-10, by the number of zeros left, then of those right before a coefficient.
RUNS_BEFORE = [row.split() for row in (
    "1 0",
    "1 01 00",
    "11 10 01 00",
    "11 10 01 001 000",
    "11 10 011 010 001 000",
    "11 000 001 011 010 101 100",
    "111 110 101 100 011 010 001 0001 00001 000001 0000001 00000001 000000001 0000000001 00000000001",
)]  # fmt: skip


def luma_block(levels: Sequence[int], crowded: bool) -> str:
    """The bits of 16 levels in scan order; `crowded` where the neighbours have eight coefficients or more."""
    total, ones, bits = coefficients(levels)
    crowd_token = (total - 1) << 2 | ones if total else 3
    token = f"{crowd_token:06b}" if crowded else COEFF_TOKENS[total][ones]
    return token + bits + (zeros(levels, total, TOTAL_ZEROS) if 0 < total < 16 else "")


@lru_cache(maxsize=4096)
def chroma_block(levels: tuple[int, int, int, int]) -> str:
    """The bits of the four levels of one chroma plane's DC."""
    total, ones, bits = coefficients(levels)
    return CHROMA_TOKENS[total][ones] + bits + (zeros(levels, total, CHROMA_ZEROS) if 0 < total < 4 else "")


def coefficients(levels: Sequence[int]) -> tuple[int, int, str]:
    """How many levels are not 0, how many of the last of these are 1 or -1 (at most 3), and their bits."""
    found = [level for level in reversed(levels) if level]
    ones = 0
    while ones < min(3, len(found)) and -1 <= found[ones] <= 1:
        ones += 1
    bits = ["1" if level < 0 else "0" for level in found[:ones]]
    length = 1 if len(found) > 10 and ones < 3 else 0
    for place, level in enumerate(found[ones:]):
        code = 2 * abs(level) - 2 + (level < 0)
        # A first level after fewer than three ones cannot be a one itself.
        bits.append(level_code(code - 2 if place == 0 and ones < 3 else code, length))
        length = length or 1
        if abs(level) > 3 << (length - 1) and length < 6:
            length += 1
    return len(found), ones, "".join(bits)


@lru_cache(maxsize=4096)
def level_code(code: int, length: int) -> str:
    """The bits of one level with a suffix of some length (clause 9.2.2.1)."""
    if length == 0:
        if code < 14:
            return "0" * code + "1"
        if code < 30:
            return "0" * 14 + f"1{code - 14:04b}"
        return "0" * 15 + f"1{code - 30:012b}"
    if code >> length < 15:
        return "0" * (code >> length) + f"1{code & (1 << length) - 1:0{length}b}"
    return "0" * 15 + f"1{code - (15 << length):012b}"


def zeros(levels: Sequence[int], total: int, table: Sequence[Sequence[str]]) -> str:
    """The bits that say how many zeros stand before the last coefficient, and where."""
    places = [place for place, level in enumerate(levels) if level]
    left = places[-1] + 1 - total
    bits = [table[total - 1][left]]
    for place in range(total - 1, 0, -1):
        if left == 0:
            break
        run = places[place] - places[place - 1] - 1
        bits.append(RUNS_BEFORE[min(left, 7) - 1][run])
        left -= run
    return "".join(bits)
