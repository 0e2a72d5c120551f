"""Make leomock/media/fonts from the fonts of Debian and PyPI: `python -m tools.subset_fonts FOLDER`.

FOLDER holds, anywhere below it, the fonts of Debian's packages fonts-noto-core and fonts-droid-fallback, and
of PyPI's manimgx-fonts. Needs fonttools. Letters are drawn one by one, so the tables for shaping are left
out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

TARGET = Path(__file__).parent.parent / "leomock" / "media" / "fonts"
LEFT_OUT = ["GSUB", "GPOS", "GDEF", "kern", "DSIG", "MVAR", "STAT", "HVAR", "avar", "fvar", "gvar"]


def common_ideographs() -> set[int]:
    """Return the characters of the standard sets of China (GB 2312) and Japan (JIS X 0208)."""
    return {
        code
        for code in (*range(0x2E80, 0xA000), *range(0xFF00, 0xFFF0))
        if any(_has(encoding, chr(code)) for encoding in ("gb2312", "shift_jis"))
    }


def _has(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


# The first font that has a character draws it.
FONTS: dict[str, tuple[str, Iterable[int]]] = {
    "sans": ("NotoSans-Regular.ttf", (*range(0xA0, 0x530), *range(0x1E00, 0x2070), *range(0x20A0, 0x20C1))),
    "hebrew": ("NotoSansHebrew-Regular.ttf", range(0x590, 0x600)),
    "arabic": ("NotoSansArabic-Regular.ttf", (*range(0x600, 0x700), *range(0xFB50, 0xFF00))),
    "devanagari": ("NotoSansDevanagari-Regular.ttf", range(0x900, 0x980)),
    "thai": ("NotoSansThai-Regular.ttf", range(0xE00, 0xE60)),
    "han": ("DroidSansFallbackFull.ttf", common_ideographs()),
    "emoji": ("NotoEmoji[wght].ttf", (*range(0x2190, 0x2BFF), *range(0x1F000, 0x20000))),
}


def subset(source: Path, codes: Iterable[int], target: Path) -> list[int]:
    """Write the part of a font that draws some characters; return which of them it has."""
    font = TTFont(source)
    if "fvar" in font:
        font = instantiateVariableFont(font, {"wght": 400})
    has = sorted(set(codes) & font.getBestCmap().keys())
    options = Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=[0, 1, 2, 13, 14])
    options.drop_tables += LEFT_OUT
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=has)
    subsetter.subset(font)
    font["head"].modified = font["head"].created  # the same bytes from the same source
    font.recalcTimestamp = False
    font.save(target)
    return has


def ranges(codes: Iterable[int]) -> list[list[int]]:
    """Return sorted numbers as pairs: the first of a run, and how many follow."""
    found: list[list[int]] = []
    for code in codes:
        if found and sum(found[-1]) + 1 == code:
            found[-1][1] += 1
        else:
            found.append([code, 0])
    return found


def main(folder: Path) -> None:
    """Write the fonts and what each has."""
    TARGET.mkdir(exist_ok=True)
    coverage = {}
    for name, (file, codes) in FONTS.items():
        [source] = folder.rglob(file.replace("[", "[[]"))
        has = subset(source, codes, TARGET / f"{name}.ttf")
        coverage[name] = ranges(has)
        print(f"{name}: {len(has)} characters, {(TARGET / f'{name}.ttf').stat().st_size:,} bytes")
    text = json.dumps(coverage, separators=(",", ":"))
    (TARGET / "coverage.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
