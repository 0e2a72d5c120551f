"""Text on images: the font, its characters, and line breaking."""

import io
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from PIL import ImageFont


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font inside Pillow, so that images do not depend on installed fonts."""
    return _embedded().font_variant(size=size)


@lru_cache(maxsize=1)
def _embedded() -> ImageFont.FreeTypeFont:
    """Unpack the font once for all sizes; it has only Latin letters, which need no shaping."""
    loaded = ImageFont.load_default(12)
    assert isinstance(loaded, ImageFont.FreeTypeFont), "leomock: Pillow was built without FreeType"
    return ImageFont.truetype(io.BytesIO(loaded.font_bytes), 12, layout_engine=ImageFont.Layout.BASIC)


# The characters that Pillow's embedded font can draw (found by comparing glyphs with the missing one).
DRAWABLE = frozenset({*map(chr, range(0x20, 0x7F)), *"©«°±´·»‘’“”…‹›"})  # noqa: RUF001 (they are what they seem)
# Letters whose name contains the base letter: LATIN SMALL LETTER O WITH STROKE.
LATIN = re.compile("LATIN (?:SMALL|CAPITAL) (?:LETTER|LIGATURE) ([A-Z]|AE|OE)(?: WITH .*)?$")
# Scripts whose characters are named after their sound: HIRAGANA LETTER KA, HANGUL SYLLABLE HAN.
NAMED_BY_SOUND = ("HIRAGANA LETTER ", "KATAKANA LETTER ", "HANGUL SYLLABLE ")
CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ"
SOUNDS = "a b v g d e zh z i i k l m n o p r s t u f kh ts ch sh shch - y - e yu ya e i i ye g"
TRANSLITERATED = dict(zip(CYRILLIC, SOUNDS.replace("-", "").split(" "), strict=True))


def legible(text: str) -> str:
    """Rewrite a text on one line with characters that the font has.

    Accents are removed, sounds and emoji are spelled out, and other characters become escapes.
    """
    return " ".join("".join(map(spell, text)).split())


@lru_cache(maxsize=1024)
def spell(character: str) -> str:
    """Spell one character with drawable ones."""
    if character in DRAWABLE:
        return character
    kind = unicodedata.category(character)
    if character.isspace() or kind == "Cc":
        return " "
    if kind == "Pd":
        return "-"
    if kind in ("Cf", "Mn", "Me", "Sk"):
        return ""  # joiners, variation selectors, skin tones, accents: invisible by themselves
    if character.lower() in TRANSLITERATED:
        sound = TRANSLITERATED[character.lower()]
        return sound if character.islower() else sound.capitalize()
    name = unicodedata.name(character, "")
    if name.startswith(NAMED_BY_SOUND):
        return name.rpartition(" ")[2].lower()
    if kind == "So" and name:
        return f":{name.lower()}:"
    if latin := LATIN.match(name):
        return latin[1] if character.isupper() else latin[1].lower()
    plain = unicodedata.normalize("NFKD", "ss" if character == "ß" else character).replace("\u2044", "/")
    return "".join(part for part in plain if part in DRAWABLE) or f"\\u{ord(character):04x}"


def wrap(text: str, face: ImageFont.FreeTypeFont, width: float, rows: int) -> list[str]:
    """Break a text into at most `rows` lines of `width` pixels; an ellipsis marks a cut."""
    if len(text) * face.size < 5 * width and face.getlength(text) <= width:
        return [text] if text and rows else []
    lines: list[str] = []
    rest = text
    while rest and len(lines) < rows:
        fits = fitting(rest, face, width)
        if fits == len(rest):
            return [*lines, rest]
        if len(lines) == rows - 1:
            cut = rest[: fitting(rest, face, width - face.getlength("…"))].rstrip(" ,.;:-")
            return [*lines, cut + "…"] if face.getlength(cut + "…") <= width else lines
        space = rest.rfind(" ", 1, fits + 1)
        end = space if space > 0 else max(1, fits)
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return lines


def fitting(text: str, face: ImageFont.FreeTypeFont, width: float) -> int:
    """Return how many characters of a text fit in a width."""
    # No glyph is narrower than a fifth of its height, so that a long text need not be measured whole.
    low, high = 0, min(len(text), 1 + int(width / face.size * 5))
    while low < high:
        middle = (low + high + 1) // 2
        if face.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def first_fitting(choices: Sequence[str], face: ImageFont.FreeTypeFont, width: float) -> str:
    """Return the first of several wordings that fits in a width, or ''."""
    return next((text for text in choices if face.getlength(text) <= width), "")
