"""Videos: made from a prompt or an image; each is a generation whose image is the still."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from leomock.leonardo.basis import Chosen, Documented, Evidence, Inferred, SameAs, based_on
from leomock.leonardo.catalogue.prices import price, price_v2
from leomock.leonardo.catalogue.retirements import retirement_in_version_1, retirement_note
from leomock.leonardo.catalogue.v2 import find_model_v2
from leomock.leonardo.errors import NO_MOTION_SOURCE, OUT_OF_LIMITS, RETIRED_VIDEO_MODEL
from leomock.openapi.request_parser import Call
from leomock.operations.assets.keys import SVD
from leomock.operations.assets.lookup import (
    find_generated,
    find_uploaded,
    find_variation,
    generated_picture,
    uploaded_picture,
)
from leomock.operations.handlers.generations import LARGEST_SEED, generation_row
from leomock.operations.registry import broken, operation
from leomock.state.table import Row
from leomock.state.world import World

# Pixels of a landscape video; a portrait video swaps them.
SIZES = {"RESOLUTION_480": (832, 480), "RESOLUTION_720": (1280, 720), "RESOLUTION_1080": (1920, 1080)}
DEFAULT_RESOLUTION = "RESOLUTION_480"
VEO3 = ("VEO3", "VEO3FAST", "VEO3_0")
VEO3_1 = ("VEO3_1", "VEO3_1FAST")
VEO = (*VEO3, *VEO3_1)
# Seconds that a model accepts; the first is the default.
CHOICES = {**dict.fromkeys(VEO, (8, 4, 6)), "KLING2_5": (5, 10), "Kling2_5": (5, 10)}
# Models that accept an end frame. With one, Veo 3.1 makes eight seconds.
END_FRAME = ("KLING2_1", *VEO3_1)
END_FRAME_SECONDS = 8
# The names in version 2 of models that cost the same there.
IN_VERSION_2 = {
    "MOTION2": "motion_2.0",
    "MOTION2FAST": "motion_2.0-fast",
    "VEO3_1": "veo-3.1-generate-001",
    "VEO3_1FAST": "veo-3.1-fast-generate-001",
    "KLING2_5": "kling-2.5",
    "Kling2_5": "kling-2.5",
}
# Models with a fixed length.
SECONDS = 5
SVD_SECONDS = 4
SVD_SIZE = (1024, 576)
MOTION2 = ("MOTION2", "MOTION2FAST")
# A video takes this many times longer than an image.
SLOW = 10
# The visible share of the source image in a video.
SOURCE_SHOWS = 0.9


@operation(
    "createTextToVideoGeneration",
    basis=[SameAs("code:_size"), SameAs("code:_seconds"), SameAs("code:_started"), SameAs("code:price")],
)
def create_text_to_video_generation(call: Call, world: World) -> Row:
    """Start a video from a prompt."""
    return _begin_video(call, world, {})


@operation(
    "createImageToVideoGeneration",
    basis=[
        SameAs("code:_begin_video"),
        SameAs("code:_size"),
        SameAs("code:_seconds"),
        SameAs("code:_started"),
        SameAs("code:price"),
    ],
)
def create_image_to_video_generation(call: Call, world: World) -> Row:
    """Start a video from a generated or uploaded image."""
    source = _source(world, call["imageId"], call["imageType"], "imageId")
    if end := call["endFrameImage"]:
        if call["model"] not in END_FRAME:
            raise broken(call, f"endFrameImage is supported only on {', '.join(END_FRAME)}")
        _source(world, end["id"], end["type"], "endFrameImage.id")
    return _begin_video(call, world, source)


@operation(
    "createSVDMotionGeneration",
    basis=[
        Evidence("motion-nulls"),
        Evidence("motion-size"),
        Chosen("its video lasts four seconds"),
        SameAs("code:_started"),
        SameAs("code:price"),
    ],
)
def create_svd_motion_generation(call: Call, world: World) -> Row:
    """Start a video from an image without a prompt; the flags name the type of the image."""
    find: Callable[[World, str], object]
    if call["isInitImage"]:
        find, field = find_uploaded, "init_image_id"
    elif call["isVariation"]:
        find, field = find_variation, "init_variation_id"
    else:
        find, field = find_generated, "init_generation_image_id"
    if find(world, call["imageId"]) is None:
        raise NO_MOTION_SOURCE(
            explain="createSVDMotionGeneration: imageId is not a finished picture of this API key; "
            "isInitImage and isVariation say that it is an uploaded one or a variation"
        )
    width, height = SVD_SIZE
    row = _row(
        world,
        prompt="",
        imageWidth=width,
        imageHeight=height,
        **dict.fromkeys(("negativePrompt", "guidanceScale", "inferenceSteps", "scheduler", "sdVersion")),
        public=call["isPublic"] or False,
        motionModel=SVD,
        motionStrength=call["motionStrength"] or 5,
        seconds=SVD_SECONDS,
        imageToVideo=True,
        initStrength=SOURCE_SHOWS,
        credits=price("MOTION_SVD_GENERATION", {}),
        **{field: call["imageId"]},
    )
    return _started(world, row)


@based_on(Chosen("a video shows nine tenths of its source image"))
def _begin_video(call: Call, world: World, source: Mapping[str, str]) -> Row:
    """Start a video with a model that takes a prompt."""
    model: str = call["model"] or "MOTION2"
    if retired := retirement_in_version_1(model, world.settings.as_of):
        raise RETIRED_VIDEO_MODEL(
            model=model, explain=f"{call.operation.id}: model is {model}, {retirement_note(retired)}"
        )
    if call["elements"] and model not in MOTION2:
        raise broken(call, "elements are supported only on Motion 2.0")
    if model in MOTION2 and call.given("seed") and call["seed"] > LARGEST_SEED:
        raise OUT_OF_LIMITS(
            rule=f"seed must be between 0 and {LARGEST_SEED}",
            explain=f"{call.operation.id}: Motion 2.0 takes seeds up to {LARGEST_SEED}",
        )
    resolution: str = call["resolution"] or ("RESOLUTION_720" if model in VEO3_1 else DEFAULT_RESOLUTION)
    width, height = _size(call, resolution)
    row = _row(
        world,
        prompt=call["prompt"],
        negativePrompt=call["negativePrompt"] or "",
        imageWidth=width,
        imageHeight=height,
        seed=call["seed"],
        public=call["isPublic"] or False,
        motionModel=model,
        seconds=_seconds(call, model),
        imageToVideo=bool(source),
        **({"initStrength": SOURCE_SHOWS, **source} if source else {}),
        **({"elements": call["elements"]} if call["elements"] else {}),
    )
    row["credits"] = _price(model, row, resolution)
    return _started(world, row)


@based_on(
    Documented("guides Veo 3.1 and Veo 3.1 Fast: 1070, 1605, 2140 and 546, 819, 1092 credits for 4, 6, 8 s"),
    Inferred("Motion 2.0 and Kling 2.5 cost the same in both versions"),
)
def _price(model: str, row: Row, resolution: str) -> int:
    """Return the price of a video in credits."""
    if in_version_2 := find_model_v2(IN_VERSION_2.get(model, ""), ""):
        return price_v2(in_version_2, row, {})
    service = "VEO3_MOTION_VIDEO_GENERATION" if model in VEO3 else "MOTION_VIDEO_GENERATION"
    return price(service, {"resolution": resolution})


def _row(world: World, **fields: Any) -> Row:
    return generation_row(world, motion=True, **fields)


@based_on(Chosen("a video takes ten times as long as an image, and uses one of the image slots"))
def _started(world: World, row: Row) -> Row:
    """Start the job of a video, and return the answer."""
    world.begin(world.generations, row, row["credits"], slow=SLOW)
    return {"generationId": row["id"], **world.account.cost(row["credits"])}


def _source(world: World, id: str, kind: str, name: str) -> dict[str, str]:
    """Return the row's fields about the source image of a video. Raises an error if it does not exist."""
    if kind == "UPLOADED":
        uploaded_picture(world, id, name)
        return {"init_image_id": id}
    generated_picture(world, id, name)
    return {"init_generation_image_id": id}


