"""Scenes with land and water. Edges are painted at full size; skies have no edges and are painted small."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from random import Random

from PIL import Image, ImageChops, ImageDraw

from leomock.media.colours import RGB, WHITE, Palette, colour_between, mix
from leomock.media.paint import (
    Point,
    Size,
    SoftCanvas,
    disc,
    faded,
    halo,
    paint,
    radial,
    span,
    thinned,
    wave,
)

_NEAREST = Image.Resampling.NEAREST
# How much of the sky shows at a point of the ridge map: all at 0, nothing from the first ridge (4) on.
_SKY_SHARE = [max(0, 255 - value * 64) for value in range(256)]


def hills(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Rolling hills in mist under a low sun."""
    width, height = size
    unit = min(width, height * 1.6)
    sun = (width * chance.uniform(0.2, 0.8), height * chance.uniform(0.22, 0.42))
    radius, count = min(size) * chance.uniform(0.07, 0.12), chance.randint(4, 5)
    ridges, tones = [], []
    for layer in range(count):
        depth, curve = layer / (count - 1), wave(chance)
        level, swell = height * (0.46 + 0.34 * depth), unit * (0.06 + 0.03 * depth)
        pitch = unit * (1.1 - 0.3 * depth)
        ridges.append([(x, level - swell * curve(x / pitch)) for x in span(width, 72)])
        tones.append(mix(colours.far, colours.near, depth**0.8))
    sky = _sky_above(ridges[0], size, colours, sun, radius * 12, 0.8)
    disc(sky, sun, radius, mix(colours.light, WHITE, 0.4))
    return _landscape(size, sky, tones, ridges, colours.sky[-1])


