"""Videos as bytes: an image that drifts slightly, as MP4 with H.264, in a few dozen kilobytes."""

import math
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageOps

from leomock.leonardo.basis import Chosen, based_on
from leomock.media import h264, mp4
from leomock.media.image import caption
from leomock.media.plate import Drawing, overlay
from leomock.media.variation import Drawable, flat

# How far the view drifts from its start: a share of the shorter side, and at most this many pixels.
DRIFT, FURTHEST = 0.025, 14
# Seconds until the view returns to its start.
ROUND = 5.0
# How far a sample may differ from its left neighbour's prediction, in steps of 256, without counting.
UNSEEN = 4
# From an image's full range to the video range, for brightness and colour.
LUMA = [round(16 + value * 219 / 255) for value in range(256)]
CHROMA = [round(128 + (value - 128) * 224 / 255) for value in range(256)]
# The weight of a difference. If the mean over 256 samples is less than a half, it is invisible.
COUNTS = [0 if value <= UNSEEN else min(255, 24 * (value - UNSEEN) ** 2) for value in range(256)]


@based_on(Chosen("24 frames a second by default: the real rates are not documented"))
@dataclass(frozen=True, slots=True)
class Video:
    """A video that begins with a still, cropped to cover `width` x `height` pixels, and drifts around in it.

    `width` and `height` are even, since H.264 knows no others in its usual colour format, up to 4096 x 2304.
    It lasts `seconds`, rounded to a frame, and has at least one frame.
    """

    still: Drawable
    seconds: float
    width: int
    height: int
    frames_per_second: int = 24

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return "video/mp4"

    def render(self) -> bytes:
        """Draw the still and code the frames: the same video always gives the same bytes, as images do."""
        return self._encode(self.still.draw())

    def _encode(self, drawing: Drawing) -> bytes:
        size = (self.width, self.height)
        image = flat(drawing.image)
        drawing.image = image if image.size == size else ImageOps.fit(image, size, Image.Resampling.BICUBIC)
        overlay(drawing)
        still = still_of(drawing.image)
        count = min(max(1, round(self.seconds * self.frames_per_second)), h264.MOST_FRAMES)
        frames = [h264.key_frame(still)]
        for number in range(1, count):
            frames.append(h264.moved_frame(still.columns, still.rows, number, self.moved(number)))
        return mp4.movie(
            frames,
            h264.sequence_parameters(*size, self.frames_per_second),
            h264.picture_parameters(),
            size,
            self.frames_per_second,
            caption(drawing),
        )

    def moved(self, number: int) -> tuple[int, int]:
        """Return the position of the view at a frame, in quarter pixels right and down of the still."""
        reach = 4 * min(DRIFT * min(self.width, self.height), FURTHEST)
        turn = math.tau * number / self.frames_per_second / ROUND
        return round(reach * math.sin(turn)), round(reach / 2 * (math.cos(turn) - 1))


def still_of(image: Image.Image) -> h264.Still:
    """Split an image into planes for coding, and find macroblocks that may repeat their left neighbour."""
    columns, rows = -(-image.width // 16), -(-image.height // 16)
    size = (columns * 16, rows * 16)
    if image.size != size:
        # The area that cropping will hide resembles the pixels next to it.
        whole = image.resize(size, Image.Resampling.NEAREST)
        whole.paste(image, (0, 0))
        image = whole
    samples = image.convert("YCbCr").point(LUMA + CHROMA * 2)
    luma, blue, red = samples.split()
    strips = [_strips(luma, 16), _strips(blue.reduce(2), 8), _strips(red.reduce(2), 8)]
    return h264.Still(columns, rows, list(zip(*strips, strict=True)), _repeats_left(samples))


def _strips(plane: Image.Image, side: int) -> list[bytes]:
    """Cut a plane into columns as wide as a macroblock; the bytes of a column go macroblock by macroblock."""
    return [plane.crop((x, 0, x + side, plane.height)).tobytes() for x in range(0, plane.width, side)]


def _repeats_left(samples: Image.Image) -> list[list[bool]]:
    """Choose the macroblocks, column by column, that repeat the last column of their left neighbour."""
    height, rows = samples.height, samples.height // 16
    shown = samples.crop((15, 0, 16, height))  # the last column that a decoder has so far
    found = [[False] * rows]
    for x in range(16, samples.width, 16):
        strip = samples.crop((x, 0, x + 16, height))
        lost = ImageChops.difference(strip, shown.resize(strip.size, Image.Resampling.NEAREST))
        worst = lost.point(COUNTS * 3).reduce(16).tobytes()
        repeats = [worst[at : at + 3] == b"\0\0\0" for at in range(0, 3 * rows, 3)]
        found.append(repeats)
        kept = Image.frombytes("L", (1, rows), bytes(0 if each else 255 for each in repeats))
        shown.paste(
            strip.crop((15, 0, 16, height)), (0, 0), kept.resize((1, height), Image.Resampling.NEAREST)
        )
    return found
