"""H.264 without an encoder library: one still as a key frame, then frames that show it a little moved.

All of ITU-T H.264 that is needed for it, in the Constrained Baseline profile: the still's macroblocks carry
either the mean of each 4x4 pixels (Intra16x16 with nothing but DC coefficients, in CAVLC), which the
deblocking filter makes smooth again, or every sample (I_PCM) where there is detail. The frames after it copy
the still from elsewhere by one motion vector. Clauses and tables named here are those of the standard.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from leomock.media.cavlc import chroma_block, luma_block

# A quantizer at which a level of a transformed luma DC is one grey step, and six less for chroma, where that
# is so again (clause 8.5: the inverse transform divides by 64, LevelScale is 16 * 16 at both).
LUMA_QUANTIZER = 28
CHROMA_OFFSET = -6
# Frames count their order in this many bits, by twos, and only half of the range can be told from the other.
ORDER_BITS = 16
MOST_FRAMES = 2 ** (ORDER_BITS - 2)
# Levels (table A-1): ten times the number, macroblocks a second, macroblocks a frame.
LEVELS = (
    (10, 1485, 99), (11, 3000, 396), (12, 6000, 396), (13, 11880, 396), (21, 19800, 792), (22, 20250, 1620),
    (30, 40500, 1620), (31, 108000, 3600), (32, 216000, 5120), (40, 245760, 8192), (42, 522240, 8704),
    (50, 589824, 22080), (51, 983040, 36864), (52, 2073600, 36864),
)  # fmt: skip


# The order of the coefficients in a block of 4x4 (figure 8-8).
ZIGZAG = (0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15)

Pair = tuple[int, int]
Four = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Planes:
    """A still in YCbCr 4:2:0, video range, `columns` times `rows` macroblocks of 16 x 16 pixels.

    `samples` are the three planes; `means` are the same at a quarter of the size each way. `detailed` are the
    numbers of the macroblocks that keep every sample.
    """

    columns: int
    rows: int
    samples: tuple[bytes, bytes, bytes]
    means: tuple[bytes, bytes, bytes]
    detailed: Collection[int]


# --- bits


def unsigned(number: int) -> str:
    """The Exp-Golomb code ue(v) of a number (clause 9.1)."""
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


def signed(number: int) -> str:
    """The Exp-Golomb code se(v) of a number (clause 9.1.1)."""
    return unsigned(2 * number - 1 if number > 0 else -2 * number)


def packed(bits: str) -> bytes:
    """Bits as bytes; the last byte is filled up with zeros."""
    count = -(-len(bits) // 8)
    return int(bits.ljust(count * 8, "0"), 2).to_bytes(count, "big") if bits else b""


def unit(kind: int, importance: int, payload: bytes) -> bytes:
    """A NAL unit: its header, and its payload with bytes put in so that no start code appears (7.4.1)."""
    return bytes((importance << 5 | kind,)) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)


# --- parameter sets


def sequence_parameters(width: int, height: int, frames_per_second: int) -> bytes:
    """The NAL unit that says how large the frames are, how fast they follow, and what their colours mean."""
    columns, rows = -(-width // 16), -(-height // 16)
    macroblocks = columns * rows
    level = next(
        (level for level, a_second, a_frame in LEVELS
         if macroblocks <= a_frame and macroblocks * frames_per_second <= a_second
         and max(columns, rows) ** 2 <= 8 * a_frame),
        LEVELS[-1][0],
    )  # fmt: skip
    # Cropping counts in chroma samples, so that an odd side shows one pixel more than was asked for.
    right, bottom = (columns * 16 - width) // 2, (rows * 16 - height) // 2
    bits = [
        f"{66:08b}", "11000000", f"{level:08b}",  # Baseline, and Constrained Baseline as well
        unsigned(0),                              # seq_parameter_set_id
        unsigned(0),                              # log2_max_frame_num_minus4
        unsigned(0), unsigned(ORDER_BITS - 4),    # pic_order_cnt_type, log2_max_pic_order_cnt_lsb_minus4
        unsigned(1), "0",                         # max_num_ref_frames, gaps_in_frame_num_value_allowed_flag
        unsigned(columns - 1), unsigned(rows - 1),
        "1", "1",                                 # frame_mbs_only_flag, direct_8x8_inference_flag
        "1", unsigned(0), unsigned(right), unsigned(0), unsigned(bottom),  # frame cropping
        "1",                                      # vui_parameters_present_flag
        "1", f"{1:08b}",                          # aspect_ratio_idc: square pixels
        "0",                                      # overscan_info_present_flag
        "1", f"{5:03b}", "0", "1",                # unspecified format, video range, colours described:
        f"{6:08b}" * 3,                           # BT.601 in all respects
        "1", unsigned(1), unsigned(1),            # chroma samples lie in the middle of their pixels
        "1", f"{1:032b}", f"{2 * frames_per_second:032b}", "1",            # timing, fixed frame rate
        "0", "0", "0",                            # no HRD parameters, pic_struct_present_flag
        "1", "1", unsigned(0), unsigned(0),       # bitstream restriction: vectors over borders; no bounds
        unsigned(15), unsigned(15),               # log2_max_mv_length
        unsigned(0), unsigned(1),                 # max_num_reorder_frames, max_dec_frame_buffering
        "1",                                      # rbsp_stop_one_bit
    ]  # fmt: skip
    return unit(7, 3, packed("".join(bits)))


def picture_parameters() -> bytes:
    """The NAL unit that says how the slices are coded."""
    bits = [
        unsigned(0), unsigned(0), "0", "0",       # ids, CAVLC, bottom_field_pic_order_in_frame_present_flag
        unsigned(0), unsigned(0), unsigned(0),    # one slice group, one reference frame
        "0", "00",                                # no weighted prediction
        signed(LUMA_QUANTIZER - 26), signed(0), signed(CHROMA_OFFSET),
        "1", "0", "0",                            # deblocking control; no constrained intra, no redundancy
        "1",
    ]  # fmt: skip
    return unit(8, 3, packed("".join(bits)))


# --- frames


def key_frame(planes: Planes) -> bytes:
    """The NAL unit of the still."""
    head = [
        unsigned(0), unsigned(7), unsigned(0),    # first_mb_in_slice, I, picture parameters
        f"{0:04b}", unsigned(0),                  # frame_num, idr_pic_id
        f"{0:0{ORDER_BITS}b}", "0", "0",          # order; nothing to drop; no long term
        signed(0), unsigned(0), signed(6), signed(6),  # quantizer; deblocking as strong as it gets
    ]  # fmt: skip
    return unit(5, 3, macroblocks(planes, "".join(head)))


def moved_frame(columns: int, rows: int, number: int, move: tuple[int, int]) -> bytes:
    """The NAL unit of a frame that shows the still from a place `move` quarter pixels right and down of it.

    No frame refers to it: each is made from the still alone, so that nothing wears off.
    """
    head = [
        unsigned(0), unsigned(5), unsigned(0), f"{1:04b}",          # first_mb_in_slice, P, PPS, frame_num
        f"{2 * number % 2**ORDER_BITS:0{ORDER_BITS}b}", "0", "0",   # order, one reference, in its usual order
        signed(0), unsigned(1),                                     # quantizer; no deblocking
    ]  # fmt: skip
    if move == (0, 0):
        body = unsigned(columns * rows)  # all skipped
    else:
        # P_L0_16x16, moved as predicted, no residual. Each macroblock of the first row and column has to say
        # that, since skipping means standing still there (clause 8.4.1.1).
        alike = "1" + "11" + unsigned(0)
        first = unsigned(0) + "1" + signed(move[0]) + signed(move[1]) + unsigned(0)
        skipped = unsigned(columns - 1)
        body = first + (unsigned(0) + alike) * (columns - 1)
        if rows > 1:
            body += unsigned(0) + alike + (skipped + alike) * (rows - 2) + skipped * (columns > 1)
    return unit(1, 0, packed("".join(head) + body + "1"))


class Border(NamedTuple):
    """What a coded macroblock is to its neighbour: sums of the unfiltered samples along their border.

    `luma` of 16 samples; of the blue and the red plane twice four. `crowded` says that the macroblock counts
    as having all coefficients.
    """

    luma: int
    blue: Pair
    red: Pair
    crowded: bool


def macroblocks(planes: Planes, head: str) -> bytes:
    """The macroblocks of the still, behind a slice header, with the stop bit."""
    written = bytearray()
    bits = [head]
    below: list[Border | None] = [None] * planes.columns
    for row in range(planes.rows):
        beside: Border | None = None
        for column in range(planes.columns):
            if row * planes.columns + column in planes.detailed:
                bits.append(unsigned(25))  # I_PCM: every sample, from the next whole byte on
                written += packed("".join(bits))
                bits.clear()
                samples, below[column], beside = detailed(planes, column, row)
                written += samples
            else:
                code, below[column], beside = averaged(planes, column, row, below[column], beside)
                bits.append(code)
    bits.append("1")
    return bytes(written + packed("".join(bits)))


def detailed(planes: Planes, column: int, row: int) -> tuple[bytes, Border, Border]:
    """Every sample of a macroblock, and its borders below and beside."""
    luma, blue, red = (
        square(plane, planes.columns, column, row, side)
        for plane, side in zip(planes.samples, (16, 8, 8), strict=True)
    )
    blue_below, red_below = ((sum(plane[56:60]), sum(plane[60:])) for plane in (blue, red))
    blue_beside, red_beside = ((sum(plane[7:32:8]), sum(plane[39::8])) for plane in (blue, red))
    below = Border(sum(luma[240:]), blue_below, red_below, crowded=True)
    beside = Border(sum(luma[15::16]), blue_beside, red_beside, crowded=True)
    return luma + blue + red, below, beside


def averaged(
    planes: Planes, column: int, row: int, above: Border | None, left: Border | None
) -> tuple[str, Border, Border]:
    """The bits of a macroblock that shows the mean of each 4x4 pixels, and its borders below and beside."""
    means = square(planes.means[0], planes.columns, column, row, 4)
    guess = average(above and above.luma, left and left.luma, 16)
    levels = [(value + 8) >> 4 for value in hadamard([value - guess for value in means])]
    shown = hadamard(levels)
    blue, red = (square(plane, planes.columns, column, row, 2) for plane in planes.means[1:])
    blue_levels, blue_below, blue_beside = chroma(blue, above and above.blue, left and left.blue)
    red_levels, red_below, red_beside = chroma(red, above and above.red, left and left.red)
    crowded = bool((above and above.crowded) or (left and left.crowded))
    luma = luma_block([levels[place] for place in ZIGZAG], crowded)
    # Intra16x16, predicted as an average, with chroma or without; that predicted so too; the same quantizer.
    if any(blue_levels) or any(red_levels):
        bits = unsigned(7) + "11" + luma + chroma_block(blue_levels) + chroma_block(red_levels)
    else:
        bits = unsigned(3) + "11" + luma
    below = Border(16 * guess + 4 * sum(shown[12:]), blue_below, red_below, crowded=False)
    beside = Border(16 * guess + 4 * sum(shown[3::4]), blue_beside, red_beside, crowded=False)
    return bits, below, beside


def chroma(means: bytes, above: Pair | None, left: Pair | None) -> tuple[Four, Pair, Pair]:
    """The levels of one chroma plane's four means, and its borders below and beside."""
    above_0, above_1 = above or (None, None)
    left_0, left_1 = left or (None, None)
    # The two corners off the diagonal look at one side only (clause 8.3.4).
    guesses = (
        average(above_0, left_0, 4),
        average(above_1, None, 4) if above else average(None, left_0, 4),
        average(None, left_1, 4) if left else average(above_0, None, 4),
        average(above_1, left_1, 4),
    )
    a, b, c, d = (value - guess for value, guess in zip(means, guesses, strict=True))
    a, b, c, d = (
        (a + b + c + d + 2) >> 2,
        (a - b + c - d + 2) >> 2,
        (a + b - c - d + 2) >> 2,
        (a - b - c + d + 2) >> 2,
    )
    shown = (a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d)
    _, two, three, four = (4 * (guess + value) for guess, value in zip(guesses, shown, strict=True))
    return (a, b, c, d), (three, four), (two, four)


