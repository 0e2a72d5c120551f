"""Generations: pictures from a prompt, from PENDING to COMPLETE."""

from __future__ import annotations

from leomock.catalogue import USUAL_PRICE, Model, platform_models
from leomock.errors import (
    INTERNAL,
    INVALID_INIT_IMAGE,
    NO_ACCESS_TO_IMAGE,
    OUT_OF_LIMITS,
    RULE_BROKEN,
    TOO_MANY_IMAGES,
    UNSUPPORTED_MODEL,
    ApiError,
)
from leomock.operations import operation
from leomock.pictures import picture_count, picture_keys
from leomock.settings import is_uuid
from leomock.spec.parse import Call
from leomock.state.clock import timestamp
from leomock.state.table import Row
from leomock.state.world import World

# "if not specified it will default to v1_5"
DEFAULT_SD_VERSION = "v1_5"
# Of Flux models, and of what the fake makes up.
LARGEST_SEED = 2147483637
# So many answers about finished generations are kept ready.
MOST_ANSWERS = 512
PHOTOREAL_V2_MODELS = ("Leonardo Kino XL", "Leonardo Diffusion XL", "Leonardo Vision XL")


@operation("createGeneration")
def create_generation(call: Call, world: World) -> Row:
    """Start a generation; the row stays PENDING until its job is settled.

    Basis: chosen; the price is the model's per picture, whatever else was asked for: the real one depends on
    more and is not published.

    Basis: inferred; what the call leaves open is filled in as captured answers have it (EULER_DISCRETE, 15
    steps, guidance 7); the seed is drawn.
    """
    model = _model(call)
    _check(call, world, model)
    if world.limits:
        world.limits.check_queue(len(world.jobs))
    pictures: int = call["num_images"]
    price = (model.price if model else USUAL_PRICE) * pictures
    row: Row = {
        "id": world.ids.generation(),
        "createdAt": timestamp(world.clock.now()),
        "prompt": call["prompt"],
        "negativePrompt": call["negative_prompt"] or "",
        "imageWidth": call["width"],
        "imageHeight": call["height"],
        "num_images": pictures,
        "seed": world.random.randrange(LARGEST_SEED) if call["seed"] is None else call["seed"],
        "modelId": model.id if model else None,
        "sdVersion": call["sd_version"] or (model.sd_version if model else DEFAULT_SD_VERSION),
        "presetStyle": call["presetStyle"],
        "scheduler": call["scheduler"] or "EULER_DISCRETE",
        "inferenceSteps": call["num_inference_steps"] or 15,
        "guidanceScale": call["guidance_scale"] or 7,
        "public": call["public"] or False,
        "photoReal": call["photoReal"] or False,
        "promptMagic": call["promptMagic"] or False,
    }
    for name in call.sent:
        if name in _REFLECTED and call.given(name):
            row[_REFLECTED[name]] = call[name]
    if elements := call["elements"]:
        row["generation_elements"] = [
            {
                "id": number,
                "lora": {"akUUID": e["akUUID"], "baseModel": row["sdVersion"]},
                "weightApplied": e.get("weight", 1.0),
            }
            for number, e in enumerate(elements, 1)
        ]
    world.generations.add(row)
    world.jobs.start(row)
    cost = {"amount": str(price), "unit": "CREDITS"}
    return {"generationId": row["id"], "apiCreditCost": price, "cost": cost}


@operation("getGenerationById")
def get_generation_by_id(call: Call, world: World) -> Row | None:
    """One generation, or null.

    Basis: inferred; null for an id that is not there, as Hasura answers for a row by its key.

    Basis: chosen; a picture has the size that was asked for, though the real service enlarges with Alchemy.
    """
    row = world.generations.get(call["id"])
    return None if row is None else _shown(row, call, world)


@operation("getGenerationsByUserId")
def get_generations_by_user_id(call: Call, world: World) -> list[Row]:
    """A page of the user's generations, newest first; another user's are not visible.

    Basis: inferred; the order is not documented, and clients show pages as newest first.

    Basis: chosen; another user's id gets an empty list: what the real service answers is not known.
    """
    if call["userId"] != world.user_id:
        return []
    return [_shown(row, call, world) for row in world.generations.page(call["offset"], call["limit"])]


@operation("deleteGenerationById")
def delete_generation_by_id(call: Call, world: World) -> Row | None:
    """Delete a generation with its pictures; null when there is none.

    Basis: inferred; null as Hasura answers when it deletes nothing by a key.

    Basis: chosen; the pictures are gone with it at once, and a job that still runs ends with no event.
    """
    row = world.generations.remove(call["id"])
    if row is None:
        return None
    world.jobs.drop(row["id"])
    return {"id": row["id"]}


def find_image(world: World, image_id: str) -> tuple[Row, int] | None:
    """The generation and the index of a finished picture with this id, or None."""
    if is_uuid(image_id):
        for generation_id, index in world.ids.wholes(image_id.lower()):
            row = world.generations.get(generation_id)
            if row is not None and row["status"] == "COMPLETE" and index < picture_count(row):
                return row, index
    return None


# What a row tells of the request, only where the request said it: variable of the call, field of the row.
_REFLECTED = {
    "init_strength": "initStrength",
    "photoRealStrength": "photoRealStrength",
    "promptMagicVersion": "promptMagicVersion",
    "promptMagicStrength": "promptMagicStrength",
    "ultra": "ultra",
    "fantasyAvatar": "fantasyAvatar",
    # These are not in the answers; pictures and webhooks tell of them.
    **{
        name: name
        for name in (
            *("init_image_id", "init_generation_image_id", "transparency", "styleUUID"),
            *("tiling", "alchemy", "contrastRatio", "highContrast", "highResolution", "expandedDomain"),
            *("unzoom", "unzoomAmount", "canvasInitId", "canvasMaskId", "canvasRequest", "controlnets"),
        )
    },
}


