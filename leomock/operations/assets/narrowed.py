"""Smaller pictures, which the CDN makes for a width in the query (`?w=512`)."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from leomock.leonardo.basis import Chosen, Evidence, based_on
from leomock.media import Renderable
from leomock.operations.assets.resolver import render_cached

_WIDTH = re.compile(r"[1-9]\d{0,4}", re.ASCII)
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}


@based_on(
    Evidence("small-picture-by-query"),
    Chosen(
        "a width that is not a number, or larger than the picture, changes nothing; the format stays the same"
    ),
)
def narrowed(result: Renderable, width: str, owner: str) -> Renderable:
    """Return a picture that is at most as wide as the query says; other results stay unchanged.

    `owner` is the id of the user whose picture it is.
    """
    if result.media_type not in _FORMATS or not _WIDTH.fullmatch(width):
        return result
    return Narrowed(result, int(width), owner)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A picture with a largest width in pixels; the height follows."""

    result: Renderable
    width: int
    owner: str

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return self.result.media_type

    def render(self) -> bytes:
        """Return the bytes of the smaller picture."""
        from PIL import Image

        content = render_cached(self.result, self.owner)
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width <= self.width:
                return content
            height = max(1, round(picture.height * self.width / picture.width))
            smaller, file = picture.resize((self.width, height)), io.BytesIO()
        smaller.save(file, _FORMATS[self.media_type])
        return file.getvalue()
