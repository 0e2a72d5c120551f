"""Images as PNG and JPEG files."""

import io
import struct
import zlib
from typing import Literal

from PIL import Image, ImageChops

Format = Literal["jpeg", "png"]

_QUALITY = 85
# How much freed memory the C library keeps: enough for an image of 1.2 megapixels and what it is made of.
_KEPT_BYTES = 24 * 2**20


def _keep_freed_memory() -> None:
    """Let glibc keep the memory of freed images for the next ones.

    Otherwise it returns that memory to the system, and every page of the next image costs a fault: a fifth of
    the time of a 1024 x 1024 image. glibc adapts to the largest block that it has seen freed, and keeps twice
    its size. Other C libraries ignore it.
    """
    bytes(_KEPT_BYTES // 2)


_keep_freed_memory()


def write(image: Image.Image, format: Format, comment: str) -> bytes:
    """Write an image into a file with a comment in ASCII; JPEG drops alpha."""
    if format == "png":
        return _png(image, comment)
    file = io.BytesIO()
    file.name = "image.jpg"  # Pillow finds the format in it, and then loads the code of that format only
    opaque = image if image.mode == "RGB" else image.convert("RGB")
    opaque.save(file, quality=_QUALITY, comment=comment.encode())
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
