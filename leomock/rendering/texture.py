"""Texture maps as bytes: what one rough surface looks like to a renderer, in maps that tile without seams."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageChops, ImageMath

from leomock.rendering.image import PROMPT_KEPT, RGB, mix, palette, rng, write

# How steep the normal map takes the surface to be: its height, in widths of the map.
STEEPNESS = 0.08


@dataclass(frozen=True, slots=True)
class TextureMap:
    """One map of a surface, a square of `size` pixels; the kinds are named as in the official SDK.

    All kinds of one prompt and seed show the same surface.
    """

    prompt: str
    seed: int
    kind: Literal["ALBEDO", "NORMAL", "DISPLACEMENT", "ROUGHNESS"]
    size: int = 1024

    @property
    def media_type(self) -> str:
        """The type of the file."""
        return "image/png"

    def render(self) -> bytes:
        """Draw and encode: the same map always gives the same bytes under the same Pillow."""
        ground = heights(self.prompt, self.seed, self.size)
        match self.kind:
            case "DISPLACEMENT":
                image = grey(ground)
            case "ROUGHNESS":
                # Worn and polished where it stands out.
                image = grey(ground).point([round(225 - 0.55 * value) for value in range(256)])
            case "NORMAL":
                image = normal_map(ground)
            case "ALBEDO":
                image = coloured(grey(ground), self.prompt, self.seed)
        said = {"software": "leomock", "prompt": self.prompt[:PROMPT_KEPT], "seed": self.seed, "map": self.kind}
        return write(image, "png", json.dumps(said))


@lru_cache(maxsize=2)  # the four maps of a surface are asked for one after the other
def heights(prompt: str, seed: int, size: int) -> Image.Image:
    """The surface: heights of 0 to 1, in mode F, that go on at the other side where they end."""
    chance = rng("surface", prompt, seed)
    coarse, ridged = chance.choice((3, 4, 5)), chance.random() < 0.6
    total, most = Image.new("F", (size, size)), 0.0
    for octave in range(5):
        layer, weight = noise(chance.randbytes((coarse << octave) ** 2), coarse << octave, size), 0.52**octave
        if ridged:
            layer = calculated("1 - abs(2 * a - 1)", a=layer)
        total = calculated(f"a + b * {weight}", a=total, b=layer)
        most += weight
    low, high = total.getextrema()
    return calculated(f"(a - {low}) / {max(high - low, 1e-6)}", a=total)


def noise(cells: bytes, count: int, size: int) -> Image.Image:
    """Random heights of 0 to 1, `count` each way, joined smoothly, also across the borders."""
    grid = Image.frombytes("L", (count, count), cells)
    # Three more cells on each side are all that bicubic scaling looks at.
    around = Image.new("L", (count + 6, count + 6))
    for x in (3 - count, 3, 3 + count):
        for y in (3 - count, 3, 3 + count):
            around.paste(grid, (x, y))
    whole = around.convert("F").resize(
        (size, size), Image.Resampling.BICUBIC, (3, 3, 3 + count, 3 + count)
    )
    return calculated("a / 255", a=whole)
