"""Make a small preview of an image."""

from __future__ import annotations

import io

from PIL import Image

# Four of them, as text, stay below one megabyte, the limit of MCP clients for one event.
LONGEST_SIDE = 512
# Images from a service are far smaller; a file that claims more is an attempt to exhaust memory.
_MOST_PIXELS = 64_000_000
_QUALITY = 85


def preview(content: bytes, longest_side: int = LONGEST_SIDE) -> bytes | None:
    """Return an image as a JPEG of at most `longest_side` pixels a side, or None for any other file."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.thumbnail((longest_side, longest_side))
            small = io.BytesIO()
            image.convert("RGB").save(small, "JPEG", quality=_QUALITY)
            return small.getvalue()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
