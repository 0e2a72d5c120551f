"""The pictures: their format, what they follow from, and that no input breaks them."""

import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from leomock.media import plate, scenes
from leomock.media.colours import Palette, palette, rng
from leomock.media.image import Picture
from leomock.media.init_image import decode_init, init_size
from leomock.media.paint import Size

CAT = Picture("a cat on a roof", seed=123456, index=0, width=256, height=192)


def opened(encoded: bytes) -> Image.Image:
    """Decode a picture completely."""
    image = Image.open(io.BytesIO(encoded))
    image.load()
    return image


def difference(one: Picture, other: Picture) -> float:
    """The mean difference of two pictures per pixel and channel, 0 to 255, without their plates."""
    above_plate = (0, 20, one.width, one.height // 2)
    pixels = [opened(picture.render()).convert("RGB").crop(above_plate) for picture in (one, other)]
    mean = ImageStat.Stat(ImageChops.difference(*pixels)).mean
    return sum(mean) / len(mean)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """Encode an init image."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def halves(left: str, right: str, mode: str = "RGB") -> Image.Image:
    """An init image of two colours side by side."""
    image = Image.new(mode, (200, 150), left)
    image.paste(right, (100, 0, 200, 150))
    return image


def colours(encoded_picture: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The mean colours of the left and right half above the plate."""
    image = opened(encoded_picture).convert("RGB")
    width, height = image.size
    boxes = ((4, 24, width // 2 - 8, height // 2), (width // 2 + 8, 24, width - 4, height // 2))
    left, right = (tuple(map(round, ImageStat.Stat(image.crop(box)).mean)) for box in boxes)
    return left, right


@pytest.mark.parametrize(("format", "mode"), [("jpeg", "RGB"), ("png", "RGB")])
def test_picture_has_its_format_and_exact_size(format: str, mode: str) -> None:
    """A picture decodes as the format asked for, at the size asked for."""
    image = opened(replace(CAT, format=format).render())  # type: ignore[arg-type]  # a parameter is a str

    assert (image.format, image.mode, image.size) == (format.upper(), mode, (256, 192))


@pytest.mark.parametrize(
    "size",
    [(1, 1), (1, 700), (700, 1), (2, 3), (8, 8), (32, 32), (32, 1536), (1536, 32), (63, 64), (64, 64),
     (64, 900), (900, 64), (97, 131), (1536, 1536), (4096, 16)],
)  # fmt: skip
@pytest.mark.parametrize("transparent", [False, True])
def test_picture_has_exact_size_when_tiny_or_extreme(size: tuple[int, int], transparent: bool) -> None:
    """Every size from one pixel up gives a picture of exactly that size."""
    for seed in range(3):
        picture = Picture("a long prompt " * 9, seed, 11, *size, "png", transparent, label="Phoenix 1.0")
        assert opened(picture.render()).size == size


@pytest.mark.parametrize("scene", scenes.SCENES, ids=lambda scene: scene.__name__)
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (40, 30)])
def test_scene_paints_any_size(scene: object, size: tuple[int, int]) -> None:
    """Each scene fills any canvas, down to a single pixel."""
    assert callable(scene)
    for seed in range(5):
        painted = scene(size, palette("", seed, 0), rng(seed))
        assert (painted.mode, painted.size) == ("RGB", size)


def test_scenes_are_all_met_by_seed() -> None:
    """The seeds of one prompt lead to every scene."""
    met = {rng("scene", "a cat", seed).choice(scenes.SCENES) for seed in range(80)}

    assert met == set(scenes.SCENES)


def test_bytes_are_the_same_in_every_process() -> None:
    """A picture's bytes do not depend on the process or its hash seed."""
    pictures = [
        CAT,
        replace(CAT, index=3, format="png", transparent=True),
        replace(CAT, prompt="日本\ud800", init=encoded(halves("red", "blue"))),
    ]
    code = (
        "import hashlib\nfrom leomock.media.image import Picture\n"
        f"for picture in {pictures!r}:\n    print(hashlib.sha256(picture.render()).hexdigest())"
    )
    here = [hashlib.sha256(picture.render()).hexdigest() for picture in pictures]

    for hash_seed in ("1", "2"):
        said = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.split() == here


@pytest.mark.parametrize(
    "change", [{"seed": 123457}, {"prompt": "a dog on a roof"}, {"index": 1}, {"index": 2}, {"index": 3}]
)
@pytest.mark.parametrize("seed", range(8))
def test_picture_differs_visibly_by_seed_prompt_and_index(change: dict[str, object], seed: int) -> None:
    """Another seed, prompt or index changes the scene by far more than its text."""
    one = replace(CAT, seed=seed)

    assert difference(one, replace(one, **change)) > 8  # type: ignore[arg-type]  # each change fits its field


def test_indexes_of_one_generation_share_their_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures of one generation show the same kind of scene in different hues."""
    painted: list[tuple[str, Palette]] = []

    def spy(name: str) -> object:
        def scene(size: Size, colours: Palette, chance: object) -> Image.Image:
            painted.append((name, colours))
            return Image.new("RGB", size)

        return scene

    monkeypatch.setattr(scenes, "SCENES", [spy(name) for name in "abcdef"])
    for index in range(4):
        scenes.backdrop(CAT.prompt, CAT.seed, index, (CAT.width, CAT.height))

    assert len({name for name, _ in painted}) == 1
    assert len({colours.sky for _, colours in painted}) == 4
    assert len({colours.dark for _, colours in painted}) == 1


def test_jpeg_says_what_it_is_in_its_comment() -> None:
    """A JPEG's comment gives software, prompt, seed and index as JSON."""
    image = opened(replace(CAT, prompt="é \ud800 日本", index=2).render())

    assert json.loads(image.info["comment"]) == {
        "software": "leomock", "prompt": "é \ud800 日本", "seed": 123456, "index": 2,
    }  # fmt: skip


def test_png_says_what_it_is_in_its_text() -> None:
    """A PNG's text chunks give the software, and the same JSON as a JPEG's comment."""
    image = opened(replace(CAT, format="png").render())

    assert image.info["Software"] == "leomock"
    assert json.loads(image.info["Comment"]) == {
        "software": "leomock", "prompt": "a cat on a roof", "seed": 123456, "index": 0,
    }  # fmt: skip


def test_comment_keeps_a_thousand_characters_when_the_prompt_is_huge() -> None:
    """The prompt in the comment is cut at 1000 characters, and the file stays small."""
    picture = replace(CAT, prompt="日" * 1_000_000).render()

    assert json.loads(opened(picture).info["comment"])["prompt"] == "日" * 1000
    assert len(picture) < 60_000


def test_init_image_shows_through() -> None:
    """Left and right of the picture lean to the colours of the init image there."""
    left, right = colours(replace(CAT, init=encoded(halves("red", "blue")), init_strength=0.8).render())

    assert left[0] > left[2] + 100
    assert right[2] > right[0] + 100


def test_init_image_shows_more_when_stronger() -> None:
    """Strength brings the picture nearer to the init image."""
    init = encoded(Image.new("RGB", (64, 64), "red"))
    plain = colours(CAT.render())[0]
    reds = [
        colours(replace(CAT, init=init, init_strength=share).render())[0][0] for share in (0.15, 0.5, 0.9)
    ]

    assert plain[0] < reds[0] < reds[1] < reds[2]


@pytest.mark.parametrize(("strength", "limit"), [(-3.0, 0.15), (0.0, 0.15), (1.0, 0.9), (99.0, 0.9)])
def test_init_strength_is_kept_within_limits(strength: float, limit: float) -> None:
    """Neither the init image nor the scene ever disappears."""
    picture = replace(CAT, init=encoded(halves("red", "blue")))

    assert replace(picture, init_strength=strength).render() == replace(picture, init_strength=limit).render()


def test_init_image_is_cropped_to_cover() -> None:
    """A wide init image fills a square picture from its middle, without distortion."""
    wide = Image.new("RGB", (600, 200), "lime")
    wide.paste("red", (200, 0, 400, 200))

    left, right = colours(replace(CAT, width=192, init=encoded(wide), init_strength=0.9).render())

    assert left[0] > left[1] + 100
    assert right[0] > right[1] + 100


@pytest.mark.parametrize(
    ("format", "mode"),
    [(format, mode) for format in ("PNG", "JPEG", "WEBP") for mode in ("RGB", "L")]
    + [("PNG", "P"), ("PNG", "RGBA"), ("PNG", "LA"), ("PNG", "1"), ("JPEG", "CMYK"), ("WEBP", "RGBA")],
)
def test_init_image_is_read_in_any_mode(format: str, mode: str) -> None:
    """Grey, palette, CMYK and alpha images serve as init images in each format that holds them."""
    bright = encoded(Image.new("RGB", (90, 90), "white").convert(mode), format)

    left, right = colours(replace(CAT, init=bright, init_strength=0.9).render())

    assert min(left + right) > 225


def test_init_image_of_sixteen_bits_keeps_its_greys() -> None:
    """A 16-bit grey image is scaled to 8 bits, not clipped to white."""
    init = decode_init(encoded(Image.new("I;16", (8, 8), 0x8000)), 8)

    assert init is not None
    assert init.getpixel((4, 4)) == (128, 128, 128, 255)


def test_init_image_is_turned_upright() -> None:
    """The orientation in EXIF is obeyed."""
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down, so left and right are swapped

    init = encoded(halves("red", "blue"), "JPEG", exif=turned)
    left, right = colours(replace(CAT, init=init, init_strength=0.9).render())

    assert left[2] > left[0] + 100
    assert right[0] > right[2] + 100


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_of_an_init_image_is_that_of_the_decoded_one(format: str, orientation: int) -> None:
    """Upright, also where a large JPEG leaves detail out."""
    turned = Image.Exif()
    turned[0x0112] = orientation
    for size in ((64, 48), (1200, 700)):
        init = encoded(Image.new("RGB", size, "red"), format, exif=turned)
        decoded = decode_init(init, 300)
        assert decoded
        assert init_size(init, 300) == decoded.size


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_size_of_an_init_image_stands_in_its_header(format: str) -> None:
    """What comes after it is not read; of a WebP, Pillow wants all before it tells anything."""
    noise = Image.effect_noise((640, 480), 90).convert("RGB")
    assert init_size(encoded(noise, format)[:1000], 4096) == (640, 480)


@pytest.mark.parametrize(
    "init", [b"", b"not an image", encoded(Image.new("1", (16000, 9000)))], ids=["empty", "text", "bomb"]
)
def test_init_image_without_a_size(init: bytes) -> None:
    """Nothing that could be used is in it."""
    assert init_size(init, 4096) is None


@pytest.mark.parametrize(
    "init",
    [
        b"",
        b"not an image",
        b"\xff\xd8\xff\xe0 no jpeg",
        encoded(halves("red", "blue"))[:200],
        encoded(halves("red", "blue"), "GIF"),
        encoded(Image.new("1", (6000, 5000))),
        encoded(Image.new("1", (16000, 9000))),
    ],
    ids=["empty", "text", "broken", "truncated", "gif", "too large", "bomb"],
)
def test_init_image_is_left_out_when_not_readable(init: bytes) -> None:
    """Bytes that give no init image leave the scene as it is and are mentioned on the plate."""
    picture = replace(CAT, init=init)

    assert difference(picture, CAT) < 3
    assert picture.render() != CAT.render()


@pytest.mark.parametrize("init", [None, encoded(halves("red", "blue")), b"not an image"])
@pytest.mark.parametrize("size", [(32, 32), (300, 200), (64, 700)])
def test_transparent_png_has_nothing_around_its_subject(size: tuple[int, int], init: bytes | None) -> None:
    """A transparent picture has an empty background, an opaque subject and a soft edge between."""
    width, height = size
    picture = Picture("a rose", 5, 0, width, height, "png", transparent=True, init=init)
    image = opened(picture.render())
    counts = image.getchannel("A").histogram()

    assert image.mode == "RGBA"
    assert image.getpixel((0, 0)) == (*image.getpixel((0, 0))[:3], 0)  # type: ignore[index]  # RGBA is a tuple
    assert counts[0] > 0.1 * width * height
    assert counts[255] > 0.02 * width * height
    assert sum(counts[1:255]) > 10


def test_transparent_jpeg_is_an_ordinary_one() -> None:
    """JPEG has no alpha, so a transparent one shows its background."""
    assert replace(CAT, transparent=True).render() == CAT.render()


@pytest.mark.parametrize(
    "size",
    [(16, 16), (32, 32), (32, 1536), (1536, 32), (64, 64), (64, 1536), (1536, 64), (100, 70), (1536, 1536)],
)
@pytest.mark.parametrize("init", [None, b"no image"])
def test_overlay_stays_inside_at_every_size(size: tuple[int, int], init: bytes | None) -> None:
    """What is written never reaches the border of the picture, and something is written."""
    prompt = "word " * 100 + "w" * 300
    drawing = Picture(prompt, 2**63, 98, *size, label="A long name of a model" * 3, init=init).draw()
    drawing.image = Image.new("RGB", size, "teal")
    plate.overlay(drawing)
    changed = ImageChops.difference(drawing.image, Image.new("RGB", size, "teal")).getbbox()

    assert changed is not None
    assert min(changed[:2]) > 0
    assert (changed[2] < size[0], changed[3] < size[1]) == (True, True)


@settings(max_examples=60, deadline=None)
@given(
    picture=st.builds(
        Picture,
        prompt=st.text(st.characters(categories=["L", "M", "N", "P", "S", "Z", "C"]), max_size=300),
        seed=st.integers(0, 2**63),
        index=st.integers(0, 10**6),
        width=st.integers(1, 300),
        height=st.integers(1, 300),
        format=st.sampled_from(["jpeg", "png"]),
        transparent=st.booleans(),
        init=st.none() | st.binary(max_size=50),
        init_strength=st.floats(0, 1),
        label=st.text(max_size=50),
    )
)
def test_picture_is_drawn_whatever_is_asked(picture: Picture) -> None:
    """No prompt, number or label keeps a picture from being drawn at its size, twice the same."""
    drawn = picture.render()

    assert opened(drawn).size == (picture.width, picture.height)
    assert picture.render() == drawn


@pytest.mark.parametrize(
    "prompt", ["", " \n\t", "\x00\x01", "\u200b", " " * 1_000_000, "x" * 1_000_000, "\ud83d"]
)
def test_picture_is_drawn_when_the_prompt_says_nothing_or_too_much(prompt: str) -> None:
    """Blank, invisible and enormous prompts give pictures like others."""
    assert opened(replace(CAT, prompt=prompt).render()).size == (256, 192)
