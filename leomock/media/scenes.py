"""The scene behind an image: one of six compositions, chosen by prompt and seed."""

from collections.abc import Callable
from random import Random

from PIL import Image

from leomock.media.colours import Palette, palette, rng
from leomock.media.landscapes import hills, peaks, sea
from leomock.media.paint import PAINTED_PIXELS, Size, enlarged, painting_size
from leomock.media.patterns import bokeh, papercut, ribbons

Scene = Callable[[Size, Palette, Random], Image.Image]

SCENES: tuple[Scene, ...] = (hills, peaks, sea, bokeh, ribbons, papercut)
# The number of pixels at which a scene is painted before it is enlarged. Others paint edges at full size.
_PAINTED: dict[Scene, float] = {bokeh: PAINTED_PIXELS / 3, ribbons: PAINTED_PIXELS, papercut: PAINTED_PIXELS}


def backdrop(prompt: str, seed: int, index: int, size: Size) -> Image.Image:
    """Paint the scene of an image, in RGB; the images of one generation share its composition."""
    scene = rng("scene", prompt, seed).choice(SCENES)
    painted, doublings = painting_size(size, _PAINTED.get(scene, size[0] * size[1]))
    chance = rng("arrangement", prompt, seed, index)
    canvas = scene(painted, palette(prompt, seed, index), chance)
    return enlarged(canvas, doublings, size)
