"""Text on images: which characters can be drawn, and where a line breaks."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from leomock.media.typefaces import Face, script_of

# Characters without a glyph are transliterated if their name says how: HANGUL SYLLABLE HAN.
NAMED_BY_SOUND = re.compile(r"[A-Z -]+ (?:LETTER|SYLLABLE|VOWEL SIGN) ([A-Z-]+)")
# Accents and vowel points of these scripts are marks that a font places; the others are left out.
MARKED = ("devanagari", "thai")


def legible(text: str) -> str:
    """Rewrite a text on one line with characters that the fonts have.

    Characters of other scripts are transliterated, unknown symbols are replaced by their names, and
    everything else by escapes.
    """
    return " ".join("".join(map(spell, unicodedata.normalize("NFC", text))).split())


@lru_cache(maxsize=4096)
def spell(character: str) -> str:
    """Return the character, or a spelling of it with characters that can be drawn."""
    kind = unicodedata.category(character)
    if character.isspace() or kind == "Cc":
        return " "
    if kind in ("Cf", "Me", "Sk") or (kind == "Mn" and script_of(character) not in MARKED):
        return ""  # joiners, variation selectors, skin tones, accents: invisible by themselves
    if script_of(character):
        return character
    if kind == "Pd":
        return "-"
    name = unicodedata.name(character, "")
    if sound := NAMED_BY_SOUND.fullmatch(name):
        return sound[1].lower()
    if kind.startswith("M"):
        return ""
    if kind == "So" and name:
        return f":{name.lower()}:"
    plain = unicodedata.normalize("NFKD", character)
    return "".join(part for part in plain if script_of(part)) or f"\\u{ord(character):04x}"


def wrap(text: str, face: Face, width: float, rows: int) -> list[str]:
    """Break a text into at most `rows` lines of `width` pixels; an ellipsis marks a cut."""
    if len(text) * face.size < 5 * width and face.fits(text, width):
        return [text] if text and rows else []
    lines: list[str] = []
    rest = text
    while rest and len(lines) < rows:
        fits = fitting(rest, face, width)
        if fits == len(rest):
            return [*lines, rest]
        if len(lines) == rows - 1:
            cut = rest[: fitting(rest, face, width - face.getlength("…"))].rstrip(" ,.;:-")
            return [*lines, cut + "…"] if face.fits(cut + "…", width) else lines
        space = rest.rfind(" ", 1, fits + 1)
        end = space if space > 0 else max(1, fits)
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return lines


def fitting(text: str, face: Face, width: float) -> int:
    """Return how many characters of a text fit in a width."""
    # No glyph is narrower than a fifth of its height, so that a long text need not be measured whole.
    low, high = 0, min(len(text), 1 + int(width / face.size * 5))
    while low < high:
        middle = (low + high + 1) // 2
        if face.fits(text[:middle], width):
            low = middle
        else:
            high = middle - 1
    return low


def first_fitting(choices: Sequence[str], face: Face, width: float) -> str:
    """Return the first of several wordings that fits in a width, or ''."""
    return next((text for text in choices if face.fits(text, width)), "")
