"""Videos as bytes: a picture that drifts a little, as MP4 with H.264, in a few dozen kilobytes."""

import math
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageOps

from leomock.leonardo.basis import Chosen, based_on
from leomock.media import h264, mp4
from leomock.media.image import Picture, caption, overlay
from leomock.media.variation import Variation, flat

# How far the view drifts from where it began: a share of the shorter side, and at most so many pixels.
DRIFT, FURTHEST = 0.025, 14
# Seconds that the view takes to be back where it began.
ROUND = 5.0
# How many macroblocks may keep every sample: a share of all, within bounds, since each takes 384 bytes.
DETAILED, FEWEST_DETAILED, MOST_DETAILED = 0.28, 400, 1200
# How far, in grey steps on average, a macroblock may be from its smoothed means before it keeps its samples.
TOLERANCE = 1.2
# From a picture's full range to what video calls black and white, for brightness and colour.
LUMA = [round(16 + value * 219 / 255) for value in range(256)]
CHROMA = [round(128 + (value - 128) * 224 / 255) for value in range(256)]


@based_on(Chosen("24 frames a second, unless told otherwise: the real rates are not documented"))
@dataclass(frozen=True, slots=True)
class Video:
    """A video that begins with a still, cropped to cover `width` x `height` pixels, and drifts around in it.

    `width` and `height` are even, since H.264 knows no others in its usual colour format, up to 4096 x 2304.
    It lasts `seconds`, to the nearest frame, and has at least one frame.
    """

    still: Picture | Variation
    seconds: float
    width: int
    height: int
    frames_per_second: int = 24

    @property
    def media_type(self) -> str:
        """The type of the file."""
        return "video/mp4"

    def render(self) -> bytes:
        """Draw the still and code the frames: the same video always gives the same bytes, as pictures do."""
        drawing = self.still.draw()
        size = (self.width, self.height)
        drawing.image = ImageOps.fit(flat(drawing.image), size, Image.Resampling.BICUBIC)
        overlay(drawing)
        still = planes(drawing.image)
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
        """Where the view is at a frame: quarter pixels right and down of the still."""
        reach = 4 * min(DRIFT * min(self.width, self.height), FURTHEST)
        turn = math.tau * number / self.frames_per_second / ROUND
        return round(reach * math.sin(turn)), round(reach / 2 * (math.cos(turn) - 1))


def planes(image: Image.Image) -> h264.Planes:
    """Take an image apart for coding: brightness and colours, whole and averaged, and where detail is."""
    columns, rows = -(-image.width // 16), -(-image.height // 16)
    whole = Image.new("RGB", (columns * 16, rows * 16))
    # What cropping will hide is like what lies beside it, or its colour would bleed in.
    whole.paste(image.resize(whole.size, Image.Resampling.NEAREST))
    whole.paste(image, (0, 0))
    grey, blue, red = whole.convert("YCbCr").split()
    samples = (grey.point(LUMA), blue.point(CHROMA).reduce(2), red.point(CHROMA).reduce(2))
    means = (samples[0].reduce(4), samples[1].reduce(4), samples[2].reduce(4))
    lost = ImageChops.difference(samples[0], means[0].resize(whole.size, Image.Resampling.BICUBIC))
    # The means of macroblocks are small: times 16, whole numbers tell them apart.
    errors = lost.point([min(255, value * 16) for value in range(256)]).reduce(16).tobytes()
    order = sorted(range(len(errors)), key=errors.__getitem__, reverse=True)
    kept = order[: min(max(int(len(order) * DETAILED), FEWEST_DETAILED), MOST_DETAILED)]
    return h264.Planes(
        columns,
        rows,
        (samples[0].tobytes(), samples[1].tobytes(), samples[2].tobytes()),
        (means[0].tobytes(), means[1].tobytes(), means[2].tobytes()),
        frozenset(number for number in kept if errors[number] > TOLERANCE * 16),
    )
