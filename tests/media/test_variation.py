"""Variations: what each kind makes of each kind of source."""

import io
import json
from dataclasses import replace
from typing import Literal

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from leomock.media.image import Picture, encode
from leomock.media.variation import LONGEST_SIDE, Source, Unlabelled, Variation, surrounded, unzoom

FOX = Picture("a fox in the snow", seed=8, index=0, width=320, height=192, label="Phoenix 1.0")
Kind = Literal["UNZOOM", "UPSCALE", "NOBG", "UNIVERSAL"]
KINDS: tuple[Kind, ...] = ("UNZOOM", "UPSCALE", "NOBG", "UNIVERSAL")


def opened(encoded: bytes) -> Image.Image:
    """Decode an image completely."""
    image = Image.open(io.BytesIO(encoded))
    image.load()
    return image


def encoded(image: Image.Image, format: str = "PNG") -> bytes:
    """Encode an image as an upload."""
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


def ball() -> Image.Image:
    """A red ball on pale blue."""
    image = Image.new("RGB", (200, 150), (210, 225, 240))
    ImageDraw.Draw(image).ellipse((60, 15, 140, 95), fill=(200, 60, 40))
    return image


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two images per channel, 0 to 255."""
    mean = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean
    return sum(mean) / len(mean)


SOURCES: dict[str, Source] = {
    "picture": FOX,
    "variation": Variation(FOX, "UPSCALE"),
    "upload": encoded(ball()),
    "jpeg": encoded(ball(), "JPEG"),
    "alpha": encoded(Image.new("RGBA", (70, 90), (9, 99, 9, 128))),
    "broken": b"no image",
    "tiny": Picture("", 1, 0, 1, 1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", SOURCES)
def test_variation_renders_the_same_file_of_its_type_from_every_source(kind: Kind, source: str) -> None:
    """Every kind takes every source, keeps its promise about the type, and gives the same bytes again."""
    variation = Variation(SOURCES[source], kind)
    first = variation.render()

    assert Image.MIME[opened(first).format or ""] == variation.media_type
    assert variation.render() == first
    assert hash(variation) == hash(replace(variation))


@pytest.mark.parametrize("kind", KINDS)
def test_file_says_what_was_done(kind: Kind) -> None:
    """The caption of a variation of a variation names both changes in order, and the picture at its root."""
    image = opened(
        Variation(Variation(FOX, kind, factor=1.5), "UNIVERSAL", factor=1.25, creativity=3).render()
    )
    did = {
        "UNZOOM": "unzoomed",
        "UPSCALE": "upscaled 1.5x",
        "NOBG": "background removed",
        "UNIVERSAL": "universal upscaler 1.5x, creativity 5",
    }

    assert json.loads(image.info["comment"]) == {
        "software": "leomock",
        "prompt": "a fox in the snow",
        "seed": 8,
        "index": 0,
        "changes": [did[kind], "universal upscaler 1.25x, creativity 3"],
    }


def test_plate_says_what_was_done() -> None:
    """What was done is written on the image, and not only in the file."""
    drawing, changed = Variation(FOX, "UPSCALE").draw(), Variation(FOX, "UPSCALE").draw()
    changed.changes.clear()

    assert difference(opened(encode(drawing, "png")), opened(encode(changed, "png"))) > 0.2


def test_unzoom_keeps_the_source_whole_in_the_middle() -> None:
    """An unzoomed picture is half as large again each way, and its middle is the source, pixel by pixel.

    Holds code:Variation.
    """
    image = Variation(FOX, "UNZOOM").draw().image

    assert image.size == (480, 288)
    assert image.crop((80, 48, 400, 240)).tobytes() == FOX.draw().image.tobytes()


def test_unzoom_goes_on_beyond_the_borders() -> None:
    """What surrounds the source looks like its nearest border, and is not one colour."""
    image = Image.linear_gradient("L").resize((90, 60)).convert("RGB")
    wider = unzoom(image)
    left, top = (wider.width - 90) // 2, (wider.height - 60) // 2
    beside = wider.crop((0, top, left, top + 60)).resize((1, 60))

    assert difference(beside, image.crop((0, 0, 1, 60))) < 12


def test_unzoom_shrinks_the_source_when_the_canvas_would_be_too_large() -> None:
    """At the largest size the canvas stays, and the source takes two thirds of it.

    Holds code:Variation.
    """
    image = unzoom(Image.new("RGB", (LONGEST_SIDE, 16), "navy"))

    assert image.size == (LONGEST_SIDE, 16)


def test_surrounded_leaves_the_middle_alone() -> None:
    """Softness never reaches into the image itself."""
    image = Image.effect_mandelbrot((60, 40), (-2, -1, 1, 1), 50).convert("RGB")

    assert surrounded(image, (100, 70)).crop((20, 15, 80, 55)).tobytes() == image.tobytes()


@pytest.mark.parametrize("kind", ["UPSCALE", "UNIVERSAL"])
@pytest.mark.parametrize(
    ("factor", "size"), [(1.0, (320, 192)), (1.5, (480, 288)), (2.0, (640, 384)), (100, (4096, 2458))]
)
def test_upscaled_is_larger_and_shows_the_same(kind: Kind, factor: float, size: tuple[int, int]) -> None:
    """An upscaled picture has its factor's size, at most 4096 a side, and scaled back is the source."""
    image = Variation(FOX, kind, factor=factor, creativity=1).draw().image

    assert image.size == size
    assert difference(image.resize((320, 192)), FOX.draw().image) < 4


