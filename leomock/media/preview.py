"""A picture made small, to be looked at."""

from __future__ import annotations

import io

from PIL import Image

# Four of them, as text, stay below the megabyte that MCP clients take for one event.
LONGEST_SIDE = 512
# What a service draws is far smaller; a file that says it is larger wants the memory.
_MOST_PIXELS = 64_000_000
_QUALITY = 85


def preview(content: bytes, longest_side: int = LONGEST_SIDE) -> bytes | None:
    """Return a picture as a JPEG of at most `longest_side` pixels a side, or None if it is not a picture."""
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
