"""A picture made small, to be looked at."""

from __future__ import annotations

import io

from PIL import Image

# Four of them, as text, stay below the megabyte that MCP clients take for one event.
LONGEST_SIDE = 512
# What a service draws is far smaller; a file that says it is larger wants the memory.
_MOST_PIXELS = 64_000_000
_QUALITY = 85


def preview(content: bytes) -> bytes | None:
    """A picture as a JPEG of at most `LONGEST_SIDE` pixels a side; nothing where it is no picture."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            small = io.BytesIO()
            image.convert("RGB").save(small, "JPEG", quality=_QUALITY)
            return small.getvalue()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
