"""Texture maps: one surface in four maps that tile."""

import io
import json
import math
from typing import Literal

import pytest
from PIL import Image, ImageChops, ImageStat

from leomock.media.texture import TextureMap

Kind = Literal["ALBEDO", "NORMAL", "DISPLACEMENT", "ROUGHNESS"]
KINDS: tuple[Kind, ...] = ("ALBEDO", "NORMAL", "DISPLACEMENT", "ROUGHNESS")


def opened(kind: Kind, seed: int = 1, size: int = 256) -> Image.Image:
    """Render and decode a map."""
    image = Image.open(io.BytesIO(TextureMap("mossy stone", seed, kind, size).render()))
    image.load()
    return image


def step(image: Image.Image, across: bool) -> tuple[float, float]:
    """How much neighbours differ: at the seam of two tiles, and on average inside."""
    turned = image if across else image.transpose(Image.Transpose.ROTATE_90)
    steps = ImageChops.difference(turned, ImageChops.offset(turned, 1, 0)).convert("L")
    seam = ImageStat.Stat(steps.crop((0, 0, 1, steps.height))).mean[0]
    return seam, ImageStat.Stat(steps).mean[0]


@pytest.mark.parametrize(
    ("kind", "mode"), [("ALBEDO", "RGB"), ("NORMAL", "RGB"), ("DISPLACEMENT", "L"), ("ROUGHNESS", "L")]
)
def test_map_is_a_square_png(kind: Kind, mode: str) -> None:
    """Colours are RGB, measures are grey; by default 1024 pixels a side.

    Holds code:TextureMap.
    """
    image = Image.open(io.BytesIO(TextureMap("mossy stone", 1, kind).render()))

    assert (image.format, image.mode, image.size) == ("PNG", mode, (1024, 1024))
    assert TextureMap("mossy stone", 1, kind).media_type == "image/png"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_map_tiles_without_a_seam(kind: Kind, seed: int) -> None:
    """Neighbours across the border differ no more than neighbours inside."""
    image = opened(kind, seed)

    for across in (True, False):
        seam, inside = step(image, across)
        assert seam < 2 * inside + 1


def test_normal_map_follows_the_heights() -> None:
    """Normals have length one, point out of the plane, and lean away from where it rises.

    Holds code:TextureMap.
    """
    normal, heights = opened("NORMAL"), opened("DISPLACEMENT")
    red, green, blue = normal.split()
    pixels = zip(red.tobytes(), green.tobytes(), blue.tobytes(), strict=True)

    assert all(
        math.isclose(math.hypot(*((part - 127.5) / 127.5 for part in pixel)), 1, abs_tol=0.02)
        for pixel in pixels
    )
    lowest, _ = blue.getextrema()
    assert not isinstance(lowest, tuple)
    assert lowest > 127
    for part, across, sign in ((red, (1, 0), 1), (green, (0, 1), -1)):
        before, after = (ImageChops.offset(heights, n * across[0], n * across[1]).tobytes() for n in (1, -1))
        slopes = [b - a for a, b in zip(before, after, strict=True)]
        leans = [value - 127.5 for value in part.tobytes()]
        steep = [lean * slope * sign for lean, slope in zip(leans, slopes, strict=True) if abs(slope) > 3]
        assert len(steep) > 1000
        assert all(product < 0 for product in steep)


def test_maps_of_one_surface_belong_together() -> None:
    """What stands out is smoother, and each height has one colour."""
    heights, rough, colour = (opened(kind).tobytes() for kind in ("DISPLACEMENT", "ROUGHNESS", "ALBEDO"))
    colours = list(zip(colour[::3], colour[1::3], colour[2::3], strict=True))

    assert len(set(zip(heights, rough, strict=True))) == len(set(heights))
    assert len(set(zip(heights, colours, strict=True))) == len(set(heights))
    assert rough[heights.index(max(heights))] < rough[heights.index(min(heights))]
    assert (min(heights), max(heights)) == (0, 255)


def test_map_follows_prompt_and_seed_and_says_so() -> None:
    """The same map gives the same bytes, another seed another surface, and the file says what it is."""
    one = TextureMap("mossy stone", 1, "ALBEDO", 128)
    image = Image.open(io.BytesIO(one.render()))

    assert one.render() == TextureMap("mossy stone", 1, "ALBEDO", 128).render()
    assert opened("DISPLACEMENT", 1).tobytes() != opened("DISPLACEMENT", 2).tobytes()
    assert json.loads(image.info["Comment"]) == {
        "software": "leomock",
        "prompt": "mossy stone",
        "seed": 1,
        "map": "ALBEDO",
    }


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_map_renders_when_tiny(kind: Kind, size: int) -> None:
    """The smallest maps are maps as well."""
    assert opened(kind, size=size).size == (size, size)
