"""Variations: images that are widened, upscaled or cut out, from PENDING to COMPLETE."""

from __future__ import annotations

import math
from typing import Literal

from leomock.leonardo.basis import Chosen, Inferred, SameAs, based_on
from leomock.leonardo.catalogue.prices import VARIATION, price
from leomock.leonardo.errors import NOT_ONE_IMAGE
from leomock.openapi.request_parser import Call
from leomock.operations.assets.keys import picture_keys
from leomock.operations.assets.lookup import (
    find_generated,
    generated_picture,
    uploaded_picture,
    variation_key,
    varied_picture,
)
from leomock.operations.registry import broken, operation
from leomock.state.clock import timestamp
from leomock.state.limits import IMAGES, UPSCALES, Queue
from leomock.state.table import Row
from leomock.state.world import World

Kind = Literal["UNZOOM", "UPSCALE", "NOBG", "UNIVERSAL"]

# The factor for width and height. UNZOOM's matches how media/variation.py draws it.
FACTORS: dict[Kind, float] = {"UNZOOM": 1.5, "UPSCALE": 2.0, "NOBG": 1.0}
MEGA = 1_000_000
# "Megapixels of the upscaled image, 20 at most": the limit of the pricing calculator.
MOST_MEGAPIXELS = 20
SOURCES = ("generatedImageId", "initImageId", "variationId")


@operation("createVariationUnzoom", basis=[SameAs("code:variation_row"), SameAs("code:price")])
def create_variation_unzoom(call: Call, world: World) -> Row:
    """Start to widen an image or a variation."""
    return _begin_variation(world, "UNZOOM", _image(call, world))


@operation("createVariationUpscale", basis=[SameAs("code:variation_row"), SameAs("code:price")])
def create_variation_upscale(call: Call, world: World) -> Row:
    """Start to upscale an image."""
    return _begin_variation(world, "UPSCALE", of_picture(world, call["id"], "id"), queue=UPSCALES)


@operation("createVariationNoBG", basis=[SameAs("code:variation_row"), SameAs("code:price")])
def create_variation_no_bg(call: Call, world: World) -> Row:
    """Start to remove the background of an image or a variation."""
    return _begin_variation(world, "NOBG", _image(call, world))


@operation(
    "CreateUniversalUpscalerJob",
    basis=[
        Inferred(
            "the price depends on the megapixels of the result, at most twenty, as in the pricing calculator"
        ),
        SameAs("code:price"),
    ],
)
def create_universal_upscaler_job(call: Call, world: World) -> Row:
    """Start the universal upscaler on an image, an uploaded image or a variation."""
    _check(call)
    if call.given("generatedImageId"):
        source = of_picture(world, call["generatedImageId"], "generatedImageId")
    elif call.given("variationId"):
        source = _of_variation(world, call["variationId"], "variationId")
    else:
        source = _of_upload(world, call["initImageId"], "initImageId")
    factor = call["upscaleMultiplier"]
    width, height = source["imageWidth"], source["imageHeight"]
    if call["ultraUpscaleStyle"]:
        size = {"inputWidth": width, "inputHeight": height, "upscaleMultiplier": factor}
        credits = price("UNIVERSAL_UPSCALER_ULTRA", size)
    else:
        megapixels = min(MOST_MEGAPIXELS, math.ceil(width * height * factor**2 / MEGA))
        credits = price("UNIVERSAL_UPSCALER", {"megapixel": megapixels})
    how = {"factor": factor, "creativity": call["creativityStrength"], "prompt": call["prompt"] or ""}
    return _begin_variation(world, "UNIVERSAL", source | how, credits, UPSCALES)


@operation(
    "getVariationById",
    basis=[
        Inferred(
            "an empty list for an id that does not exist, as Hasura returns for a query with a condition"
        )
    ],
)
def get_variation_by_id(call: Call, world: World) -> list[Row]:
    """Return the variation with this id in a list, or an empty list."""
    row = world.variations.get(call["id"])
    return [] if row is None else [shown_variation(row, world, call.addresses.cdn)]


@operation("getMotionVariationById", basis=[SameAs("operation:getVariationById")])
def get_motion_variation_by_id(call: Call, world: World) -> list[Row]:
    """Return the motion variation with this id in a list, or an empty list."""
    row = world.motion_variations.get(call["id"])
    return [] if row is None else [shown_variation(row, world, call.addresses.cdn)]


def shown_variation(row: Row, world: World, cdn: str) -> Row:
    """Return a row as the API shows it, which counts as a read: with a URL once it is COMPLETE."""
    world.jobs.was_read(row)
    return {**row, "url": f"{cdn}/{row['key']}"} if row["status"] == "COMPLETE" else row


