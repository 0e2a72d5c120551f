"""Colours, the palette of an image, and the random numbers that determine everything drawn."""

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple

RGB = tuple[int, int, int]

WHITE: RGB = (255, 255, 255)


def rng(*parts: object) -> Random:
    """Return a generator that depends only on the parts: `hash()` differs from process to process."""
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return Random(int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big"))


def oklch(lightness: float, chroma: float, hue: float) -> RGB:
    """Turn an OKLCH colour into sRGB: equal lightness looks equally light at every hue.

    Lightness is 0 to 1, chroma 0 to about 0.3, hue in degrees. Matrices: https://bottosson.github.io/posts/oklab/
    """
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3

    def channel(linear: float) -> int:
        linear = min(max(linear, 0.0), 1.0)
        return round(255 * (12.92 * linear if linear < 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055))

    return (
        channel(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        channel(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        channel(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def mix(one: RGB, other: RGB, share: float) -> RGB:
    """Mix two colours: share 0 is all `one`, 1 all `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def colour_between(stops: Sequence[RGB], position: float) -> RGB:
    """Return the colour at a position, 0 to 1, of a ramp through evenly spaced colours."""
    place = min(max(position, 0.0), 1.0) * (len(stops) - 1)
    first = min(int(place), len(stops) - 2)
    return mix(stops[first], stops[first + 1], place - first)


def shade(hue: float) -> float:
    """Return the hue of a colour's dark side: halfway to blue, as shadows outdoors are."""
    return hue + ((270 - hue + 180) % 360 - 180) / 2


class Palette(NamedTuple):
    """The colours of one image: sky from zenith to horizon, light source, land, accents, ink."""

    sky: tuple[RGB, ...]
    light: RGB
    far: RGB
    near: RGB
    accents: tuple[RGB, ...]
    ink: RGB
    dark: bool


@lru_cache(maxsize=4)  # the scene and the plate of an image ask one after the other
def palette(prompt: str, seed: int, index: int) -> Palette:
    """Choose colours by prompt and seed; the images of one generation differ by a step around the wheel."""
    chance = rng("palette", prompt, seed)
    # 0, +26, -26, +52 ... degrees: siblings stay near each other, and no two of a generation share a hue.
    turn = 26 * ((index + 1) // 2) * (1 if index % 2 else -1)
    # Skies run from violet over rose to gold, or over blue to teal; an olive sky looks sickly.
    hue = chance.uniform(195, 420) + turn
    # The sky fades to a neighbouring hue; the land uses one from further round the wheel.
    warm = hue + chance.choice((-1, 1)) * chance.uniform(40, 80)
    land = hue + chance.choice((-1, 1)) * chance.uniform(15, 60)
    dark = chance.random() < 0.5
    top, low = (0.27, 0.76) if dark else (0.68, 0.91)
    return Palette(
        sky=tuple(
            oklch(top + (low - top) * fall**1.2, 0.09 + 0.04 * fall, hue + (warm - hue) * fall)
            for fall in (0, 1 / 3, 2 / 3, 1)
        ),
        light=oklch(0.96, 0.06, warm + 15),
        far=oklch(0.58 if dark else 0.76, 0.09, (warm + land) / 2),
        near=oklch(0.22 if dark else 0.34, 0.07, shade(land)),
        accents=(oklch(0.72, 0.15, hue), oklch(0.80, 0.13, warm), oklch(0.70, 0.16, (hue + warm) / 2 + 150)),
        ink=oklch(0.20, 0.03, shade(hue)),
        dark=dark,
    )
