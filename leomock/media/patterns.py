"""Scenes of overlapping shapes: lights out of focus, silk, cut paper. All of them may be enlarged."""

import math
from itertools import pairwise
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from leomock.media.colours import RGB, Palette, mix
from leomock.media.paint import (
    Size,
    SoftCanvas,
    column,
    cropped,
    double_size_shape,
    doubled,
    faded,
    gradient,
    halo,
    lens,
    span,
    wave,
)

# Lights out of focus are painted with at most this many pixels.
_LIGHTS_PIXELS = 320 * 256
# A hole in a sheet of paper is a polygon with enough corners to look round.
_CORNERS = 96
# The height difference between sheets of paper, in steps of grey, and the number of shadows.
_SHEET, _DARKEST = 40, 18


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
    canvas = SoftCanvas(size, [[chance.choice(dusk) for _ in range(3)] for _ in range(3)])
    for _ in range(3):
        where = (width * chance.random(), height * chance.uniform(0.1, 0.7))
        canvas.stamp(halo, where, (short * 1.2, short * 1.2), chance.choice(colours.accents), 0.5)
    canvas.refine(_LIGHTS_PIXELS)
    for _ in range(34):
        where = (width * chance.uniform(-0.02, 1.02), height * min(1.0, abs(chance.gauss(0.4, 0.25))))
        # The mask's disc ends halfway out; the rest is halo.
        radius = round(200 * chance.uniform(0.02, 0.05 + 0.11 * chance.random() ** 2)) / 200
        side = 4 * short * radius  # in few sizes, so that masks are found in their cache
        colour = mix(chance.choice((*colours.accents, colours.light)), colours.light, chance.uniform(0, 0.4))
        canvas.stamp(lens, where, (side, side), colour, chance.uniform(0.2, 0.65))
    return cropped(canvas.enlarged(edges=True), size)


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
    if upright:
        lines = gradient((len(silks), height), list(zip(*silks, strict=True)))
    else:
        lines = gradient((width, len(silks)), silks)
    for band in range(7):
        middle, breadth = wave(chance, 2), wave(chance, 2)
        level = across * (0.08 + 0.12 * band + chance.uniform(-0.05, 0.05))
        upper, lower = [], []
        for x in span(along, 32):
            y = level + across * 0.09 * middle(x / unit * 0.55)
            half = across * 0.055 * (1.25 + breadth(x / unit * 0.6))
            upper.append((x, y - half))
            lower.append((x, y + half))
        outline = [*upper, *reversed(lower)]
        if upright:
            outline = [(y, x) for x, y in outline]
        opacity = round(2.55 * chance.randint(60, 90))
        double_size, (left, top, right, bottom) = double_size_shape(size, outline, opacity)
        mask, n = double_size.reduce(2), band % len(silks)
        line = lines.crop((n, top, n + 1, bottom) if upright else (left, n, right, n + 1))
        canvas.paste(line.resize(mask.size, Image.Resampling.NEAREST), (left, top), mask)
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
    circle = [(a, math.cos(a), math.sin(a)) for a in (math.tau * n / _CORNERS for n in range(_CORNERS))]
    bulges = [1 + 0.05 * curve(cosine * 0.5) for _, cosine, _ in circle]
    double_size = Image.new("L", (2 * width, 2 * height))
    draw = ImageDraw.Draw(double_size)
    for sheet in range(1, 7):
        reach, wobble, turned = 1.12 * (7 - sheet) / 6, wave(chance, 2), 1.5 * curve(0.1 * (sheet - 1))
        hole = []
        for (angle, cosine, sine), bulge in zip(circle, bulges, strict=True):
            far = reach * (bulge + 0.16 * math.cos(angle * lobes + turned) + 0.07 * wobble(sine * 0.4))
            hole.append((2 * centre[0] + width * far * cosine, 2 * centre[1] + height * far * sine))
        draw.polygon(hole, fill=_SHEET * sheet)
    heights = double_size.reduce(2)
    between = [*(mix(a, b, n / 2) for a, b in pairwise(tones) for n in range(2)), tones[-1]]
    darkness = [0.55 * shadow / _DARKEST for shadow in range(_DARKEST + 1)]
    colours_in_shadow = faded(between, mix(deep, colours.ink, 0.8), darkness)
    # Both parts of a palette's index: the height in halves of a sheet, and the darkness of the shadow.
    half_sheets = heights.point([min(12, (value + 10) // 20) for value in range(256)])
    image = ImageChops.add_modulo(half_sheets, _shadow(heights, max(1.0, min(size) * 0.02), len(between)))
    image.putpalette(colours_in_shadow.tobytes())
    return image.convert("RGB")


def _shadow(heights: Image.Image, drop: float, step: int) -> Image.Image:
    """Return the darkness of the shadow at each point, in multiples of a step.

    It is soft, so a quarter of the size is enough.
    """
    low = heights.reduce(4)
    moved = low.copy()
    moved.paste(low, (0, round(drop / 4)))
    above = doubled(doubled(moved.filter(ImageFilter.BoxBlur(drop / 4))))
    lower = ImageChops.subtract(heights, cropped(above, heights.size))
    return lower.point([step * min(_DARKEST, round(value * 0.39)) for value in range(256)])
