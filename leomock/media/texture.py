"""Texture maps as bytes: one rough surface as a renderer sees it, in maps that tile without seams."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from PIL import Image, ImageChops, ImageMath

from leomock.leonardo.basis import Chosen, based_on
from leomock.media.colours import mix, palette, rng
from leomock.media.files import write
from leomock.media.image import PROMPT_KEPT
from leomock.media.paint import gradient

# How steep the surface is in the normal map: its height, in widths of the map.
STEEPNESS = 0.08


@based_on(
    Chosen(
        "a map has 1024 pixels a side, and bright green in normals points up, as in OpenGL: neither is "
        "documented"
    )
)
@dataclass(frozen=True, slots=True)
class TextureMap:
    """One map of a surface, a square of `size` pixels; the kinds have the names of the official SDK.

    All kinds of one prompt and seed show the same surface.
    """

    prompt: str
    seed: int
    kind: Literal["ALBEDO", "NORMAL", "DISPLACEMENT", "ROUGHNESS"]
    size: int = 1024

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return "image/png"

    def render(self) -> bytes:
        """Draw and encode: the same map always gives the same bytes with the same Pillow."""
        ground = heights(self.prompt, self.seed, self.size)
        match self.kind:
            case "DISPLACEMENT":
                image = grey(ground)
            case "ROUGHNESS":
                # Raised parts are worn and polished.
                image = grey(ground).point([round(225 - 0.55 * value) for value in range(256)])
            case "NORMAL":
                image = normal_map(ground)
            case "ALBEDO":
                image = coloured(grey(ground), self.prompt, self.seed)
        said = {
            "software": "leomock",
            "prompt": self.prompt[:PROMPT_KEPT],
            "seed": self.seed,
            "map": self.kind,
        }
        return write(image, "png", json.dumps(said))


@lru_cache(maxsize=2)  # clients request the four maps of a surface one after the other
def heights(prompt: str, seed: int, size: int) -> Image.Image:
    """Return the surface: heights of 0 to 1, in mode F, that wrap around at the borders."""
    chance = rng("surface", prompt, seed)
    coarse, ridged = chance.choice((3, 4, 5)), chance.random() < 0.6
    total = Image.new("F", (size, size))
    for octave in range(5):
        count, weight = coarse << octave, 0.45**octave
        layer = noise(chance.randbytes(count * count), count, size)
        if ridged:
            layer = calculated(lambda a: 1 - abs(2 * a - 1), layer)
        total = calculated(lambda a, b, weight=weight: a + b * weight, total, layer)
    lowest, highest = total.getextrema()
    assert isinstance(lowest, float), "leomock: mode F has one band"
    assert isinstance(highest, float)
    return calculated(lambda a: (a - lowest) / max(highest - lowest, 1e-6), total)


def calculated(expression: Callable[..., Any], *images: Image.Image) -> Image.Image:
    """Calculate an image in mode F from others, pixel by pixel."""
    named = {f"image {place}": image for place, image in enumerate(images)}
    result: Image.Image = ImageMath.lambda_eval(
        lambda given: expression(*(given[name] for name in named)), **named
    )
    return result


def noise(cells: bytes, count: int, size: int) -> Image.Image:
    """Return random heights of 0 to 1, `count` each way, interpolated smoothly, also across the borders."""
    grid = Image.frombytes("L", (count, count), cells)
    # Bicubic scaling reads two cells beyond the border; a third does no harm.
    around = Image.new("L", (count + 6, count + 6))
    for x in (3 - count, 3, 3 + count):
        for y in (3 - count, 3, 3 + count):
            around.paste(grid, (x, y))
    inside = (3, 3, 3 + count, 3 + count)
    whole = around.convert("F").resize((size, size), Image.Resampling.BICUBIC, inside)
    return whole.point(lambda value: value * (1 / 255) + 0)


def grey(ground: Image.Image) -> Image.Image:
    """Return heights as 256 greys, white on top."""
    return ground.point(lambda value: value * 255 + 0.5).convert("L")


def normal_map(ground: Image.Image) -> Image.Image:
    """Return the normals as colours: red right, green up, blue out of the plane, as in OpenGL."""
    # The distance between neighbours on both sides is two pixels.
    steep = STEEPNESS * ground.width / 2
    right, left = (ImageChops.offset(ground, step, 0) for step in (-1, 1))
    above, below = (ImageChops.offset(ground, 0, step) for step in (1, -1))
    x = calculated(lambda a, b: (a - b) * steep, left, right)
    y = calculated(lambda a, b: (a - b) * steep, below, above)
    length = calculated(lambda x, y: (x * x + y * y + 1) ** 0.5, x, y)
    red, green = (calculated(lambda a, b: a / b * 127.5 + 128, part, length) for part in (x, y))
    blue = calculated(lambda a: 127.5 / a + 128, length)
    return Image.merge("RGB", [part.convert("L") for part in (red, green, blue)])


def coloured(ground: Image.Image, prompt: str, seed: int) -> Image.Image:
    """Return heights as the colours of a palette, dark in the hollows."""
    colours = palette(prompt, seed, 0)
    steps = (
        mix(colours.near, colours.ink, 0.3),
        colours.near,
        colours.accents[0],
        colours.accents[1],
        colours.light,
    )
    ramp = gradient((256, 1), [steps])
    bands = [list(band.tobytes()) for band in ramp.split()]
    return Image.merge("RGB", [ground.point(band) for band in bands])
