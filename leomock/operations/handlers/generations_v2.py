"""Generations of version 2: pictures, videos, sounds and meshes by any model; version 1 reads them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from leomock.leonardo.basis import Chosen, Observed
from leomock.leonardo.catalogue import (
    QUALITY_FOR_MODE,
    Kind,
    ModelV2,
    is_retired,
    models_v2,
    platform_models,
    schema_v2,
)
from leomock.leonardo.catalogue.prices import price_v2
from leomock.leonardo.errors import ApiError, invalid
from leomock.openapi.parameters import Parameters
from leomock.openapi.request_parser import Call
from leomock.openapi.suggest import suggestion
from leomock.operations.assets.drawing import drawn, origin
from leomock.operations.assets.keys import picture_keys, reference_key
from leomock.operations.assets.lookup import find_generated, find_uploaded, find_variation
from leomock.operations.assets.resolver import render_cached, resolve_for
from leomock.operations.handlers.generations import DEFAULT_SD_VERSION, generation_row
from leomock.operations.handlers.videos import DEFAULT_RESOLUTION, SECONDS, SIZES, SLOW, SOURCE_SHOWS
from leomock.operations.registry import operation
from leomock.state.bucket.storage import StoredObject
from leomock.state.limits import IMAGES, MODELS_3D, UPSCALES, Queue
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media.variation import Source

# The only model that answers at once (documented).
SYNCHRONOUS = "remove-bg"
# How long the link to an ephemeral result leads anywhere, in seconds (documented).
EPHEMERAL = 30 * 60
# Of pictures, where the call says nothing (chosen: that of the documented example).
SIDE = 1024
# Seconds of sounds, and the most of anything that lasts (chosen).
SOUND_SECONDS = 10
MOST_SECONDS = 60
# How much of the first reference a picture shows (chosen).
STRENGTHS = {"LOW": 0.2, "MID": 0.4, "HIGH": 0.6, "ULTRA": 0.75, "MAX": 0.9}
CREATIVITIES = {"low": 2, "mid": 5, "high": 8}
QUEUES: dict[Kind, Queue] = {"mesh": MODELS_3D, "upscaler": UPSCALES}

Given = Mapping[str, Any]


@operation(
    "createGenerationV2",
    basis=[
        Chosen("that meshes and sounds are read like pictures, with the file as their url, is not known"),
        Observed("on accounts in dollars `apiCreditCost` is 0 for videos and else null"),
    ],
)
def create_generation_v2(call: Call, world: World) -> Row:
    """Start a generation by any model; version 1 reads, lists and deletes it."""
    model = _model(call)
    row, reference = _row(call, world, model)
    slow = SLOW if model.kind == "video" else 1
    world.begin(world.generations, row, row["credits"], QUEUES.get(model.kind, IMAGES), slow)
    _keep(world, row, reference)
    cost = world.account.cost(row["credits"])
    if model.kind == "video" and cost["apiCreditCost"] is None:
        cost["apiCreditCost"] = 0
    return {"generationId": row["id"], **cost}


@operation(
    "createGenerationSyncV2",
    basis=[Chosen("the result is a whole PNG, whatever `crop`, `format`, `size` and the like ask for")],
)
def create_generation_sync_v2(call: Call, world: World) -> Row:
    """Take the background off a picture, at once."""
    if call["model"] != SYNCHRONOUS:
        raise invalid(
            [f"model must be one of: {SYNCHRONOUS}"],
            f"{call.operation.id}: other models generate with POST /generations (createGenerationV2)",
        )
    row, reference = _row(call, world, models_v2()[SYNCHRONOUS])
    world.account.spend(row["credits"])
    row["status"] = "COMPLETE"
    _keep(world, row, reference)
    result: Row = {"contentType": "image/png", "width": row["imageWidth"], "height": row["imageHeight"]}
    if call["base64"]:
        result["dataB64"] = base64.b64encode(render_cached(drawn(world, row, 0), world.user_id)).decode()
    elif call["ephemeral"]:
        result["url"] = _ephemeral_link(call, world, row)
    else:
        result["url"] = f"{call.addresses.cdn}/{picture_keys(row, world.user_id)[0]}"
    if call["ephemeral"]:
        world.bucket.objects.pop(row.get("reference", ""), None)
    else:
        world.generations.add(row)
    cost = world.account.cost(row["credits"])["cost"]
    return {"id": row["id"], "blockedCount": 0, "cost": cost, "results": [result]}


def _ephemeral_link(call: Call, world: World, row: Row) -> str:
    """A link that leads nowhere in half an hour; that it says so like a presigned one is chosen."""
    now = world.clock.now()
    key = f"users/{world.user_id}/ephemeral/{row['id']}.png"
    world.bucket.keep(
        key, render_cached(drawn(world, row, 0), world.user_id), "image/png", expires=now + EPHEMERAL
    )
    date = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    return f"{call.addresses.cdn}/{key}?X-Amz-Date={date}&X-Amz-Expires={EPHEMERAL}"


# --- what a call may ask for ------------------------------------------------------------------------------


def _model(call: Call) -> ModelV2:
    slug: str = call["model"]
    if model := models_v2().get(slug):
        return model
    who = f"{call.operation.id}: {slug[:60]!r}"
    if is_retired(slug):
        raise invalid([f"model {slug[:60]} is not supported"], f"{who} was retired")
    raise invalid(
        [f"model {slug[:60]} is not supported"],
        f"{who} is none of the {len(models_v2())} slugs that leomock knows{suggestion(slug, models_v2())}",
    )


@cache
def _parameters(slug: str) -> Parameters:
    return Parameters(schema_v2(slug))


def _check(call: Call, world: World, model: ModelV2, given: Given) -> None:
    """Refuse what is known to be wrong; what nobody knows is accepted, and said to be."""
    parameters = _parameters(model.slug)
    wrong = parameters.violations(given)
    if model.slug in QUALITY_FOR_MODE and "mode" in given:
        wrong.append("parameters.mode is not supported any more, use parameters.quality")
    if wrong:
        rules = "leomock/catalogue/v2_models.json and v2_parameters.json"
        raise invalid(wrong, f"{call.operation.id}: {wrong[0]} ({model.slug}; {rules})")
    for reference in _references(given):
        reference.check(call, world)
    if model.kind == "upscaler" and _shown_reference(given) is None:
        name = "parameters.guidances.image_reference"
        raise invalid([f"{name} is required"], f"{call.operation.id}: {model.slug} works on a picture")
    if model.parameters is None:
        call.explain = f"the parameters of {model.slug} are not known; accepted as sent"
    elif unknown := sorted(given.keys() - parameters.known):
        names = ", ".join(f"parameters.{name[:60]}" for name in unknown)
        call.explain = f"not known of {model.slug}: {names}; accepted as sent"


# --- references -------------------------------------------------------------------------------------------

# Where the id of a reference leads, and what a row calls what it was made from.
_Find = Callable[[World, str], object]
_SOURCES: dict[str, tuple[_Find, str]] = {
    "GENERATED": (find_generated, "init_generation_image_id"),
    "UPLOADED": (find_uploaded, "init_image_id"),
    "VARIATION": (find_variation, "init_variation_id"),
}
# The guidances that results show.
_SHOWN = ("image_reference", "start_frame")


@dataclass(frozen=True, slots=True)
class _Reference:
    """A picture that a call names: `name` is where, `image` says which, and `strength` how much it counts."""

    name: str
    kind: str
    image: Given
    strength: str

    def check(self, call: Call, world: World) -> None:
        """Raise where it names no picture, or one that is not there."""
        kind = self.kind
        field = {"URL": "url", "BASE64": "data"}.get(kind, "id")
        value = self.image.get(field)
        if not isinstance(value, str):
            raise self._wrong(call, f"{self.name}.{field} is required", f"the type is {kind}")
        if kind == "BASE64" and _decoded(value) is None:
            raise self._wrong(call, f"{self.name}.data must be base64", "a data URL works as well")
        if kind in _SOURCES and not _SOURCES[kind][0](world, value):
            raise self._wrong(
                call,
                f"{self.name}.id is not the id of an image",
                f"{kind} is no finished picture of this API key with this id (GENERATED: "
                "generated_images[].id, UPLOADED: that of POST /init-image, VARIATION: that of a variation)",
            )

    def _wrong(self, call: Call, message: str, why: str) -> ApiError:
        return invalid([message], f"{call.operation.id}: {message}; {why}")

    def fields(self) -> Row:
        """What a row keeps of it; of a picture that came with the call, nothing."""
        named = _SOURCES.get(self.kind)
        return {named[1]: self.image["id"].lower()} if named else {}

    def content(self, world: World, cdn: str) -> bytes | None:
        """The bytes of a picture that came with the call, or is at an address of this fake."""
        if self.kind == "BASE64":
            return _decoded(self.image["data"])
        if self.kind != "URL" or not self.image["url"].startswith(f"{cdn}/"):
            return None
        found = resolve_for(world, self.image["url"].removeprefix(f"{cdn}/").partition("?")[0])
        if isinstance(found, StoredObject):
            return found.body
        return (
            render_cached(found, world.user_id) if found and found.media_type.startswith("image/") else None
        )


def _decoded(text: str) -> bytes | None:
    """The bytes of base64 or of a data URL; None where it is neither."""
    try:
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except ValueError:  # also where it is not even ASCII
        return None


def _references(given: Given) -> Iterator[_Reference]:
    """The pictures that the guidances name; of groups that are not known, what has the form of the others."""
    for group, entries in (given.get("guidances") or {}).items():
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            image = entry.get("image") if isinstance(entry, dict) else None
            if isinstance(image, dict) and "type" in image:
                name = f"parameters.guidances.{group}.{number}.image"
                yield _Reference(name, str(image["type"]), image, str(entry.get("strength")))


def _shown_reference(given: Given) -> _Reference | None:
    """The picture that results show: the first of the first guidance that they do."""
    for group in _SHOWN:
        entries = (given.get("guidances") or {}).get(group)
        for reference in _references({"guidances": {group: entries}}):
            return reference
    return None


# --- rows -------------------------------------------------------------------------------------------------


def _row(call: Call, world: World, model: ModelV2) -> tuple[Row, bytes | None]:
    """A row for what a call asks for, not yet kept, and the bytes of the reference that came with it."""
    given: Given = call["parameters"] or {}
    _check(call, world, model, given)
    reference = _shown_reference(given)
    content = reference.content(world, call.addresses.cdn) if reference else None
    source = reference.fields() if reference else {}
    quantity = schema_v2(model.slug)["properties"].get("quantity", {}).get("default", 1)
    of_platform = platform_models().get(model.id)
    row = generation_row(
        world,
        prompt=call.prompt,
        negativePrompt=_text(given.get("negative_prompt")),
        seed=None if given.get("seed") is None else int(given["seed"]),
        num_images=int(given.get("quantity", quantity)),
        modelId=model.id,
        sdVersion=of_platform.sd_version if of_platform else DEFAULT_SD_VERSION,
        public=call["public"] or False,
        model=model.slug,
        **source,
    )
    if reference:
        shows = STRENGTHS.get(reference.strength, STRENGTHS["MID"])
        row["initStrength"] = SOURCE_SHOWS if model.kind == "video" else shows
    if content is not None:
        row["reference"] = reference_key(world, row)
    wanted = _Wanted(model, given, lambda: origin(world, row) if content is None else content)
    row |= _MAKES[model.kind](wanted)
    row["credits"] = price_v2(model.slug, model.kind, row)
    return row, content


def _keep(world: World, row: Row, content: bytes | None) -> None:
    """Keep the bytes of a reference as long as the generation is there."""
    if content is not None:
        world.bucket.keep(row["reference"], content, "application/octet-stream")


Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What shall be made: by which model, with which parameters, and from which reference, if any."""

    model: ModelV2
    given: Given
    before: Callable[[], Source | None]

    def size(self, width: int = SIDE, height: int = SIDE) -> Size:
        """The size asked for, else the usual one; 0 by 0 is the reference's (documented for one model)."""
        given = self.given
        if given.get("width") == given.get("height") == 0:
            return self.size_before() or (width, height)
        return int(given.get("width") or width), int(given.get("height") or height)

    def size_before(self) -> Size | None:
        """The size of the reference, if it is known."""
        from leomock.media.variation import size

        before = self.before()
        return None if before is None else size(before)