@based_on(Chosen("they are deleted with the generation: what the real service does is not known"))
def remove_variations(world: World, generation: Row) -> None:
    """Remove the variations of a generation's images and of its video, with their jobs."""
    for id, _ in generation.get("variations", ()):
        world.remove(world.variations, id)
    for row in [row for row in world.motion_variations if row["source"] == generation["id"]]:
        world.remove(world.motion_variations, row["id"])


@based_on(SameAs("code:variation_row"))
def _begin_variation(
    world: World, kind: Kind, fields: Row, credits: int = VARIATION, queue: Queue = IMAGES
) -> Row:
    """Add a variation, start its job, and list it on the generated image."""
    row = variation_row(world, kind, fields, credits)
    world.begin(world.variations, row, credits, queue)
    show_on_picture(world, row)
    return {"id": row["id"], **world.account.cost(credits)}


@based_on(
    Chosen("UNZOOM multiplies width and height by 1.5, UPSCALE by 2: the real numbers are not documented"),
    Chosen("the universal upscaler's type is UPSCALE, the only one of the five types that fits"),
)
def variation_row(world: World, kind: Kind, fields: Row, credits: int) -> Row:
    """Return a row for `world.variations`.

    `fields` holds the source (see `_source`) and the settings, if they differ within a kind.
    """
    row: Row = {
        "factor": FACTORS.get(kind),
        "creativity": 0,
        **fields,
        "id": world.ids.new(),
        "createdAt": timestamp(world.clock.now()),
        "transformType": "UPSCALE" if kind == "UNIVERSAL" else kind,
        "kind": kind,
        "credits": credits,
    }
    for side in ("imageWidth", "imageHeight"):
        row[side] = round(row[side] * row["factor"])
    row["key"] = variation_key(world, row)
    return row


def show_on_picture(world: World, row: Row) -> None:
    """List a variation on the generated image that it was made from, if any."""
    if found := find_generated(world, row["generatedImageId"] or ""):
        generation, index = found
        # Always a new list: a snapshot may hold the old one.
        generation["variations"] = [*generation.get("variations", ()), [row["id"], index]]


# --- the source of a variation: fields of its row -------------------------------------------------------


def _image(call: Call, world: World) -> Row:
    """Return the source that `id` and `isVariation` name."""
    return (_of_variation if call["isVariation"] else of_picture)(world, call["id"], "id")


def of_picture(world: World, id: str, name: str) -> Row:
    """Return the fields of a variation's row about its source, a generated image."""
    generation, index = generated_picture(world, id, name)
    return _source(
        generation["imageWidth"],
        generation["imageHeight"],
        picture_keys(generation, world.user_id)[index],
        generatedImageId=id.lower(),
    )


def _of_variation(world: World, id: str, name: str) -> Row:
    """The variation belongs to the source of the first variation: a generated or uploaded image."""
    row = varied_picture(world, id, name)
    return _source(
        row["imageWidth"],
        row["imageHeight"],
        row["key"],
        variationId=row["id"],
        generatedImageId=row["generatedImageId"],
        initImageId=row["initImageId"],
    )


def _of_upload(world: World, id: str, name: str) -> Row:
    from leomock.media.variation import size

    width, height = size(uploaded_picture(world, id, name).body)
    return _source(width, height, "", initImageId=id.lower())


def _source(width: int, height: int, key: str, **ids: str | None) -> Row:
    return {**dict.fromkeys(SOURCES), **ids, "imageWidth": width, "imageHeight": height, "sourceKey": key}


# --- rules about two variables --------------------------------------------------------------------------


@based_on(
    Inferred(
        "the default style does not conflict with an ultra style, since the official SDKs send it with "
        "every call"
    )
)
def _check(call: Call) -> None:
    """Reject what the parameters' descriptions forbid, even if each value is valid by itself."""
    given = [name for name in SOURCES if call.given(name)]
    if len(given) != 1:
        raise NOT_ONE_IMAGE(
            names=", ".join(SOURCES),
            explain=f"CreateUniversalUpscalerJob works on one image; given: {', '.join(given) or 'none'}",
        )
    if call["ultraUpscaleStyle"]:
        if call["upscalerStyle"] != call.operation.defaults["upscalerStyle"]:
            raise broken(call, "upscalerStyle can not be used with ultraUpscaleStyle")
        return
    for name in ("detailContrast", "similarity"):
        if call.given(name):
            raise broken(call, f"{name} can only be used with ultraUpscaleStyle")
