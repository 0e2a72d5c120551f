"""The scene behind an image: one of six compositions, chosen by prompt and seed."""

import math
from collections.abc import Callable
from random import Random

from PIL import Image

from leomock.media.colours import Palette, palette, rng
from leomock.media.landscapes import hills, peaks, sea
from leomock.media.paint import PAINTED_PIXELS, Size, enlarged, painting_size
from leomock.media.patterns import bokeh, papercut, ribbons

Scene = Callable[[Size, Palette, Random], Image.Image]

SCENES: tuple[Scene, ...] = (hills, peaks, sea, bokeh, ribbons, papercut)
# Large images of these scenes are enlarged. The others enlarge what is soft in them themselves.
_ENLARGED = (ribbons, papercut)


def backdrop(prompt: str, seed: int, index: int, size: Size) -> Image.Image:
    """Paint the scene of an image, in RGB; the images of one generation share its composition."""
    scene = rng("scene", prompt, seed).choice(SCENES)
    painted, doublings = painting_size(size, PAINTED_PIXELS if scene in _ENLARGED else math.inf)
    chance = rng("arrangement", prompt, seed, index)
    canvas = scene(painted, palette(prompt, seed, index), chance)
    return enlarged(canvas, doublings, size)
