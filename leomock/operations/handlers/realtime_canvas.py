"""The realtime canvas: images from a sketch, answered at once as data URLs."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Evidence, SameAs, based_on
from leomock.leonardo.catalogue.prices import price
from leomock.media import Renderable
from leomock.openapi.request_parser import Call
from leomock.operations.assets.drawing import drawn_variation
from leomock.operations.assets.keys import reference_key
from leomock.operations.assets.resolver import render_cached
from leomock.operations.assets.upload_content import no_image
from leomock.operations.handlers.generations import LARGEST_SEED, generation_row
from leomock.operations.handlers.variations import of_picture, show_on_picture, variation_row
from leomock.operations.late import late
from leomock.operations.registry import operation
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media.image import Picture

# How much a call changes the sketch by default; 1 replaces it completely.
STRENGTH = 0.7


@operation("createLCMGeneration", basis=[SameAs("code:_shown_share"), SameAs("code:price")])
def create_lcm_generation(call: Call, world: World) -> Row:
    """Generate an image from a sketch."""
    return _answer(call, world, _picture(call, world), _paid(call, world))


@operation("performInstantRefine", basis=[SameAs("code:_shown_share"), SameAs("code:price")])
def perform_instant_refine(call: Call, world: World) -> Row:
    """Generate a refined image from a sketch."""
    return _answer(call, world, _picture(call, world), _paid(call, world, instantRefine=True))


@operation("performInpaintingLCM", basis=[SameAs("code:_shown_share"), SameAs("code:price")])
def perform_inpainting_lcm(call: Call, world: World) -> Row:
    """Paint into a sketch where the mask is white."""
    from leomock.media.inpaint import Inpainted

    mask = _image(call, "maskDataUrl")
    return _answer(call, world, Inpainted(_picture(call, world), mask), _paid(call, world))


@operation(
    "performAlchemyUpscaleLCM",
    basis=[
        Chosen(
            "the result is an upscale of the picture of a finished generation, since the response contains "
            "ids of all three"
        ),
        SameAs("code:_shown_share"),
        SameAs("code:variation_row"),
        SameAs("code:price"),
    ],
)
def perform_alchemy_upscale_lcm(call: Call, world: World) -> Row:
    """Upscale an image from a sketch; both stay, as a finished generation and its variation."""
    credits = _paid(call, world, refine=True)
    row = generation_row(
        world,
        prompt=call["prompt"],
        seed=call["seed"],
        imageWidth=call["width"],
        imageHeight=call["height"],
        initStrength=_shown_share(call),
        status="COMPLETE",
        credits=credits,
    )
    row["reference"] = reference_key(world, row)
    world.bucket.keep(row["reference"], _image(call, "imageDataUrl"), "image/jpeg")
    world.generations.add(row)
    (image_id,) = world.ids.parts(row["id"], 1)
    larger = variation_row(world, "UPSCALE", of_picture(world, image_id, "id"), credits)
    world.variations.add({**larger, "status": "COMPLETE"})
    show_on_picture(world, larger)
    return {
        **_answer(call, world, drawn_variation(world, larger), credits),
        "generationId": [row["id"]],
        "variationId": [larger["id"]],
        "generatedImageId": image_id,
    }


def _picture(call: Call, world: World) -> Picture:
    """Return the image of a call, before the mask is applied."""
    from leomock.media.image import Picture

    return Picture(
        prompt=call["prompt"],
        seed=world.random.randrange(LARGEST_SEED) if call["seed"] is None else call["seed"],
        index=0,
        width=call["width"],
        height=call["height"],
        init=_image(call, "imageDataUrl"),
        init_strength=_shown_share(call),
        label=call["style"] or "LCM",
    )


@based_on(Chosen("without a strength, a call changes seven tenths of the sketch"))
def _shown_share(call: Call) -> float:
    """Return the visible share of the sketch in the result, 0 to 1: what the strength leaves unchanged."""
    strength: float = STRENGTH if call["strength"] is None else call["strength"]
    return round(1 - strength, 9)


@based_on(Chosen("invalid base64 counts as an unreadable picture, and the result is drawn without it"))
def _image(call: Call, name: str) -> bytes:
    """Return the bytes of a data URL."""
    try:
        content = base64.b64decode(call[name].partition(",")[2])
    except ValueError:  # also raised for text that is not ASCII
        content = b""
    if why := no_image(content):
        call.explain = f"{name}: {why}"
    return content


def _paid(call: Call, world: World, **kind: bool) -> int:
    """Charge a call and return its price in credits."""
    credits = price("LCM_GENERATION", {"width": call["width"], "height": call["height"], **kind})
    world.account.spend(credits)
    return credits


@based_on(
    Evidence("realtime-canvas-timestamp-number"),
    Chosen("a number comes back as a text, and a call without one gets the time in milliseconds"),
)
def _answer(call: Call, world: World, picture: Renderable, credits: int) -> Row:
    """Return the answer to a paid call; the image is rendered later."""
    owner = world.user_id

    def data_url() -> str:
        return f"data:image/jpeg;base64,{base64.b64encode(render_cached(picture, owner)).decode()}"

    return {
        "imageDataUrl": [late(call, data_url)],
        "requestTimestamp": str(call["requestTimestamp"] or int(world.clock.now() * 1000)),
        **world.account.cost(credits),
    }
