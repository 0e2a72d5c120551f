"""The order and the forms in which the letters of a text are drawn, from left to right.

Fonts are used without their shaping tables, because whether Pillow can read these depends on the machine.
What this module does is enough to make a line recognizable: Arabic letters are joined, right-to-left lines
are reversed, and the one Hindi vowel sign that is drawn before its consonant is moved there. The parts of
Devanagari conjuncts and joined emoji are drawn side by side.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_VOWEL_I = re.compile("((?:[\u0915-\u0939]\u093c?\u094d)*[\u0915-\u0939]\u093c?)(\u093f)")
_MIRRORED = dict(zip("()[]{}<>«»", ")(][}{><»«", strict=True))
_ALEFS = "\u0622\u0623\u0625\u0627"
_LAM = "\u0644"


def drawn(text: str) -> str:
    """Return the characters to draw from left to right."""
    text = _VOWEL_I.sub(r"\2\1", text)
    return _ordered(_joined(text)) if _RIGHT_TO_LEFT.search(text) else text


# --- Arabic letters -----------------------------------------------------------------------------------


@cache
def _forms() -> dict[str, dict[str, str]]:
    """Return the forms of Arabic letters and of LAM with ALEF: isolated, initial, medial, final."""
    forms: dict[str, dict[str, str]] = {}
    for code in (*range(0xFB50, 0xFC00), *range(0xFE70, 0xFEFD)):
        tag, *parts = unicodedata.decomposition(chr(code)).split() or [""]
        letters = "".join(chr(int(part, 16)) for part in parts)
        if len(letters) == 1 or (letters[:1] == _LAM and letters[1:] in tuple(_ALEFS)):
            forms.setdefault(letters, {})[tag.strip("<>")] = chr(code)
    return forms


def _joined(text: str) -> str:
    """Replace Arabic letters by their form between their neighbours."""
    units = re.findall(f"{_LAM}[{_ALEFS}]|.", text, re.DOTALL)
    found = [_forms().get(unit, {}) for unit in units]
    # A letter that has an initial form joins the next one, and every letter joins the one before it.
    links = [False, *("initial" in one and "final" in other for one, other in pairwise(found)), False]
    return "".join(
        forms.get(_FORM[before, after], unit)
        for unit, forms, (before, after) in zip(units, found, pairwise(links), strict=True)
    )


_FORM = {  # by whether a letter is joined to the one before and to the one after
    (False, False): "isolated",
    (False, True): "initial",
    (True, True): "medial",
    (True, False): "final",
}

# --- direction ----------------------------------------------------------------------------------------


def _ordered(text: str) -> str:
    """Reverse the right-to-left parts: the Unicode algorithm for a line without embeddings."""
    kinds = [_KINDS.get(unicodedata.bidirectional(character), " ") for character in text]
    base = next((kind for kind in kinds if kind in "LR"), "L")
    levels = _levels("".join(kinds), base)
    letters = [
        _MIRRORED.get(character, character) if level % 2 else character
        for character, level in zip(text, levels, strict=True)
    ]
    for least in range(max(levels), 0, -1):
        start = None
        for at, level in enumerate([*levels, 0]):
            if level >= least and start is None:
                start = at
            elif level < least and start is not None:
                letters[start:at] = letters[start:at][::-1]
                levels[start:at] = levels[start:at][::-1]
                start = None
    return "".join(letters)


# Strong letters, and numbers, which run from left to right wherever they stand.
_KINDS = {"L": "L", "R": "R", "AL": "R", "EN": "1", "AN": "1"}


def _levels(kinds: str, base: str) -> list[int]:
    """Return the nesting depth of each character; characters of odd depth run from right to left."""
    plain, turned, inner = (0, 1, 2) if base == "L" else (2, 1, 2)
    outside = 0 if base == "L" else 1
    kinds = _NUMBER_AFTER_LATIN.sub(lambda found: found[0].replace("1", "L"), kinds)
    levels: list[int] = []
    before = base
    for at, kind in enumerate(kinds):
        if kind == " ":
            after = kinds[at:].lstrip(" ")[:1].replace("1", "R") or base
            levels.append({"L": plain, "R": turned}[before] if before == after else outside)
        else:
            levels.append({"L": plain, "R": turned, "1": inner}[kind])
            before = "L" if kind == "L" else "R"
    return levels


_NUMBER_AFTER_LATIN = re.compile("L[L1 ]*")