def peaks(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """Mountain ranges behind each other, under a moon and stars or a pale sun."""
    width, height = size
    unit = min(width, height * 1.6)
    moon = (width * chance.uniform(0.18, 0.82), height * chance.uniform(0.16, 0.3))
    radius = min(size) * chance.uniform(0.05, 0.09)
    ridges = []
    for layer in range(4):
        tall, level = height * (0.34 - 0.05 * layer), height * (0.68 + 0.1 * layer / 3)
        ridges.append(_crags(width, level, min(tall, unit * 0.5), unit * (0.75 - 0.12 * layer), chance))
    sky = _sky_above(ridges[0], size, colours, moon, radius * 10, 0.6)
    if colours.dark:
        _stars(sky, size, mix(colours.sky[1], WHITE, 0.3), chance)
    disc(sky, moon, radius, mix(colours.light, WHITE, 0.5))
    tones = [mix(colours.far, colours.near, layer / 3) for layer in range(4)]
    return _landscape(size, sky, tones, ridges, colours.sky[-1])


def sea(size: Size, colours: Palette, chance: Random) -> Image.Image:
    """A large sun on the horizon and its glitter on the water."""
    width, height = size
    short, horizon = min(size), max(1, round(height * chance.uniform(0.5, 0.58)))
    radius = short * chance.uniform(0.17, 0.24)
    sun = (width * chance.uniform(0.25, 0.75), horizon - radius * chance.uniform(-0.1, 0.75))
    sky = SoftCanvas((width, horizon), [[colour] for colour in colours.sky])
    sky.stamp(halo, sun, (radius * 7, radius * 7), colours.light, 0.6)
    above = sky.enlarged()
    disc(above, sun, radius, mix(colours.light, WHITE, 0.5))
    haze = mix(colours.sky[-1], WHITE, 0.3)
    for _ in range(5):
        left = round(sun[0] + chance.gauss(0, width * 0.3) - short * 0.35)
        y = horizon * chance.uniform(0.25, 0.9)
        mask = _streak((max(2, round(short * 0.7)), max(2, 2 * round(short * chance.uniform(0.008, 0.02)))))
        paint(above, haze, (left, round(y - mask.height / 2)), mask)
    canvas = Image.new("RGB", size)
    canvas.paste(above, (0, 0))
    if height > horizon:
        canvas.paste(_water((width, height - horizon), sun[0], radius, colours, chance), (0, horizon))
    return canvas


def _landscape(
    size: Size, sky: Image.Image, tones: Sequence[RGB], ridges: Sequence[Sequence[Point]], mist: RGB
) -> Image.Image:
    """Paint ridges in front of a sky, the farthest first; the ground fades into mist towards the bottom.

    All ridges are drawn into one map of numbers, four to a ridge. Halving the map leaves values in between
    where two ridges meet, and these get the colours in between: smooth edges from one pass over the pixels.
    """
    width, height = size
    top = max(0, min(height - 2, math.floor(min(y for _, y in ridges[0])) - 1))
    high = height - top
    double_size = Image.new("L", (2 * width, 2 * high))
    draw = ImageDraw.Draw(double_size)
    for place, ridge in enumerate(ridges, 1):
        outline = [(2 * x, 2 * (y - top)) for x, y in ridge]
        draw.polygon([*outline, (2.2 * width, 2 * high), (-0.2 * width, 2 * high)], fill=4 * place)
    numbers = double_size.reduce(2)
    canvas = Image.new("RGB", size)
    canvas.paste(sky, (0, 0))
    _paint_ground(canvas, top, numbers, tones, mist)
    lowest = min(high, max(1, math.ceil(max(y for _, y in ridges[0]) + 2 - top)))
    above = numbers.crop((0, 0, width, lowest)).point(_SKY_SHARE)
    canvas.paste(sky.crop((0, top, width, top + lowest)), (0, top), above)
    return canvas


def _paint_ground(
    canvas: Image.Image, top: int, numbers: Image.Image, tones: Sequence[RGB], mist: RGB
) -> None:
    """Paint the colours of a map of ridges into a canvas from the row `top` on, in bands with ever more mist.

    A palette has room for the colours of several bands, so few passes suffice: the numbers of each band
    are moved to its own part of the palette.
    """
    width, high = numbers.size
    clear = [*(mix(a, b, n / 4) for a, b in pairwise([tones[0], *tones]) for n in range(4)), tones[-1]]
    together = 256 // len(clear)
    deep = max(4, canvas.height // 80)
    bands = range(-(-high // deep))
    rows = ((top + band * deep) / canvas.height for band in bands)
    colours = faded(clear, mist, [0.4 * max(0.0, (row - 0.42) / 0.58) ** 1.3 for row in rows])
    parts = Image.frombytes("L", (1, together), bytes(len(clear) * part for part in range(together)))
    parts = parts.resize((width, together * deep), _NEAREST)
    for band in bands[::together]:
        ground = numbers.crop((0, band * deep, width, min(high, (band + together) * deep)))
        ground = ImageChops.add_modulo(ground, parts)
        ground.putpalette(colours.crop((0, band, len(clear), min(len(bands), band + together))).tobytes())
        canvas.paste(ground.convert("RGB"), (0, top + band * deep))


def _sky_above(
    ridge: Sequence[Point], size: Size, colours: Palette, at: Point, reach: float, opacity: float
) -> Image.Image:
    """Paint the part of the sky that shows above a ridge, with a glow of a width around a point."""
    foot = min(size[1], max(2, math.ceil(max(y for _, y in ridge)) + 2))
    share = foot / size[1]
    sky = SoftCanvas((size[0], foot), [[colour_between(colours.sky, share * n / 5)] for n in range(6)])
    sky.stamp(halo, at, (reach, reach), colours.light, opacity)
    return sky.enlarged()


def _stars(sky: Image.Image, size: Size, dimmest: RGB, chance: Random) -> None:
    width, height = size
    dot = max(0, round(min(size) / 500) - 1)
    draw = ImageDraw.Draw(sky)
    for _ in range(60):
        x, y = int(chance.uniform(0, width)), int(height * chance.random() ** 1.6 * 0.5)
        draw.rectangle((x, y, x + dot, y + dot), mix(dimmest, WHITE, chance.uniform(0, 0.93)))


def _crags(width: int, level: float, tall: float, pitch: float, chance: Random) -> list[Point]:
    """Return a jagged ridge: summits and passes in turn, each slope broken in halves again and again."""
    xs = [-pitch * chance.uniform(0.2, 0.8)]
    while xs[-1] < width * 1.02 and len(xs) < 400:
        xs.append(xs[-1] + pitch * chance.uniform(0.3, 0.6))
    ridge = [(x, level - tall * chance.uniform(0.6, 1) * (n % 2)) for n, x in enumerate(xs)]
    for _ in range(4):
        finer = ridge[:1]
        for (x1, y1), (x2, y2) in pairwise(ridge):
            jolt = (x2 - x1) * 0.2
            middle = (
                (x1 + x2) / 2 + chance.uniform(-jolt, jolt),
                (y1 + y2) / 2 + chance.uniform(-jolt, jolt),
            )
            finer += [middle, (x2, y2)]
        ridge = finer
    return ridge


@lru_cache(maxsize=64)
def _streak(size: Size) -> Image.Image:
    """Return a thin cloud's mask; images of one size share about a dozen."""
    return radial(halo, 64).resize(size, Image.Resampling.BILINEAR).point(thinned(80))


def _water(size: Size, sun_x: float, radius: float, colours: Palette, chance: Random) -> Image.Image:
    """Paint the sea below the horizon, with the path of light under a sun; the result may be a bit larger."""
    width, deep = size
    short = min(width, 2 * deep)
    shore = mix(colours.sky[-1], colours.far, 0.5)
    canvas = SoftCanvas(size, [[shore], [mix(shore, colours.near, 0.6)], [colours.near], [colours.near]])
    canvas.stamp(halo, (sun_x, 0), (radius * 3.2, deep * 1.7), colours.light, 0.4)
    water = canvas.enlarged()
    glints = []
    for row in range(30):
        fall = (row + 0.5) / 30
        wide, high = radius * (0.52 + 0.35 * fall) * chance.uniform(0.3, 1), short * (0.0015 + 0.004 * fall)
        x, y = sun_x + chance.gauss(0, radius * 0.28) * (0.4 + fall), deep * fall**1.4
        glints.append((x, y, wide, high, 235 - 110 * fall))
    left = max(0, math.floor(min(x - 1.5 * wide for x, _, wide, _, _ in glints)))
    right = min(width, math.ceil(max(x + 1.5 * wide for x, _, wide, _, _ in glints)) + 1)
    if left < right:
        paint(water, colours.light, (left, 0), _glitter((right - left, deep), left, glints))
    return water


def _glitter(
    size: Size, left: int, glints: Sequence[tuple[float, float, float, float, float]]
) -> Image.Image:
    """Return the mask of ellipses, each with its centre, half its width and height, and brightness."""
    mask = Image.new("L", (2 * size[0], 2 * size[1]))
    draw = ImageDraw.Draw(mask)
    # From dim and wide to bright and narrow: soft ends without a blur.
    for large, share in ((3.0, 0.22), (2.4, 0.5), (1.8, 1)):
        for x, y, wide, high, bright in glints:
            x, y, wide, high = 2 * (x - left), 2 * y, wide * large, high * large
            draw.ellipse((x - wide, y - high, x + wide, y + high), fill=round(bright * share))
    return mask.reduce(2)