def test_universal_upscaler_changes_more_when_more_creative() -> None:
    """A higher creativity differs more from the source."""
    before = FOX.draw().image
    changes = [
        difference(Variation(FOX, "UNIVERSAL", 1.0, creativity).draw().image, before)
        for creativity in (1, 5, 10)
    ]

    assert changes == sorted(changes)
    assert changes[-1] > changes[0] + 1


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("drawn", [True, False])
def test_nobg_leaves_a_subject_on_nothing(seed: int, drawn: bool) -> None:
    """Corners are transparent and the middle is mostly opaque, of a drawn picture and of it uploaded."""
    picture = replace(FOX, seed=seed)
    image = Variation(picture if drawn else picture.render(), "NOBG").draw().image
    alpha = image.getchannel("A")
    right, low = image.width - 1, image.height - 1
    middle = alpha.crop((image.width * 2 // 5, image.height // 4, image.width * 3 // 5, image.height // 2))

    assert [alpha.getpixel(corner) for corner in ((0, 0), (right, 0), (0, low), (right, low))] == [0, 0, 0, 0]
    assert ImageStat.Stat(middle).mean[0] > 255 * 2 / 3


@pytest.mark.parametrize("seed", range(12))
def test_nobg_shows_the_picture_it_was_made_from(seed: int) -> None:
    """What is left has the colours that it had."""
    picture = replace(FOX, seed=seed)
    image = Variation(picture, "NOBG").draw().image

    assert image.convert("RGB").tobytes() == picture.draw().image.tobytes()


def test_nobg_finds_the_subject_before_a_plain_ground() -> None:
    """Of a ball on one colour the ball remains, and nothing else."""
    alpha = Variation(encoded(ball()), "NOBG").draw().image.getchannel("A")
    truth = Image.new("L", alpha.size)
    ImageDraw.Draw(truth).ellipse((60, 15, 140, 95), fill=255)

    assert ImageStat.Stat(ImageChops.difference(alpha, truth)).mean[0] < 10


def test_nobg_keeps_alpha_that_is_there() -> None:
    """An upload that is transparent already stays as it is."""
    upload = Image.new("RGBA", (80, 80), (200, 30, 30, 0))
    upload.paste((30, 30, 200, 255), (10, 10, 70, 70))

    assert Variation(encoded(upload), "NOBG").draw().image.tobytes() == upload.tobytes()


def test_unreadable_upload_is_said_on_the_plate() -> None:
    """Where the upload cannot be read there is a grey picture that says so."""
    drawing = Variation(b"no image", "UPSCALE").draw()

    assert drawing.notes[0].wordings[0] == "uploaded image not readable"
    assert drawing.notes[0].warning


def test_image_without_its_plate_is_the_bare_drawing() -> None:
    """A drawing that starts from it has a plate of its own, and two captions would overlap."""
    picture = replace(FOX, format="png")
    bare = opened(Unlabelled(picture).render())
    assert ImageChops.difference(bare, picture.draw().image).getbbox() is None
    assert ImageChops.difference(bare, opened(picture.render())).getbbox() is not None
    assert Unlabelled(picture).media_type == picture.media_type
