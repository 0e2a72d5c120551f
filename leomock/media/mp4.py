"""Write MP4: boxes around coded video, the index before the samples (ISO/IEC 14496-12, -14 and -15)."""

import struct
from collections.abc import Sequence
from functools import partial

# No rotation, no scaling.
MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
# Ticks per frame, so that times stay exact in players that round.
TICKS = 1000


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box: length, type and content."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, flags: int, *parts: bytes) -> bytes:
    """Return a box that begins with a version, here 0, and flags."""
    return box(kind, struct.pack(">I", flags), *parts)


def movie(
    frames: Sequence[bytes],
    sequence: bytes,
    picture: bytes,
    size: tuple[int, int],
    frames_per_second: int,
    comment: str,
) -> bytes:
    """Return a file with one H.264 track: one NAL unit per frame, of which only the first is a key frame.

    `sequence` and `picture` are the NAL units of the parameter sets.
    """
    samples = [struct.pack(">I", len(frame)) + frame for frame in frames]
    file_type = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2avc1mp41")
    header_for = partial(header, samples, sequence, picture, size, frames_per_second, comment)
    first = len(file_type) + len(header_for(0)) + 8
    return file_type + header_for(first) + box(b"mdat", *samples)


def header(
    samples: Sequence[bytes],
    sequence: bytes,
    picture: bytes,
    size: tuple[int, int],
    frames_per_second: int,
    comment: str,
    first: int,
) -> bytes:
    """Return the box `moov`; `first` is the file offset of the samples."""
    width, height = size
    rate, duration = frames_per_second * TICKS, len(samples) * TICKS
    configuration = box(
        b"avcC",
        # Profile and level as in the sequence parameters; four-byte lengths; one set of each.
        b"\1" + sequence[1:4] + b"\xff\xe1",
        struct.pack(">H", len(sequence)) + sequence,
        struct.pack(">BH", 1, len(picture)) + picture,
    )
    coded = box(
        b"avc1",
        struct.pack(">6xH16xHH", 1, width, height),
        struct.pack(">IIIH32sHh", 72 << 16, 72 << 16, 0, 1, b"\7leomock", 24, -1),
        configuration,
        box(b"colr", b"nclx", struct.pack(">HHHB", 6, 6, 6, 0)),  # BT.601, video range
        box(b"pasp", struct.pack(">II", 1, 1)),
    )
    table = box(
        b"stbl",
        full_box(b"stsd", 0, struct.pack(">I", 1), coded),
        full_box(b"stts", 0, struct.pack(">III", 1, len(samples), TICKS)),
        full_box(b"stss", 0, struct.pack(">II", 1, 1)),
        full_box(b"stsc", 0, struct.pack(">IIII", 1, 1, len(samples), 1)),
        full_box(b"stsz", 0, struct.pack(f">II{len(samples)}I", 0, len(samples), *map(len, samples))),
        full_box(b"stco", 0, struct.pack(">II", 1, first)),
    )
    media = box(
        b"mdia",
        full_box(b"mdhd", 0, struct.pack(">4I2H", 0, 0, rate, duration, 0x55C4, 0)),  # no language
        full_box(b"hdlr", 0, struct.pack(">I4s12x", 0, b"vide"), b"leomock\0"),
        box(
            b"minf",
            full_box(b"vmhd", 1, bytes(8)),
            box(b"dinf", full_box(b"dref", 0, struct.pack(">I", 1), full_box(b"url ", 1))),
            table,
        ),
    )
    track = box(
        b"trak",
        full_box(
            b"tkhd",
            3,
            struct.pack(">5I8x4H", 0, 0, 1, 0, duration, 0, 0, 0, 0),
            MATRIX,
            struct.pack(">II", width << 16, height << 16),
        ),
        media,
    )
    said = box(
        b"udta",
        full_box(
            b"meta", 0,
            full_box(b"hdlr", 0, struct.pack(">I4s4s8x", 0, b"mdir", b"appl"), b"\0"),
            box(b"ilst", *(
                box(kind, box(b"data", struct.pack(">II", 1, 0), text.encode()))
                for kind, text in ((b"\xa9too", "leomock"), (b"\xa9cmt", comment))
            )),
        ),
    )  # fmt: skip
    movie_header = full_box(
        b"mvhd", 0, struct.pack(">4IIH10x", 0, 0, rate, duration, 0x10000, 0x100), MATRIX, bytes(24),
        struct.pack(">I", 2),
    )  # fmt: skip
    return box(b"moov", movie_header, track, said)
