"""Videos, as FFmpeg's decoder sees them."""

import hashlib
import io
import json
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import av.logging
import pytest
from av.container import InputContainer
from PIL import Image, ImageChops, ImageStat

from leomock.media import h264, mp4
from leomock.media.image import Picture
from leomock.media.variation import Variation
from leomock.media.video import Video

FOX = Picture("a fox in the snow", seed=8, index=0, width=832, height=480, label="Motion 2.0")
CLIP = Video(FOX, seconds=5, width=832, height=480)


@dataclass
class Decoded:
    """What a decoder made of a file."""

    frames: list[Image.Image]
    times: list[float]
    rate: Fraction
    seconds: Fraction
    profile: str
    colour: tuple[int, int, int, int]
    metadata: dict[str, str]


@pytest.fixture(autouse=True)
def decoder_complaints() -> Iterator[None]:
    """No test's file makes the decoder say anything."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as said:
            yield
    finally:
        av.logging.set_level(before)
    assert said == []


def decoded(file: bytes) -> Decoded:
    """Decode a file completely, errors being errors."""
    with opened(file) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        frames = list(container.decode(stream))
        first = frames[0]
        assert stream.average_rate is not None
        assert stream.duration is not None
        assert stream.time_base is not None
        return Decoded(
            frames=[image(frame) for frame in frames],
            times=[frame.time or 0.0 for frame in frames],
            rate=stream.average_rate,
            seconds=stream.duration * stream.time_base,
            profile=stream.codec_context.profile or "",
            colour=(first.color_range, first.colorspace, first.color_primaries, first.color_trc),
            metadata=container.metadata,
        )


def opened(file: bytes) -> InputContainer:
    """Open a file for decoding."""
    container = av.open(io.BytesIO(file), "r")
    assert isinstance(container, InputContainer)
    return container


def image(frame: av.VideoFrame) -> Image.Image:
    """A decoded frame as a picture in RGB."""
    plane = frame.reformat(format="rgb24").planes[0]
    return Image.frombuffer(
        "RGB", (frame.width, frame.height), bytes(plane), "raw", "RGB", plane.line_size, 1
    )


def blocks(picture: Image.Image) -> Image.Image:
    """The means of a picture's blocks of 8x8 pixels."""
    return picture.convert("RGB").reduce(8)


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two images per channel, 0 to 255."""
    mean = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean
    return sum(mean) / len(mean)


@pytest.mark.parametrize(
    ("size", "seconds", "rate"),
    [((832, 480), 5, 24), ((480, 832), 1, 24), ((1280, 720), 1, 30), ((1920, 1080), 0.25, 24),
     ((100, 70), 2.5, 16), ((64, 64), 1, 8), ((16, 16), 1, 24), ((16, 64), 1, 24), ((64, 16), 1, 24),
     ((2, 2), 1, 24), ((34, 18), 10, 24), ((640, 480), 0, 24)],
)  # fmt: skip
def test_video_has_its_size_rate_and_length(size: tuple[int, int], seconds: float, rate: int) -> None:
    """A video decodes without a word to as many frames, of the size and at the rate, as were asked for."""
    width, height = size
    video = decoded(Video(replace(FOX, width=width, height=height), seconds, *size, rate).render())
    count = max(1, round(seconds * rate))

    assert [frame.size for frame in video.frames] == [size] * count
    assert video.rate == rate
    assert video.seconds == Fraction(count, rate)
    assert video.times == [pytest.approx(number / rate) for number in range(count)]


def test_video_that_is_told_no_rate() -> None:
    """It has 24 frames a second.

    Holds code:Video.
    """
    assert decoded(Video(replace(FOX, width=32, height=32), 1, 32, 32).render()).rate == 24


@pytest.mark.parametrize("seed", range(8))
def test_first_frame_is_the_still(seed: int) -> None:
    """The first frame is the still with its plate, also in its colours."""
    still = replace(FOX, seed=seed, format="png")
    frame = decoded(replace(CLIP, still=still, seconds=0).render()).frames[0]
    truth = Image.open(io.BytesIO(still.render()))
    shift = [
        abs(one - other)
        for one, other in zip(ImageStat.Stat(frame).mean, ImageStat.Stat(truth).mean, strict=True)
    ]

    # FFmpeg's own conversion to RGB is fast rather than exact, and up to two steps too dark.
    assert difference(blocks(frame), blocks(truth)) < 3
    assert difference(frame, truth) < 4
    assert max(shift) < 2.5


def test_still_of_another_shape_fills_the_frame() -> None:
    """A still of another size or transparency is cropped to cover, and carries its plate whole."""
    still = Variation(replace(FOX, width=300, height=500), "NOBG")
    frame = decoded(Video(still, 0, 320, 192).render()).frames[0]

    assert difference(frame.crop((0, 0, 8, 8)), Image.new("RGB", (8, 8), "white")) < 12
    assert frame.getpixel((24, 180)) != (255, 255, 255)


def test_frames_drift_and_come_back() -> None:
    """The view moves a little, frame by frame, and after five seconds is where it began."""
    video = decoded(replace(CLIP, seconds=5.5).render())
    first = video.frames[0]
    reach = CLIP.moved(30)[0] // 4

    assert reach > 8
    assert difference(video.frames[30], first) > 2
    moved = ImageChops.offset(video.frames[30], reach, CLIP.moved(30)[1] // 4)
    inside = (40, 40, 792, 440)
    assert difference(moved.crop(inside), first.crop(inside)) < 1
    assert video.frames[120].tobytes() == first.tobytes()


def test_video_says_how_its_colours_are_meant() -> None:
    """Constrained Baseline, video range, BT.601: what every player knows."""
    video = decoded(replace(CLIP, seconds=0).render())

    assert video.profile == "Constrained Baseline"
    assert video.colour == (1, 6, 6, 6)


def test_file_says_where_it_comes_from() -> None:
    """The file's comment is the still's caption."""
    said = decoded(replace(CLIP, seconds=0).render()).metadata

    assert said["encoder"] == "leomock"
    assert json.loads(said["comment"]) == {
        "software": "leomock",
        "prompt": "a fox in the snow",
        "seed": 8,
        "index": 0,
    }


@pytest.mark.parametrize(
    ("size", "most"), [((832, 480), 450_000), ((1280, 720), 750_000), ((1920, 1080), 1_500_000)]
)
def test_video_stays_small(size: tuple[int, int], most: int) -> None:
    """Ten seconds of any scene stay below 1.5 MB, also in full HD."""
    for seed in range(10):
        still = replace(FOX, seed=seed, width=size[0], height=size[1])
        assert len(Video(still, 10, *size).render()) < most


def test_index_stands_before_the_samples() -> None:
    """A player can begin before it has the whole file."""
    file, found, at = CLIP.render(), [], 0
    while at < len(file):
        length, kind = struct.unpack_from(">I4s", file, at)
        found.append(kind)
        at += length

    assert found == [b"ftyp", b"moov", b"mdat"]
    assert at == len(file)


def test_bytes_are_the_same_in_every_process() -> None:
    """A video's bytes do not depend on the process or its hash seed."""
    video = Video(replace(FOX, width=128, height=96), 1, 128, 96)
    code = (
        "import hashlib\n"
        "from leomock.media.image import Picture\n"
        "from leomock.media.video import Video\n"
        f"print(hashlib.sha256({video!r}.render()).hexdigest())"
    )
    for hash_seed in ("1", "2"):
        said = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.split() == [hashlib.sha256(video.render()).hexdigest()]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (6, 1), (30, 20)])
