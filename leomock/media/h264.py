"""H.264 without an encoder library: one still as a key frame, then frames that show it slightly moved.

All of ITU-T H.264 that this needs, in the Constrained Baseline profile: a macroblock of the still either
keeps every sample (I_PCM), or repeats the last column of the one to its left (Intra16x16, horizontal, without
a residual), as it may where brightness and colour change from top to bottom alone. The frames after it copy
the still from elsewhere by one motion vector. Clauses and tables named here are those of the standard.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Frames count their order in this many bits, in steps of two, and only half of the range is unambiguous.
ORDER_BITS = 16
MOST_FRAMES = 2 ** (ORDER_BITS - 2)
# Levels (table A-1): ten times the number, macroblocks per second, macroblocks per frame.
LEVELS = (
    (10, 1485, 99), (11, 3000, 396), (12, 6000, 396), (13, 11880, 396), (21, 19800, 792), (22, 20250, 1620),
    (30, 40500, 1620), (31, 108000, 3600), (32, 216000, 5120), (40, 245760, 8192), (42, 522240, 8704),
    (50, 589824, 22080), (51, 983040, 36864), (52, 2073600, 36864),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Still:
    """A still in YCbCr 4:2:0, video range, `columns` times `rows` macroblocks of 16 x 16 pixels.

    `strips` has three entries for each column of macroblocks, the samples of its planes from top to bottom.
    `repeats_left` has an entry for each macroblock, column by column; it is true where the macroblock repeats
    the one to its left, so never in the first column.
    """

    columns: int
    rows: int
    strips: Sequence[tuple[bytes, bytes, bytes]]
    repeats_left: Sequence[Sequence[bool]]


# --- bits


def unsigned(number: int) -> str:
    """Return the Exp-Golomb code ue(v) of a number (clause 9.1)."""
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


def signed(number: int) -> str:
    """Return the Exp-Golomb code se(v) of a number (clause 9.1.1)."""
    return unsigned(2 * number - 1 if number > 0 else -2 * number)


def packed(bits: str) -> bytes:
    """Pack bits into bytes, padding the last one with zeros."""
    count = -(-len(bits) // 8)
    return int(bits.ljust(count * 8, "0"), 2).to_bytes(count, "big") if bits else b""


def unit(kind: int, importance: int, payload: bytes) -> bytes:
    """Return a NAL unit: its header and its payload, escaped so that it contains no start code (7.4.1)."""
    return bytes((importance << 5 | kind,)) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)


# --- parameter sets


def sequence_parameters(width: int, height: int, frames_per_second: int) -> bytes:
    """Return the NAL unit that gives the size and rate of the frames and the meaning of their colours."""
    columns, rows = -(-width // 16), -(-height // 16)
    macroblocks = columns * rows
    level = next(
        (level for level, a_second, a_frame in LEVELS
         if macroblocks <= a_frame and macroblocks * frames_per_second <= a_second
         and max(columns, rows) ** 2 <= 8 * a_frame),
        LEVELS[-1][0],
    )  # fmt: skip
    # Cropping counts in chroma samples, so an odd side shows one pixel more than requested.
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
    """Return the NAL unit that describes how the slices are coded."""
    bits = [
        unsigned(0), unsigned(0), "0", "0",       # ids, CAVLC, bottom_field_pic_order_in_frame_present_flag
        unsigned(0), unsigned(0), unsigned(0),    # one slice group, one reference frame
        "0", "00",                                # no weighted prediction
        signed(0), signed(0), signed(0),          # quantizers, unused: no residual is coded
        "1", "0", "0",                            # deblocking control; no constrained intra, no redundancy
        "1",
    ]  # fmt: skip
    return unit(8, 3, packed("".join(bits)))


# --- frames


PCM = unsigned(25)
# Intra16x16, predicted from the left, luma and chroma; no coefficients; the same quantizer.
REPEAT_LEFT = unsigned(2) + unsigned(1) + signed(0)
# Every sample of a macroblock, in bytes: luma, then two planes of chroma.
LUMA, CHROMA = 16 * 16, 8 * 8


def key_frame(still: Still) -> bytes:
    """Return the NAL unit of the still."""
    head = [
        unsigned(0), unsigned(7), unsigned(0),    # first_mb_in_slice, I, picture parameters
        f"{0:04b}", unsigned(0),                  # frame_num, idr_pic_id
        f"{0:0{ORDER_BITS}b}", "0", "0",          # order; keep all; no long term
        signed(0), unsigned(1),                   # quantizer; no deblocking
    ]  # fmt: skip
    pieces: list[bytes] = []
    bits = "".join(head)
    above_is_full = [False] * still.columns
    for row in range(still.rows):
        luma, chroma = slice(row * LUMA, (row + 1) * LUMA), slice(row * CHROMA, (row + 1) * CHROMA)
        left_is_full = False
        for column in range(still.columns):
            if still.repeats_left[column][row]:
                # The code for "no coefficients" depends on the neighbours; I_PCM counts as 16 (9.2.1).
                bits += REPEAT_LEFT + ("000011" if left_is_full or above_is_full[column] else "1")
                left_is_full = above_is_full[column] = False
                continue
            y, u, v = still.strips[column]
            pieces += (packed(bits + PCM), y[luma], u[chroma], v[chroma])  # samples start at a whole byte
            bits = ""
            left_is_full = above_is_full[column] = True
    pieces.append(packed(bits + "1"))
    return unit(5, 3, b"".join(pieces))


def moved_frame(columns: int, rows: int, number: int, move: tuple[int, int]) -> bytes:
    """Return the NAL unit of a frame that shows the still moved by `move`, in quarter pixels right and down.

    Each frame is made only from the still, so errors do not add up.
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
        # that, since skipping means no motion there (clause 8.4.1.1).
        alike = "1" + "11" + unsigned(0)
        first = unsigned(0) + "1" + signed(move[0]) + signed(move[1]) + unsigned(0)
        skipped = unsigned(columns - 1)
        body = first + (unsigned(0) + alike) * (columns - 1)
        if rows > 1:
            body += unsigned(0) + alike + (skipped + alike) * (rows - 2) + skipped * (columns > 1)
    return unit(1, 0, packed("".join(head) + body + "1"))
