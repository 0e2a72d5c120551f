"""The plate on an image: the request in words, so that nobody mistakes it for a real generation."""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw

from leomock.media.colours import RGB, WHITE, mix
from leomock.media.lettering import first_fitting, wrap
from leomock.media.paint import Box, Size
from leomock.media.typefaces import Face, font

# If the short side has fewer pixels, only the number is readable.
PLATE_SIDE = 64
WARNING: RGB = (255, 205, 120)


class Note(NamedTuple):
    """A small line on the plate, in several wordings from long to short; the first that fits is used."""

    wordings: tuple[str, ...]
    warning: bool = False


@dataclass(slots=True)
class Drawing:
    """An image in RGB or RGBA with the content of its plate and of its file's comment.

    `number` replaces the plate if the image is too small for one. `changes` lists the edits to the
    image, in order. `said` goes into the file's comment.
    """

    image: Image.Image
    title: str
    ink: RGB
    number: int = 1
    notes: list[Note] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    said: dict[str, object] = field(default_factory=dict)


def overlay(drawing: Drawing) -> None:
    """Write the plate and the maker's name on a drawing; on a small one, only its number."""
    image, ink = drawing.image, drawing.ink
    if min(image.size) < PLATE_SIDE:
        _write_number(image, drawing.number)
        return
    width, height = image.size
    short = min(width, height)
    size = round(min(max(min(math.sqrt(width * height) / 34, short / 11), 12), 44))
    body, small = Face(size), Face(max(10, round(size * 0.66)))
    margin, pad = max(2, round(short * 0.03)), max(4, round(min(size * 0.8, short * 0.06)))
    room = width - 2 * (margin + pad)
    step, small_step = round(size * 1.3), round(small.size * 1.5)

    # Narrow images get more rows, but the plate stays below two fifths of the height if one row can.
    rows = min(round(100 * size / room), 8, int((height * 0.4 - 2 * pad - small_step) / step))
    lines = wrap(drawing.title, body, room, max(1, rows))
    footers = [
        (first_fitting(note.wordings, small, room), WARNING if note.warning else mix(ink, WHITE, 0.8))
        for note in _notes(drawing)
    ]

    tall = 2 * pad + step * len(lines) + small_step * len(footers)
    top = height - margin - tall
    # On a transparent background, the plate alone must make the text readable.
    opacity = 0.85 if image.mode == "RGBA" else 0.72
    _darken(image, (margin, top, width - margin, height - margin), size * 0.6, ink, opacity)
    draw = ImageDraw.Draw(image)
    y: float = top + pad
    for line in lines:
        body.write(draw, margin + pad, y + size * 0.6, line, WHITE)
        y += step
    y += small_step - small.size
    for footer, colour in footers:
        small.write(draw, margin + pad, y + small.size * 0.5, footer, colour)
        y += small_step
    _sign(image, round(small.size), margin, ink, opacity * 0.8)


def _notes(drawing: Drawing) -> list[Note]:
    changes = drawing.changes
    if not changes:
        return drawing.notes
    return [*drawing.notes, Note((" · ".join(changes), changes[-1], changes[-1].split()[0]))]


def _sign(image: Image.Image, size: int, margin: int, ink: RGB, opacity: float) -> None:
    """Write the maker's name small into the upper right corner."""
    ground, letters = _wordmark(size, round(opacity * 100))
    at = image.width - margin - ground.width, margin
    opaque = (255,) if image.mode == "RGBA" else ()
    for colour, mask in ((ink, ground), (mix(ink, WHITE, 0.9), letters)):
        image.paste(Image.new(image.mode, mask.size, (*colour, *opaque)), at, mask)


@lru_cache(maxsize=16)
def _wordmark(size: int, percent: int) -> tuple[Image.Image, Image.Image]:
    """Return the masks of the maker's name, background and letters: the same on all images of a size."""
    face, inside = font(size), round(size * 0.5)
    wide, high = math.ceil(face.getlength("leomock")) + 2 * inside, round(size * 1.7)
    letters = Image.new("L", (wide, high))
    ImageDraw.Draw(letters).text((wide / 2, high / 2), "leomock", 255, face, anchor="mm")
    return _rounded((wide, high), high / 2, percent / 100), letters


def _darken(image: Image.Image, box: Box, corner: float, ink: RGB, opacity: float) -> None:
    """Darken a rounded rectangle so that white text can be read on anything.

    On RGB the whole rectangle is mixed with the ink, then its corners are restored.
    """
    left, top, right, bottom = box
    if image.mode == "RGBA" or bottom - top < 4 * corner or right - left < 4 * corner or left < 0 or top < 0:
        mask = _rounded((right - left, bottom - top), corner, opacity)
        opaque = (255,) if image.mode == "RGBA" else ()
        image.paste((*ink, *opaque), (left, top), mask)
        return
    under = image.crop(box)
    image.paste(Image.blend(under, Image.new("RGB", under.size, ink), opacity), (left, top))
    side = math.ceil(corner)
    outside = _outside_corners(side, corner)
    for x, a in ((0, 0), (under.width - side, side)):
        for y, b in ((0, 0), (under.height - side, side)):
            corner_mask = outside.crop((a, b, a + side, b + side))
            image.paste(under.crop((x, y, x + side, y + side)), (left + x, top + y), corner_mask)


@lru_cache(maxsize=16)
def _outside_corners(side: int, corner: float) -> Image.Image:
    """Return the mask of the area outside the four corners of a square of twice the side."""
    return ImageChops.invert(_rounded((2 * side, 2 * side), corner, 1))


def _rounded(size: Size, radius: float, opacity: float) -> Image.Image:
    """Return the mask of a rounded rectangle with smooth edges."""
    mask = Image.new("L", (size[0] * 2, size[1] * 2))
    area = (0, 0, mask.width - 1, mask.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(area, radius * 2, fill=round(255 * opacity))
    return mask.reduce(2)


def _write_number(image: Image.Image, count: int) -> None:
    """Write a number as large as fits in the middle of an image; leave it out if it would be unreadable."""
    room = min(image.size) * 0.84
    # The sign is dropped first if space is short.
    fits = (
        (text, size)
        for text, least in ((f"#{count}", 14), (str(count), 7))
        for size in range(int(room * 0.8), least - 1, -1)
        if font(size).getlength(text) <= room
    )
    text, size = next(fits, ("", 0))
    if not text:
        return
    middle = (image.width / 2, image.height / 2)
    stroke = max(1, size // 12)
    ImageDraw.Draw(image).text(
        middle, text, WHITE, font(size), "mm", stroke_width=stroke, stroke_fill=(20, 22, 30)
    )
