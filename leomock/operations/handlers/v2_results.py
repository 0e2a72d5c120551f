"""Version 2 results: type, size, number and length, from the model and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from leomock.leonardo.basis import Chosen, Documented, based_on
from leomock.leonardo.catalogue.v2 import Kind, ModelV2
from leomock.operations.handlers.v2_references import shown_reference
from leomock.operations.handlers.videos import SECONDS
from leomock.state.table import Row

if TYPE_CHECKING:
    from leomock.media.variation import Source

Given = Mapping[str, Any]
Size = tuple[int, int]

# The default side of an image, in pixels, if neither the call nor the model gives one.
SIDE = 1024
# The length of a sound in seconds, and the maximum, if the model has no limit.
SOUND_SECONDS = 10
MOST_SECONDS = 60
CREATIVITIES = {"low": 2, "mid": 5, "high": 8}
# The maximum pixels of a cut-out, by its size (guide of remove-bg).
_MOST_PIXELS = {"preview": 250_000, "50MP": 50_000_000}
_USUAL_PIXELS = 25_000_000
_FORMATS = {"jpg": "jpg", "jpeg": "jpg", "png": "png", "webp": "webp", "auto": "png", "zip": "png"}


class Wanted(NamedTuple):
    """The model and the parameters of a call, and its source image, if any."""

    model: ModelV2
    given: Given
    before: Callable[[], Source | None]

    def value(self, name: str) -> Any:
        """Return a parameter: as sent, else the model's default, else None."""
        if self.given.get(name) is not None:
            return self.given[name]
        return self.model.entry.get("parameters", {}).get(name, {}).get("default")

    def size(self) -> Size:
        """Return the requested size. 0x0 or no size means the size of the reference, if any."""
        width, height = self.given.get("width"), self.given.get("height")
        if width and height:
            return _whole(width, SIDE), _whole(height, SIDE)
        follows = (width, height) == (0, 0) or self.model.kind == "video"
        if follows and (before := self.size_before()):
            return before
        usual = self._usual()
        return _whole(width or usual[0], usual[0]), _whole(height or usual[1], usual[1])

    def _usual(self) -> Size:
        wanted = str(self.value("resolution") or self.value("mode") or "").lower()
        rows = self.model.entry.get("sizes", {})
        for name, row in rows.items():
            digits = name.lower().rstrip("p")
            if digits and digits in wanted and row[0] != [0, 0]:
                return row[0][0], row[0][1]
        width, height = self.value("width"), self.value("height")
        if width and height:
            return _whole(width, SIDE), _whole(height, SIDE)
        if self.model.kind == "video":
            return next((size for size in self.model.sizes if size != (0, 0)), (1280, 720))
        return SIDE, SIDE

    def size_before(self) -> Size | None:
        """Return the size of the reference, if it is known."""
        from leomock.media.variation import size

        before = self.before()
        return None if before is None else size(before)

    def seconds(self, usual: float) -> float:
        """Return the length of a result in seconds."""
        value = self.value("duration")
        if value is None and (minutes := self.value("duration_minutes")) is not None:
            value = minutes * 60
        try:
            seconds = float(value if value is not None else usual)
        except (TypeError, ValueError):
            return usual
        return seconds if 0 < seconds <= MOST_SECONDS * 10 else usual


def _whole(value: Any, usual: int) -> int:
    """Return a side in whole pixels; the default if an open model received anything else."""
    try:
        return int(value) if 0 < int(value) <= 16384 else usual
    except (TypeError, ValueError, OverflowError):
        return usual


@based_on(
    Documented("the table of sizes of each model; 0x0 follows the reference"),
    Chosen("without a size, a video gets the first size of its resolution in the table"),
)
def result_fields(wanted: Wanted) -> Row:
    """Return the fields of a row that describe the results of the generation."""
    return _MAKES[wanted.model.kind](wanted)


def _image(wanted: Wanted) -> Row:
    width, height = wanted.size()
    row: Row = {"imageWidth": width, "imageHeight": height}
    if wanted.given.get("output_format") == "png":
        row["outputFormat"] = "png"
    if wanted.given.get("transparency") is True:
        row["transparency"] = "foreground_only"
    return row


def _video(wanted: Wanted) -> Row:
    width, height = wanted.size()
    return {
        # Video sizes are even.
        "imageWidth": max(2, width - width % 2),
        "imageHeight": max(2, height - height % 2),
        "motion": True,
        "motionModel": wanted.model.motion_model,
        "imageToVideo": shown_reference(wanted.given) is not None,
        "seconds": wanted.seconds(SECONDS),
    }


def _mesh(wanted: Wanted) -> Row:
    return {"mesh": True}


def _sound(wanted: Wanted) -> Row:
    return {"sound": wanted.seconds(SOUND_SECONDS)}


def _upscaled(wanted: Wanted) -> Row:
    from leomock.media.variation import LONGEST_SIDE

    width, height = wanted.size_before() or wanted.size()
    factor = min(wanted.given.get("upscale_factor", 2), LONGEST_SIDE / max(width, height))
    return {
        "imageWidth": round(width * factor),
        "imageHeight": round(height * factor),
        "variation": "UNIVERSAL",
        "factor": factor,
        "creativity": CREATIVITIES.get(wanted.given.get("creativity", ""), 1),
    }


def _cut_out(wanted: Wanted) -> Row:
    width, height = wanted.size_before() or (SIDE, SIDE)
    most = _MOST_PIXELS.get(wanted.given.get("size", ""), _USUAL_PIXELS)
    if (pixels := width * height) > most:
        width, height = (max(1, int(side * (most / pixels) ** 0.5)) for side in (width, height))
    format = _FORMATS.get(str(wanted.given.get("format", "png")).lower(), "png")
    return {
        "imageWidth": width,
        "imageHeight": height,
        "variation": "NOBG",
        "factor": 1,
        "creativity": 0,
        "outputFormat": format,
    }


_MAKES: dict[Kind, Callable[[Wanted], Row]] = {
    "image": _image,
    "video": _video,
    "mesh": _mesh,
    "sound": _sound,
    "upscaler": _upscaled,
    "cutout": _cut_out,
}