def _shown(row: Row, call: Call, world: World) -> Row:
    """A row as the API answers it: the pictures are there once the generation is COMPLETE.

    Clients read a finished generation again and again, and nothing about it changes any more: its answers
    are kept, as long as they are of this row and for a client at this address.
    """
    world.jobs.was_read(row)
    cdn = call.addresses.cdn
    name = (call.operation.id, row["id"])
    kept = world.answers.get(name)
    if kept is not None and kept[0] is row and kept[1] == cdn:
        return kept[2]
    shown = {**row, "prompt_moderations": [{"moderationClassification": []}]}
    if row["status"] != "COMPLETE":
        return shown
    keys = picture_keys(row, world.user_id)
    ids = world.ids.parts(row["id"], len(keys))
    shown["generated_images"] = [{"id": id, "url": f"{cdn}/{key}"} for id, key in zip(ids, keys, strict=True)]
    if flagged := row.get("nsfw"):
        for index, image in enumerate(shown["generated_images"]):
            image["nsfw"] = flagged == "all" or index in flagged
    fitted = call.operation.shaper.fit_one(shown)
    if len(world.answers) >= MOST_ANSWERS:
        world.answers.clear()
    world.answers[name] = (row, cdn, fitted)
    return fitted


# --- rules that need two variables or the state -----------------------------------------------------


def _model(call: Call) -> Model | None:
    """The model of a call; None where only `sd_version` or PhotoReal v1 chooses one."""
    id: str = call["modelId"]
    if not call.given("modelId") and (call.given("sd_version") or call["photoReal"]):
        return None
    model = platform_models().get(id.lower())
    if model:
        return model
    if is_uuid(id):
        raise UNSUPPORTED_MODEL(model=id, explain="modelId names no platform model this fake knows")
    raise INTERNAL(explain=f"modelId must be the id (a UUID) of a model, not {id[:60]!r}")


def _broken(rule: str) -> ApiError:
    return RULE_BROKEN(
        rule=rule, explain=f"createGeneration: {rule} (specs/generations.json POST /generations)"
    )


def _check(call: Call, world: World, model: Model | None) -> None:
    """Refuse what the parameters' descriptions forbid, though each value for itself is fine."""
    if call["num_images"] > 4 and (call["width"] > 768 or call["height"] > 768):
        raise TOO_MANY_IMAGES(
            explain="createGeneration: with width or height above 768, num_images is at most 4 "
            f"(asked for {call['num_images']} at {call['width']}x{call['height']})"
        )
    if call["unzoom"] and not (call.given("unzoomAmount") and call.given("init_image_id")):
        raise _broken("unzoom requires unzoomAmount and init_image_id")
    if call["photoReal"]:
        _check_photo_real(call, model)
    if call["ultra"] and call.sent.get("alchemy"):
        raise _broken("ultra can not be used with alchemy")
    if model and model.is_phoenix and call["alchemy"] and call.given("contrast") and call["contrast"] < 2.5:
        raise _broken("contrast must be 2.5 or higher for Phoenix when alchemy is true")
    if model and model.is_flux and call.given("seed") and call["seed"] > LARGEST_SEED:
        raise OUT_OF_LIMITS(
            rule=f"seed must be between 0 and {LARGEST_SEED}",
            explain=f"createGeneration: Flux models take seeds up to {LARGEST_SEED}",
        )
    if not _NAMES_OF_PICTURES.isdisjoint(call.sent):
        _check_images(call, world)


def _check_photo_real(call: Call, model: Model | None) -> None:
    if not call["alchemy"]:
        raise _broken("photoReal requires alchemy")
    if call["photoRealVersion"] == "v2":
        if model is None or model.name not in PHOTOREAL_V2_MODELS:
            raise _broken(f"photoReal v2 requires a modelId of {', '.join(PHOTOREAL_V2_MODELS)}")
    elif call.given("modelId"):
        raise _broken("photoReal v1 can not be used with a modelId")


_UPLOADED = ("init_image_id", "canvasInitId", "canvasMaskId")
_NAMES_OF_PICTURES = frozenset([*_UPLOADED, "init_generation_image_id", "controlnets"])


def _check_images(call: Call, world: World) -> None:
    """Every picture that a call names must be there."""
    for name in _UPLOADED:
        if call.given(name):
            _check_uploaded(world, call[name], name)
    if call.given("init_generation_image_id"):
        _check_generated(world, call["init_generation_image_id"], "init_generation_image_id")
    for number, controlnet in enumerate(call["controlnets"] or ()):
        if id := controlnet.get("initImageId"):
            check = _check_uploaded if controlnet.get("initImageType") == "UPLOADED" else _check_generated
            check(world, id, f"controlnets[{number}].initImageId")


def _check_uploaded(world: World, id: str, name: str) -> None:
    row = world.init_images.get(id.lower())
    if row is None:
        raise INVALID_INIT_IMAGE(explain=f"{name} is no id that POST /init-image answered with this API key")
    if row["key"] not in world.bucket.objects:
        raise INVALID_INIT_IMAGE(
            explain=f"{name} is known, but nothing was uploaded for it yet: POST the form with the file first"
        )


def _check_generated(world: World, id: str, name: str) -> None:
    if find_image(world, id) is None:
        raise NO_ACCESS_TO_IMAGE(
            explain=f"{name} is not the id of a finished picture of this API key (generated_images[].id, "
            "not the generation's id)"
        )
