"""Images as PNG and JPEG files."""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from PIL import Image, ImageChops, _imaging

Format = Literal["jpeg", "png"]

_QUALITY = 85
# Memory blocks that Pillow keeps while an image is drawn: size in bytes, and maximum number.
_BLOCK_BYTES, _MOST_BLOCKS = 128 * 1024, 256


@contextmanager
def reusing_memory() -> Iterator[None]:
    """Let Pillow reuse the memory of intermediate images while drawing.

    Otherwise it returns each image's memory to the system, and every page of the next image costs a fault: a
    third of the time of a 1024 x 1024 image. The settings apply to the whole process, so they are
    restored.
    """
    before = _imaging.get_block_size(), _imaging.get_blocks_max()
    _imaging.set_block_size(_BLOCK_BYTES)
    _imaging.set_blocks_max(_MOST_BLOCKS)
    try:
        yield
    finally:
        _imaging.set_block_size(before[0])
        _imaging.set_blocks_max(before[1])


def write(image: Image.Image, format: Format, comment: str) -> bytes:
    """Write an image into a file with a comment in ASCII; JPEG drops alpha."""
    if format == "png":
        return _png(image, comment)
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=_QUALITY, comment=comment.encode())
    return file.getvalue()


def _png(image: Image.Image, comment: str) -> bytes:
    """Write a PNG whose rows are all stored as differences to the row above.

    Choosing among the five filters for each row is most of Pillow's work; files are no larger without it.
    """
    width, height = image.size
    channels = len(image.getbands())
    above = Image.new(image.mode, image.size)
    above.paste(image, (0, 1))
    rows = memoryview(ImageChops.subtract_modulo(image, above).tobytes())
    lines: list[bytes | memoryview] = [b"\2"] * (2 * height)
    lines[1::2] = [rows[at : at + width * channels] for at in range(0, len(rows), width * channels)]
    colour_type = {1: 0, 3: 2, 4: 6}[channels]
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)),
            _chunk(b"tEXt", b"Software\0leomock"),
            _chunk(b"tEXt", b"Comment\0" + comment.encode("ascii")),
            _chunk(b"IDAT", zlib.compress(b"".join(lines), 1)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
