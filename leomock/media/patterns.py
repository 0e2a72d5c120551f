"""Scenes of overlapping shapes: lights out of focus, silk, cut paper. All of them may be enlarged."""

import math
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from leomock.media.colours import RGB, WHITE, Palette, mix
from leomock.media.paint import (
    Size,
    column,
    double_size_shape,
    doubled,
    glow,
    gradient,
    lens,
    span,
    stamp,
    wave,
)

_CIRCLE = [(angle, math.cos(angle), math.sin(angle)) for angle in (math.tau * n / 112 for n in range(112))]
# The height difference between sheets of paper, in steps of grey.
_SHEET = 40


def bokeh(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Lights out of focus in front of a dusky background."""
    width, height = size
    short = min(size)
    dusk = [
        colours.ink,
        colours.near,
        mix(colours.near, colours.accents[0], 0.45),
        colours.near,
        mix(colours.ink, colours.accents[1], 0.5),
    ]
    canvas = gradient(size, [[chance.choice(dusk) for _ in range(3)] for _ in range(3)])
    for _ in range(3):
        where = (width * chance.random(), height * chance.uniform(0.1, 0.7))
        glow(canvas, where, short * 0.6, chance.choice(colours.accents), 0.5)
    for _ in range(34):
        where = (width * chance.uniform(-0.02, 1.02), height * min(1.0, abs(chance.gauss(0.4, 0.25))))
        # The mask's disc ends halfway out; the rest is halo. Multiples of four let masks be cached.
        side = 4 * max(1, round(short * chance.uniform(0.02, 0.05 + 0.11 * chance.random() ** 2)))
        colour = mix(chance.choice((*colours.accents, colours.light)), colours.light, chance.uniform(0, 0.4))
        stamp(canvas, lens, where, (side, side), colour, chance.uniform(0.2, 0.65))
    return canvas


def ribbons(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Silk bands that flow across a soft background."""
    width, height = size
    unit = max(min(size) * 1.6, max(size) * 0.5)
    sky = colours.sky
    canvas = column(size, [sky[0], sky[2], sky[1], sky[0]])
    upright = height > width * 1.3
    along, across = (height, width) if upright else (width, height)
    silks = _silks(colours)
    chance.shuffle(silks)
    for band in range(7):
        middle, breadth = wave(chance, 2), wave(chance, 2)
        level = across * (0.08 + 0.12 * band + chance.uniform(-0.05, 0.05))
        upper, lower = [], []
        for x in span(along, 48):
            y = level + across * 0.09 * middle(x / unit * 0.55)
            half = across * 0.055 * (1.25 + breadth(x / unit * 0.6))
            upper.append((x, y - half))
            lower.append((x, y + half))
        outline = [*upper, *reversed(lower)]
        if upright:
            outline = [(y, x) for x, y in outline]
        opacity = round(2.55 * chance.randint(60, 90))
        mask, box = double_size_shape(size, outline, opacity)
        one, two = silks[band % len(silks)]
        _paint_band(canvas, mask.reduce(2), box, one, two, upright)
    return canvas


def _silks(colours: Palette) -> list[tuple[RGB, RGB]]:
    """Return pairs of neighbouring colours on the wheel: between opposites lies grey."""
    sky, (hue, warm, other) = colours.sky, colours.accents
    return [
        (hue, warm),
        (warm, colours.light),
        (sky[1], hue),
        (sky[0], sky[2]),
        (colours.light, other),
        (warm, hue),
    ]


def _paint_band(
    canvas: Image.Image,
    mask: Image.Image,
    box: tuple[int, int, int, int],
    one: RGB,
    two: RGB,
    upright: bool,
) -> None:
    """Paint through a mask a colour that turns into another along the whole canvas."""
    left, top, right, bottom = box
    if upright:
        line = gradient((1, canvas.height), [[one], [two]]).crop((0, top, 1, bottom))
    else:
        line = gradient((canvas.width, 1), [[one, two]]).crop((left, 0, right, 1))
    canvas.paste(line.resize(mask.size, Image.Resampling.NEAREST), box, mask)


def papercut(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Sheets of coloured paper with ever smaller holes, each casting a shadow on the next.

    The sheets are one height map. A point is in shadow if it is lower than the blurred map above it.
    """
    width, height = size
    centre = (width * chance.uniform(0.35, 0.65), height * chance.uniform(0.34, 0.5))
    deep, pale = colours.near, mix(colours.light, colours.sky[-1], 0.25)
    one, two, _ = colours.accents
    tones = [deep, mix(deep, one, 0.7), one, mix(one, two, 0.6), two, mix(two, pale, 0.6), pale]
    if not colours.dark:
        tones.reverse()
    curve, lobes = wave(chance, 2), chance.randint(2, 4)
    double_size = Image.new("L", (2 * width, 2 * height))
    draw = ImageDraw.Draw(double_size)
    for sheet in range(6):
        reach, wobble, hole = 1.12 * (1 - sheet / 6), wave(chance, 2), []
        turned = 1.5 * curve(0.1 * sheet)
        for angle, cosine, sine in _CIRCLE:
            lap = math.cos(angle * lobes + turned)
            far = reach * (1 + 0.16 * lap + 0.07 * wobble(sine * 0.4) + 0.05 * curve(cosine * 0.5))
            hole.append((2 * centre[0] + width * far * cosine, 2 * centre[1] + height * far * sine))
        draw.polygon(hole, fill=_SHEET * (sheet + 1))
    heights = double_size.reduce(2)
    shadow = _shadow(heights, max(1.0, min(size) * 0.02))
    heights.putpalette([channel for tone in _height_colours(tones) for channel in tone])
    canvas = heights.convert("RGB")
    canvas.paste(Image.new("RGB", size, mix(deep, colours.ink, 0.8)), (0, 0), shadow)
    return canvas


def _shadow(heights: Image.Image, drop: float) -> Image.Image:
    """Return the darkness of the shadow at each point; it is soft, so a quarter of the size is enough."""
    low = heights.reduce(4)
    moved = low.copy()
    moved.paste(low, (0, round(drop / 4)))
    above = doubled(doubled(moved.filter(ImageFilter.BoxBlur(drop / 4)))).crop((0, 0, *heights.size))
    return ImageChops.subtract(heights, above).point([min(140, value * 3) for value in range(256)])


def _height_colours(tones: list[RGB]) -> list[RGB]:
    """Return the colour of each height up to the top sheet.

    Averages of four heights are multiples of a quarter of a sheet; other values never occur.
    """
    top = _SHEET * (len(tones) - 1)
    return [
        mix(tones[n // _SHEET], tones[min(n // _SHEET + 1, len(tones) - 1)], n % _SHEET / _SHEET)
        if n % (_SHEET // 4) == 0
        else WHITE
        for n in range(top + 1)
    ]