@based_on(
    Documented("VEO3, VEO3FAST and KLING2_5 offer a choice of durations"),
    Inferred("KLING2_5 also offers it for videos from a prompt"),
    Documented("guides Veo 3.1 and Veo 3.1 Fast: a video with an end frame has eight seconds"),
    Chosen("videos of other models last five seconds, regardless of the requested duration"),
)
def _seconds(call: Call, model: str) -> int:
    """Return the length of the video in seconds."""
    allowed = CHOICES.get(model)
    if allowed is None:
        return SECONDS
    if model in VEO3_1 and call.get("endFrameImage"):
        return END_FRAME_SECONDS
    seconds: int = call["duration"] if call.given("duration") else allowed[0]
    if seconds not in allowed:
        raise broken(call, f"duration must be one of {', '.join(map(str, sorted(allowed)))} for {model}")
    return seconds


@based_on(
    Chosen(
        "each resolution has the usual number of pixels, since the documents only say that it varies with "
        "the model; odd sides lose a pixel, and one side without the other is ignored"
    )
)
def _size(call: Call, resolution: str) -> tuple[int, int]:
    """Return the requested size, made even as video requires; otherwise that of the resolution."""
    width, height = SIZES[resolution]
    if bool(call["width"]) != bool(call["height"]):
        call.explain = f"{call.operation.id}: width and height only count together; one alone was ignored"
    if call["width"] and call["height"]:
        width, height = call["width"], call["height"]
    return width - width % 2, height - height % 2