def _image(wanted: _Wanted) -> Row:
    width, height = wanted.size()
    return {"imageWidth": width, "imageHeight": height}


def _video(wanted: _Wanted) -> Row:
    """A video; the names and values of its own parameters are not known, so what can be read is kept to."""
    told = str(wanted.given.get("resolution", ""))
    lying = (size for name, size in SIZES.items() if name.removeprefix("RESOLUTION_") in told)
    width, height = wanted.size(*next(lying, SIZES[DEFAULT_RESOLUTION]))
    return {
        # Video has even pixels.
        "imageWidth": max(2, width - width % 2),
        "imageHeight": max(2, height - height % 2),
        "motion": True,
        "motionModel": wanted.model.name,
        "imageToVideo": _shown_reference(wanted.given) is not None,
        "seconds": _seconds(wanted.given, SECONDS),
    }


def _mesh(wanted: _Wanted) -> Row:
    return {"mesh": True}


def _sound(wanted: _Wanted) -> Row:
    return {"sound": _seconds(wanted.given, SOUND_SECONDS)}


def _upscaled(wanted: _Wanted) -> Row:
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


def _cut_out(wanted: _Wanted) -> Row:
    width, height = wanted.size_before() or (SIDE, SIDE)
    return {"imageWidth": width, "imageHeight": height, "variation": "NOBG", "factor": 1, "creativity": 0}


_MAKES: dict[Kind, Callable[[_Wanted], Row]] = {
    "image": _image,
    "video": _video,
    "mesh": _mesh,
    "sound": _sound,
    "upscaler": _upscaled,
    "cutout": _cut_out,
}


def _seconds(given: Given, usual: int) -> float:
    """How long a result lasts, in seconds; what is no number that can be made is passed over (chosen)."""
    try:
        seconds = float(given.get("duration", usual))
    except (TypeError, ValueError):
        return usual
    return seconds if 0 < seconds <= MOST_SECONDS else usual


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
