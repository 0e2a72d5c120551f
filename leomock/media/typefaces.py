"""Typefaces: a font for each script, and lines of text that may need several of them.

The fonts come with leomock and with Pillow, so that images do not depend on installed fonts.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont
FOLDER = Path(__file__).parent / "fonts"
# The characters that Pillow's embedded font can draw (found by comparing glyphs with the missing one).
PLAIN = frozenset({*map(chr, range(0x20, 0x7F)), *"©«°±´·»‘’“”…‹›"})  # noqa: RUF001 (they are what they seem)


@lru_cache(maxsize=64)
def font(size: int) -> Font:
    """Return the font inside Pillow, which has the characters of `PLAIN`."""
    return _embedded().font_variant(size=size)


@cache
def _embedded() -> Font:
    """Unpack the font once for all sizes."""
    loaded = ImageFont.load_default(12)
    assert isinstance(loaded, ImageFont.FreeTypeFont), "leomock: Pillow was built without FreeType"
    return _basic(io.BytesIO(loaded.font_bytes))


def _basic(file: io.BytesIO | Path) -> Font:
    """Load a font without shaping: whether Pillow can do that depends on the machine."""
    return ImageFont.truetype(file, 12, layout_engine=ImageFont.Layout.BASIC)


def script_of(character: str) -> str:
    """Return the name of the font that has a character: `plain`, that of a file in `fonts`, or ''."""
    return "plain" if character in PLAIN else _scripts().get(character, "")


@cache
def _scripts() -> dict[str, str]:
    coverage = json.loads((FOLDER / "coverage.json").read_bytes())
    return {
        chr(code): name
        for name, ranges in reversed(coverage.items())
        for first, following in ranges
        for code in range(first, first + following + 1)
    }


def scripts() -> list[str]:
    """Return the names of the fonts in `fonts`."""
    return sorted(file.stem for file in FOLDER.glob("*.ttf"))


def characters_of(script: str) -> frozenset[str]:
    """Return the characters that a font in `fonts` draws."""
    return frozenset(character for character, name in _scripts().items() if name == script)


@lru_cache(maxsize=64)
def font_of(script: str, size: int) -> Font:
    """Return the font that draws a script, in a size in pixels."""
    return font(size) if script == "plain" else _shipped(script).font_variant(size=size)


@cache
def _shipped(script: str) -> Font:
    return _basic(FOLDER / f"{script}.ttf")


class Face:
    """All fonts in one size, in pixels. They draw one line of text, in any script."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._plain = font(size)

    def getlength(self, text: str) -> float:
        """Return the width of a text in pixels."""
        if PLAIN.issuperset(text):
            return self._plain.getlength(text)
        return sum(one.getlength(part) for one, part in self._parts(text))

    def fits(self, text: str, width: float) -> bool:
        """Return whether a text is at most this many pixels wide."""
        # No character of `PLAIN` is wider than a line is high, so most texts need not be measured.
        return (PLAIN.issuperset(text) and len(text) * self.size <= width) or self.getlength(text) <= width

    def write(
        self, draw: ImageDraw.ImageDraw, x: float, middle: float, text: str, colour: tuple[int, ...]
    ) -> None:
        """Draw a text from `x` to the right, with its middle at the height `middle`."""
        if PLAIN.issuperset(text):
            draw.text((x, middle), text, colour, self._plain, anchor="lm")
            return
        above, below = self._plain.getmetrics()
        for one, part in self._parts(text):
            draw.text((x, middle + (above - below) / 2), part, colour, one, anchor="ls")
            x += one.getlength(part)

    def _parts(self, text: str) -> Iterator[tuple[Font, str]]:
        """Yield the parts of a text from left to right, each with its font."""
        from leomock.media.scripts import drawn  # most texts do without

        for script, part in groupby(drawn(text), script_of):
            yield font_of(script or "plain", self.size), "".join(part)