def square(plane: bytes, columns: int, column: int, row: int, side: int) -> bytes:
    """The samples of one macroblock, which has `side` of them each way in this plane."""
    wide = columns * side
    start = row * side * wide + column * side
    return b"".join([plane[at : at + side] for at in range(start, start + side * wide, wide)])


def average(above: int | None, left: int | None, count: int) -> int:
    """What is predicted from sums of `count` samples above and to the left, as far as there are any (8.3)."""
    if above is None:
        return 128 if left is None else (left + count // 2) // count
    if left is None:
        return (above + count // 2) // count
    return (above + left + count) // (2 * count)


def hadamard(values: Sequence[int]) -> list[int]:
    """The Hadamard transform of 4x4 values, row by row: the decoder's way from levels to grey steps.

    Twice gives the values times 16, so that it finds the levels too (clause 8.5.10).
    """
    rows: list[int] = []
    for at in (0, 4, 8, 12):
        a, b, c, d = values[at : at + 4]
        rows += (a + b + c + d, a + b - c - d, a - b - c + d, a - b + c - d)
    whole = [0] * 16
    for at in (0, 1, 2, 3):
        a, b, c, d = rows[at::4]
        whole[at::4] = (a + b + c + d, a + b - c - d, a - b - c + d, a - b + c - d)
    return whole
