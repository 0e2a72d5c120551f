"""Scenes with land and water. Edges are painted at full size; skies have no edges and are painted small."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from random import Random

from PIL import Image, ImageDraw

from leomock.media.colours import RGB, WHITE, Palette, colour_between, mix
from leomock.media.paint import Point, Size, SoftCanvas, disc, halo, paint, radial, span, thinned, wave

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
    sky = SoftCanvas((width, horizon), colours.sky)
    sky.glow(sun, radius * 7, radius * 7, colours.light, 0.6)
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
    steps = pairwise([tones[0], *tones])
    ramp = [*(mix(a, b, n / 4) for a, b in steps for n in range(4)), tones[-1]]
    clear, fog = Image.new("RGB", (len(ramp), 1)), Image.new("RGB", (len(ramp), 1), mist)
    clear.putdata(ramp)
    canvas = Image.new("RGB", size)
    canvas.paste(sky.crop((0, 0, width, top)), (0, 0))
    depth = max(6, height // 40)
    for y in range(0, high, depth):
        strip = numbers.crop((0, y, width, min(y + depth, high)))
        share = 0.4 * max(0.0, ((top + y) / height - 0.42) / 0.58) ** 1.3
        strip.putpalette(Image.blend(clear, fog, share).tobytes())
        canvas.paste(strip.convert("RGB"), (0, top + y))
    lowest = min(high, max(1, math.ceil(max(y for _, y in ridges[0]) + 2 - top)))
    above = numbers.crop((0, 0, width, lowest)).point(_SKY_SHARE)
    canvas.paste(sky.crop((0, top, width, top + lowest)), (0, top), above)
    return canvas


def _sky_above(
    ridge: Sequence[Point], size: Size, colours: Palette, at: Point, reach: float, opacity: float
) -> Image.Image:
    """Paint the part of the sky that shows above a ridge, with a glow of a width around a point."""
    foot = min(size[1], max(2, math.ceil(max(y for _, y in ridge)) + 2))
    share = foot / size[1]
    sky = SoftCanvas((size[0], foot), [colour_between(colours.sky, share * n / 5) for n in range(6)])
    sky.glow(at, reach, reach, colours.light, opacity)
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
    """Paint the sea below the horizon, with the path of light under a sun."""
    width, deep = size
    short = min(width, 2 * deep)
    shore = mix(colours.sky[-1], colours.far, 0.5)
    canvas = SoftCanvas(size, [shore, mix(shore, colours.near, 0.6), colours.near, colours.near])
    canvas.glow((sun_x, 0), radius * 3.2, deep * 1.7, colours.light, 0.4)
    water = canvas.enlarged()
    left, right = (max(0, min(width - 1, math.floor(sun_x + side * radius * 2.6))) for side in (-1, 1))
    glitter = Image.new("L", (2 * (right - left + 1), 2 * deep))
    draw = ImageDraw.Draw(glitter)
    glints = []
    for row in range(30):
        fall = (row + 0.5) / 30
        wide, high = radius * (1.5 + fall) * chance.uniform(0.3, 1) * 0.7, short * (0.003 + 0.008 * fall)
        x = 2 * (sun_x - left + chance.gauss(0, radius * 0.28) * (0.4 + fall))
        glints.append((x, 2 * deep * fall**1.4, wide, high, 235 - 110 * fall))
    # From dim and wide to bright and narrow: soft ends without a blur.
    for large, share in ((1.5, 0.22), (1.2, 0.5), (0.9, 1)):
        for x, y, wide, high, bright in glints:
            w, h = wide * large, high * large
            draw.ellipse((x - w, y - h, x + w, y + h), fill=round(bright * share))
    paint(water, colours.light, (left, 0), glitter.reduce(2))
    return water.crop((0, 0, width, deep))