def test_samples_survive_coding(share: float, size: tuple[int, int]) -> None:
    """Whichever macroblocks repeat their left neighbour, a decoder gets exactly the intended samples."""
    chance = random.Random(f"{share} {size}")
    columns, rows = size
    repeats = [[column > 0 and chance.random() < share for _ in range(rows)] for column in range(columns)]
    planes = []
    for side in (16, 8, 8):
        strips: list[list[bytes]] = []
        for column in range(columns):
            blocks = [bytes(chance.choices(range(16, 241), k=side * side)) for _ in range(rows)]
            for row in range(rows):
                if repeats[column][row]:
                    last = strips[-1][row][side - 1 :: side]
                    blocks[row] = b"".join(bytes((sample,)) * side for sample in last)
            strips.append(blocks)
        planes.append(strips)
    still = h264.Still(
        columns,
        rows,
        list(zip(*([b"".join(strip) for strip in strips] for strips in planes), strict=True)),
        repeats,
    )
    pixels = (columns * 16, rows * 16)
    parameters = h264.sequence_parameters(*pixels, 24), h264.picture_parameters()
    file = mp4.movie([h264.key_frame(still)], *parameters, pixels, 24, "")
    with opened(file) as container:
        frame = next(container.decode(video=0))
    for drawn, strips, side in zip(frame.planes, planes, (16, 8, 8), strict=True):
        shown = bytes(drawn)
        for row in range(rows * side):
            meant = b"".join(
                strips[column][row // side][row % side * side :][:side] for column in range(columns)
            )
            assert shown[row * drawn.line_size :][: drawn.width] == meant


def test_payload_hides_start_codes() -> None:
    """Two zeros are never followed by 0, 1, 2 or 3 inside a unit, whatever the payload."""
    unit = h264.unit(1, 0, bytes(9) + b"\0\0\1\0\0\2\0\0\3\0\0\4")

    assert all(bytes((0, 0, last)) not in unit for last in (0, 1, 2))
    assert unit[1:].replace(b"\0\0\3", b"\0\0") == bytes(9) + b"\0\0\1\0\0\2\0\0\3\0\0\4"
