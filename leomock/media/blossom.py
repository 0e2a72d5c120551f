"""The subject of a transparent image: a flower without background."""

import math
from random import Random

from PIL import Image, ImageFilter

from leomock.media.colours import RGB, WHITE, Palette, mix, palette, rng
from leomock.media.paint import (
    PAINTED_PIXELS,
    Point,
    Size,
    disc,
    double_size_shape,
    enlarged,
    glow,
    paint,
    painting_size,
    thinned,
)


def blossom(prompt: str, seed: int, index: int, size: Size) -> Image.Image:
    """Paint a flower on a transparent background, in RGBA; prompt and seed choose the kind of flower."""
    painted, doublings = painting_size(size, PAINTED_PIXELS)
    width, height = painted
    colours = palette(prompt, seed, index)
    species = rng("species", prompt, seed)
    chance = rng("blossom", prompt, seed, index)
    centre = (width / 2, height * 0.42)
    radius = min(width * 0.46, height * 0.40)
    outer, inner, heart = species.sample(colours.accents, 3)
    count, plump, turn = species.randint(5, 9), species.uniform(0.8, 1.25), chance.uniform(0, 360)
    # Transparent pixels have the petals' colour too, or scaling would draw a dark line around them.
    image, alpha = Image.new("RGB", painted, outer), Image.new("L", painted)
    for ring, colour in enumerate((outer, mix(outer, inner, 0.5), inner)):
        reach = radius * (1 - 0.27 * ring)
        for step in range(count):
            angle = math.radians(turn + 360 / count * (step + ring / 2) + chance.uniform(-4, 4))
            long = reach * chance.uniform(0.9, 1)
            outline = _petal(centre, angle, long, long * plump * math.sin(math.pi / count))
            _paint_petal(image, alpha, outline, colour, colours, mix(outer, colours.ink, 0.7), radius, chance)
        glow(image, centre, reach * 0.8, mix(colour, colours.ink, 0.55), 0.55)
    disc(image, centre, radius * 0.16, heart)
    glow(image, (centre[0] - radius * 0.05, centre[1] - radius * 0.05), radius * 0.14, WHITE, 0.6)
    disc(alpha, centre, radius * 0.16, 255)
    image.putalpha(alpha)
    return enlarged(image, doublings, size)


def _petal(centre: Point, angle: float, long: float, wide: float) -> list[Point]:
    """Return the outline of a drop: its tip at the centre, its round end outwards."""
    outline = []
    for step in range(40):
        turn = math.tau * step / 40
        out = long * (0.5 - 0.5 * math.cos(turn))
        side = wide * math.sin(turn) * (0.75 - 0.35 * math.cos(turn))
        outline.append(
            (
                centre[0] + out * math.cos(angle) - side * math.sin(angle),
                centre[1] + out * math.sin(angle) + side * math.cos(angle),
            )
        )
    return outline


def _paint_petal(
    image: Image.Image,
    alpha: Image.Image,
    outline: list[Point],
    colour: RGB,
    colours: Palette,
    shade: RGB,
    radius: float,
    chance: Random,
) -> None:
    """Paint a petal and, under it, its soft shadow; the shadow is blurred at a quarter of the size."""
    mask, (left, top, right, bottom) = double_size_shape(image.size, outline)
    margin = 4 * math.ceil(radius * 0.06 / 4)
    small = Image.new("L", ((right - left + 2 * margin) // 4 + 1, (bottom - top + 2 * margin) // 4 + 1))
    small.paste(mask.reduce(8).point(thinned(30)), (margin // 4, margin // 4))
    small = small.filter(ImageFilter.BoxBlur(radius * 0.05 / 4))
    shadow = small.resize((4 * small.width, 4 * small.height), Image.Resampling.BILINEAR)
    paint(image, shade, (left - margin, top - margin), shadow)
    mask = mask.reduce(2)
    paint(image, mix(colour, colours.light, chance.uniform(0, 0.3)), (left, top), mask)
    paint(alpha, 255, (left, top), mask)
