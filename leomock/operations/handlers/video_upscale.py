"""Video upscaling: a variation of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, SameAs
from leomock.leonardo.catalogue.prices import UPSCALED_VIDEO
from leomock.leonardo.errors import NO_VIDEO
from leomock.openapi.request_parser import Call
from leomock.operations.assets.drawing import video
from leomock.operations.assets.keys import result_stem
from leomock.operations.assets.resolver import cdn_path
from leomock.operations.handlers.videos import SIZES, SLOW
from leomock.operations.registry import operation
from leomock.state.clock import timestamp
from leomock.state.limits import UPSCALES
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media.video import Video


@operation(
    "createVideoUpscale",
    basis=[
        Chosen("it takes as long as a video, and keeps the video's orientation"),
        Chosen("the URL of the result"),
        SameAs("code:price"),
    ],
)
def create_video_upscale(call: Call, world: World) -> Row:
    """Start the upscaling of a finished video; GET /motion-variations/{id} shows the progress."""
    source = world.generations.get(call["sourceGenerationId"].lower())
    if source is None or "seconds" not in source or source["status"] != "COMPLETE":
        raise NO_VIDEO(
            explain="createVideoUpscale: sourceGenerationId is not the id of a finished video of this API key"
        )
    id = world.ids.new()
    row = {
        "id": id,
        "createdAt": timestamp(world.clock.now()),
        "motionTransformType": "UPSCALE",
        "resolution": call["resolution"],
        "source": source["id"],
        "key": f"users/{world.user_id}/motion-variations/{id}/{result_stem(source)}_{id}_0.mp4",
        "credits": UPSCALED_VIDEO,
    }
    world.begin(world.motion_variations, row, UPSCALED_VIDEO, UPSCALES, SLOW)
    return {"generationId": source["id"], "variationId": id, **world.account.cost(UPSCALED_VIDEO)}


@cdn_path("users/{user}/motion-variations/{id}/{name}")
def upscaled_video(world: World, id: str, name: str) -> Video | None:
    """Return the video of a finished upscale."""
    row = world.motion_variations.get(id)
    source = world.generations.get(row["source"]) if row else None
    if row is None or source is None or row["status"] != "COMPLETE" or not row["key"].endswith(f"/{name}"):
        return None
    width, height = SIZES[row["resolution"]]
    if source["imageHeight"] > source["imageWidth"]:
        width, height = height, width
    return video(world, source, width, height)
