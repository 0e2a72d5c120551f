"""Painting operations for scenes: gradients, glows, discs and shapes, as cheap as Pillow allows."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from random import Random

from PIL import Image, ImageDraw

from leomock.media.colours import RGB

Size = tuple[int, int]
Point = tuple[float, float]
Box = tuple[int, int, int, int]
Strength = Callable[[float], float]

# Scenes of overlapping shapes are painted with at most this many pixels, then enlarged by doubling.
PAINTED_PIXELS = 640 * 512
# What has no edges at all is painted with at most this many.
SOFT_PIXELS = 160 * 128
# Cached masks are at most this wide and high; larger ones hardly ever repeat.
KEPT_SIDE = 128
_NEAREST = Image.Resampling.NEAREST
_BILINEAR = Image.Resampling.BILINEAR


# --- enlarging


def doubled(image: Image.Image) -> Image.Image:
    """Double the size almost like bilinear scaling: repeat pixels, then average with a copy shifted by one.

    The shift is diagonal, for both directions at once. It costs a third of Pillow's `resize`.
    """
    larger = image.resize((2 * image.width, 2 * image.height), _NEAREST)
    moved = larger.copy()
    moved.paste(larger, (1, 1))
    return Image.blend(larger, moved, 0.5)


def painting_size(size: Size, pixels: float) -> tuple[Size, int]:
    """Return a size of at most `pixels` pixels, and how often to double it to cover the given size."""
    doublings = 0
    while size[0] * size[1] > pixels and max(size) > 1:
        size, doublings = (-(-size[0] // 2), -(-size[1] // 2)), doublings + 1
    return size, doublings


def enlarged(image: Image.Image, doublings: int, size: Size) -> Image.Image:
    """Double an image the given number of times, and crop it to a size."""
    for _ in range(doublings):
        image = doubled(image)
    return cropped(image, size)


def cropped(image: Image.Image, size: Size) -> Image.Image:
    """Crop an image to a size, without a copy if it has that size."""
    return image if image.size == size else image.crop((0, 0, *size))


# --- colour over an area


def gradient(size: Size, rows: Sequence[Sequence[RGB]]) -> Image.Image:
    """Spread a small grid of colours smoothly over an image."""
    grid = Image.new("RGB", (len(rows[0]), len(rows)))
    grid.putdata([colour for row in rows for colour in row])
    # A side with one colour does not need interpolation: scale the other side first, then repeat the line.
    line = grid.resize(
        (1 if grid.width == 1 else size[0], 1 if grid.height == 1 else size[1]), Image.Resampling.BICUBIC
    )
    return line.resize(size, _NEAREST)


def column(size: Size, colours: Sequence[RGB]) -> Image.Image:
    """Spread colours smoothly from top to bottom."""
    return gradient(size, [[colour] for colour in colours])


def faded(colours: Sequence[RGB], other: RGB, shares: Sequence[float]) -> Image.Image:
    """Return a row of colours for each share, 0 to 1, to which they are mixed with another colour."""
    rows = gradient((len(colours), len(shares)), [colours])
    fade = Image.frombytes("L", (1, len(shares)), bytes(round(255 * share) for share in shares))
    rows.paste(Image.new("RGB", rows.size, other), (0, 0), fade.resize(rows.size, _NEAREST))
    return rows


def paint(canvas: Image.Image, colour: RGB | int, at: tuple[int, int], mask: Image.Image) -> None:
    """Paint a colour through a mask whose upper left corner is at a point, inside the canvas or not.

    Pillow pastes an image of one colour twice as fast as it pastes the colour itself.
    """
    left, top = max(0, -at[0]), max(0, -at[1])
    right, bottom = min(mask.width, canvas.width - at[0]), min(mask.height, canvas.height - at[1])
    if right <= left or bottom <= top:
        return
    box = (left, top, right, bottom)
    part = mask if box == (0, 0, *mask.size) else mask.crop(box)
    canvas.paste(Image.new(canvas.mode, part.size, colour), (at[0] + left, at[1] + top), part)


# --- round masks


def halo(distance: float) -> float:
    """Return a mask of light that falls off smoothly."""
    return math.pow(1 - distance, 2.2)


def lens(distance: float) -> float:
    """Return a mask of an out-of-focus light: a disc, brighter towards its rim, with a faint halo."""
    if distance < 0.5:
        return 0.72 + 0.28 * math.pow(2 * distance, 6)
    return max(1 - (distance - 0.5) * 64, 0.6 * (1 - distance))


def oval(distance: float) -> float:
    """Return a mask of the middle with a soft edge: the result of removing the background of any image."""
    return (0.96 - distance) * 10


@lru_cache(maxsize=8)
def radial(strength: Strength, side: int = 256) -> Image.Image:
    """Return a round mask from its strength, 0 to 1, by distance from the centre, 0 to 1 at the sides."""
    # Pillow's gradient reaches 255 in the corners, and thus only 255 / sqrt(2) at the sides.
    distances = [min(1.0, d * math.sqrt(2) / 255) for d in range(256)]
    mask = Image.radial_gradient("L").point([round(255 * min(max(strength(d), 0.0), 1.0)) for d in distances])
    return mask.resize((side, side), Image.Resampling.HAMMING)


@lru_cache(maxsize=256)
def thinned(percent: int) -> list[int]:
    """Return the table that reduces a mask to a percentage of its strength."""
    return [min(255, round(value * percent / 100)) for value in range(256)]


def _round_mask(strength: Strength, size: Size, percent: int) -> Image.Image:
    side = 64 if max(size) <= 160 and strength is halo else 256
    return radial(strength, side).resize(size, _BILINEAR).point(thinned(percent))


_kept_round_mask = lru_cache(maxsize=256)(_round_mask)


def stamp(
    canvas: Image.Image, strength: Strength, centre: Point, size: Point, colour: RGB, opacity: float
) -> None:
    """Paint a colour through a round mask of a size around a point; opacity counts in tenths."""
    wide, high = max(2, round(size[0])), max(2, round(size[1]))
    make = _kept_round_mask if max(wide, high) <= KEPT_SIDE else _round_mask
    mask = make(strength, (wide, high), round(opacity * 10) * 10)
    paint(canvas, colour, (round(centre[0] - wide / 2), round(centre[1] - high / 2)), mask)


def glow(canvas: Image.Image, centre: Point, radius: float, colour: RGB, opacity: float) -> None:
    """Paint light around a point."""
    stamp(canvas, halo, centre, (radius * 2, radius * 2), colour, opacity)


class SoftCanvas:
    """A canvas for soft shapes: painted at a quarter of its size, or less if it is large, then enlarged."""

    def __init__(self, size: Size, colours: Sequence[Sequence[RGB]]) -> None:
        self._scale = 4
        while size[0] * size[1] > SOFT_PIXELS * self._scale**2:
            self._scale *= 2
        self._canvas = gradient((-(-size[0] // self._scale), -(-size[1] // self._scale)), colours)

    def refine(self, pixels: int) -> None:
        """Continue with more detail, on at most this many pixels."""
        while self._scale > 1 and 4 * self._canvas.width * self._canvas.height <= pixels:
            self._canvas, self._scale = doubled(self._canvas), self._scale // 2

    def stamp(self, strength: Strength, centre: Point, size: Point, colour: RGB, opacity: float) -> None:
        """Paint a colour through a round mask of a size around a point."""
        by = self._scale
        centre, size = (centre[0] / by, centre[1] / by), (size[0] / by, size[1] / by)
        stamp(self._canvas, strength, centre, size, colour, opacity)

    def enlarged(self, edges: bool = False) -> Image.Image:
        """Return the canvas, slightly larger than requested; without edges, its pixels come in twos."""
        image, scale = self._canvas, self._scale
        while scale > (1 if edges else 2):
            image, scale = doubled(image), scale // 2
        return image.resize((scale * image.width, scale * image.height), _NEAREST) if scale > 1 else image


# --- shapes with smooth edges: drawn at double size, since Pillow does not antialias


def disc(canvas: Image.Image, centre: Point, radius: float, colour: RGB | int) -> None:
    """Paint a circle."""
    left, top = (math.floor(at - radius) - 1 for at in centre)
    mask = Image.new("L", (4 * math.ceil(radius) + 8,) * 2)
    x, y = 2 * (centre[0] - left), 2 * (centre[1] - top)
    ImageDraw.Draw(mask).ellipse((x - 2 * radius, y - 2 * radius, x + 2 * radius, y + 2 * radius), fill=255)
    paint(canvas, colour, (left, top), mask.reduce(2))


def double_size_shape(size: Size, outline: Sequence[Point], fill: int = 255) -> tuple[Image.Image, Box]:
    """Return a mask of a polygon, twice as large as the box of an image of this size that it covers."""
    xs, ys = zip(*outline, strict=True)
    (left, right), (top, bottom) = (
        (min(max(math.floor(min(at)), 0), most - 1), min(max(math.ceil(max(at)), 1), most))
        for at, most in ((xs, size[0]), (ys, size[1]))
    )
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    mask = Image.new("L", ((right - left) * 2, (bottom - top) * 2))
    ImageDraw.Draw(mask).polygon([((x - left) * 2, (y - top) * 2) for x, y in outline], fill=fill)
    return mask, (left, top, right, bottom)


def wave(chance: Random, rough: int = 3) -> Callable[[float], float]:
    """Return a smooth random curve around 0, of height about 1, for a position counted in wavelengths."""
    parts = [
        (math.tau * chance.uniform(0.7, 1.3) * 1.9**k, chance.uniform(0, math.tau)) for k in range(rough)
    ]
    (p, a), (q, b), (r, c) = (*parts, (0.0, 0.0))[:3]  # a part of zeros adds nothing
    sin = math.sin
    return lambda x: sin(p * x + a) + 0.55 * sin(q * x + b) + 0.3 * sin(r * x + c)


def span(length: int, pieces: int) -> Iterator[float]:
    """Return positions along a side, from slightly before its start to slightly beyond its end."""
    return (length * (step / pieces * 1.04 - 0.02) for step in range(pieces + 1))
