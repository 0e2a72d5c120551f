"""The realtime canvas: pictures from a sketch, answered at once as data URLs."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from leomock.catalogue.prices import price
from leomock.operations import operation
from leomock.pictures import picture_keys
from leomock.resources.generations import LARGEST_SEED, generation_row
from leomock.spec.parse import Call
from leomock.state.clock import timestamp
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.rendering.image import Picture

# How much a call may change the sketch, where it does not say; 1 is all of it.
STRENGTH = 0.7
# How much larger the alchemy upscale makes a picture.
UPSCALE = 2


@operation("createLCMGeneration")
def create_lcm_generation(call: Call, world: World) -> Row:
    """A picture from a sketch.

    Basis: as resources.realtime_canvas._picture.
    Basis: as catalogue.prices.price.
    """
    return _answer(call, world, [_picture(call, world).render()])


@operation("performInstantRefine")
def perform_instant_refine(call: Call, world: World) -> Row:
    """A picture from a sketch, refined.

    Basis: as resources.realtime_canvas._picture.
    Basis: as catalogue.prices.price.
    """
    return _answer(call, world, [_picture(call, world).render()], instantRefine=True)


@operation("performInpaintingLCM")
def perform_inpainting_lcm(call: Call, world: World) -> Row:
    """A sketch with something painted where the mask is white.

    Basis: as resources.realtime_canvas._picture.
    Basis: as catalogue.prices.price.
    """
    from leomock.rendering.inpaint import Inpainted

    mask = _image(call, "maskDataUrl")
    return _answer(call, world, [Inpainted(_picture(call, world), mask).render()])


@operation("performAlchemyUpscaleLCM")
def perform_alchemy_upscale_lcm(call: Call, world: World) -> Row:
    """A sketch made larger; the result stays, as a picture of a finished generation with its variation.

    Basis: chosen; the result is a picture of a finished generation and a variation of it, since the answer
    names all three, and twice as wide and high as the sketch.

    Basis: as catalogue.prices.price.
    """
    from leomock.rendering.variation import Variation

    picture = _picture(call, world)
    larger = Variation(picture, "UPSCALE", UPSCALE)
    content = larger.render()
    answer = _answer(call, world, [content], refine=True)
    row = generation_row(
        world,
        prompt=call["prompt"],
        seed=picture.seed,
        imageWidth=picture.width * UPSCALE,
        imageHeight=picture.height * UPSCALE,
        status="COMPLETE",
        credits=answer["credits"],
    )
    world.generations.add(row)
    image_id = world.ids.parts(row["id"], 1)[0]
    variation = world.variations.add(
        {
            "id": world.ids.new(),
            "createdAt": timestamp(world.clock.now()),
            "status": "COMPLETE",
            "transformType": "UPSCALE",
            "key": picture_keys(row, world.user_id)[0],
        }
    )
    row["variations"] = [[variation["id"], 0]]
    world.bucket.keep(variation["key"], content, larger.media_type)
    return {
        **answer,
        "generationId": [row["id"]],
        "variationId": [variation["id"]],
        "generatedImageId": image_id,
    }


def _picture(call: Call, world: World) -> Picture:
    """The picture that a call asks for, before it is made larger or kept to a mask.

    Basis: chosen; a call that tells no strength changes seven tenths of the sketch.
    """
    from leomock.rendering.image import Picture

    strength = STRENGTH if call["strength"] is None else call["strength"]
    return Picture(
        prompt=call["prompt"],
        seed=world.random.randrange(LARGEST_SEED) if call["seed"] is None else call["seed"],
        index=0,
        width=call["width"],
        height=call["height"],
        init=_image(call, "imageDataUrl"),
        init_strength=1 - strength,
        label=call["style"] or "LCM",
    )


def _image(call: Call, name: str) -> bytes:
    """The bytes of a data URL.

    Basis: chosen; what is no base64 counts as a picture that cannot be read, and the result is drawn without
    it.
    """
    try:
        return base64.b64decode(call[name].partition(",")[2])
    except binascii.Error:
        return b""


def _answer(call: Call, world: World, pictures: list[bytes], **kind: bool) -> Row:
    """The answer to a call, once it is paid for.

    Basis: chosen; a call that tells no `requestTimestamp` gets the time in milliseconds.
    """
    credits = price("LCM_GENERATION", {"width": call["width"], "height": call["height"], **kind})
    world.account.spend(credits)
    return {
        "imageDataUrl": [f"data:image/jpeg;base64,{base64.b64encode(each).decode()}" for each in pictures],
        "requestTimestamp": call["requestTimestamp"] or str(int(world.clock.now() * 1000)),
        "credits": credits,
        **world.account.cost(credits),
    }
