"""Generations: images from a prompt, from PENDING to COMPLETE."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from leomock.leonardo.basis import Chosen, Documented, Evidence, Inferred, Observed, SameAs, based_on
from leomock.leonardo.catalogue import (
    LARGEST_SIZE,
    USUAL_GUIDANCE,
    Model,
    seen_models,
)
from leomock.leonardo.catalogue.guidance import broken_guidance
from leomock.leonardo.catalogue.prices import USUAL_STEPS, price, seen_price
from leomock.leonardo.catalogue.v2 import find_model_v2
from leomock.leonardo.errors import (
    INTERNAL,
    NEGATIVE_PROMPT_TOO_LONG,
    NO_ELEMENT,
    NOT_A_SIDE_OF_MODEL,
    NOT_PHOENIX,
    OUT_OF_LIMITS,
    TOO_MANY_IMAGES,
    UNSUPPORTED_MODEL,
)
from leomock.leonardo.uuids import is_uuid
from leomock.openapi.request_parser import Call
from leomock.operations.assets.keys import picture_keys, video_keys
from leomock.operations.assets.lookup import find_generated, generated_picture, uploaded_picture
from leomock.operations.handlers.elements import shown_element
from leomock.operations.handlers.variations import remove_variations, shown_variation
from leomock.operations.offered import DEFAULT_FAMILY, offered
from leomock.operations.registry import broken, operation
from leomock.state.clock import timestamp
from leomock.state.remarks import UNKNOWN_ACCEPTED
from leomock.state.table import Row, new_row
from leomock.state.world import World

# "if not specified it will default to v1_5"
DEFAULT_SD_VERSION = DEFAULT_FAMILY
# For Flux models and videos; other models accept and return ten digits.
LARGEST_SEED = 2147483637
LARGEST_SEED_OF_TEN_DIGITS = 9999999998
LONGEST_NEGATIVE_PROMPT = 1000
# The number of answers about finished generations that are cached, of all keys together: about 16 MB.
MOST_ANSWERS = 4096
PHOTOREAL_V2_MODELS = ("Leonardo Kino XL", "Leonardo Diffusion XL", "Leonardo Vision XL")


@operation(
    "createGeneration",
    basis=[
        Inferred(
            "omitted parameters get the values seen in captured responses (EULER_DISCRETE, 15 steps, "
            "guidance 7); the seed is random"
        ),
        SameAs("code:price"),
        SameAs("code:seen_price"),
    ],
)
def create_generation(call: Call, world: World) -> Row:
    """Start a generation; the row stays PENDING until its job is settled."""
    model = _model(call, world)
    _check(call, world, model)
    row = generation_row(
        world,
        prompt=call["prompt"],
        negativePrompt=call["negative_prompt"] or "",
        imageWidth=call["width"],
        imageHeight=call["height"],
        num_images=call["num_images"],
        seed=call["seed"],
        modelId=model.id if model else None,
        sdVersion=call["sd_version"] or (model.sd_version if model else DEFAULT_SD_VERSION),
        presetStyle=call["presetStyle"] if call.given("presetStyle") else None,
        scheduler=call["scheduler"] or "EULER_DISCRETE",
        inferenceSteps=call["num_inference_steps"] or 15,
        guidanceScale=call["guidance_scale"] or (model.guidance if model else USUAL_GUIDANCE),
        public=call["public"] or False,
        photoReal=call["photoReal"] or False,
        promptMagic=call["promptMagic"] or False,
        **_context(call),
    )
    for name in call.sent:
        if name in _REFLECTED and call.given(name):
            row[_REFLECTED[name]] = call[name]
    credits = row["credits"] = _price(call, model)
    world.begin(world.generations, row, credits)
    return {"generationId": row["id"], **world.account.cost(credits)}


def generation_row(world: World, *, prompt: str, seed: int | None = None, **fields: Any) -> Row:
    """Return a row for `world.generations`; omitted fields have the defaults of an image."""
    return new_row(
        "generations",
        {
            "id": world.ids.generation(),
            "createdAt": timestamp(world.clock.now()),
            "prompt": prompt,
            "negativePrompt": "",
            "imageWidth": 1024,
            "imageHeight": 768,
            "num_images": 1,
            "seed": _drawn_seed(world, fields) if seed is None else seed,
            "modelId": None,
            "sdVersion": DEFAULT_SD_VERSION,
            "presetStyle": None,
            "scheduler": "EULER_DISCRETE",
            "inferenceSteps": 15,
            "guidanceScale": 7,
            "public": False,
            "photoReal": False,
            "promptMagic": False,
            "credits": 0,
            **fields,
        },
    )


@based_on(
    Evidence("seed-of-ten-digits"),
    Documented("Flux models and Motion 2.0 take seeds up to 2147483637, other models up to 9999999998"),
    Inferred("models of version 2 have smaller seeds, as their guides say"),
    Chosen("every seed in the range is equally likely"),
)
def _drawn_seed(world: World, fields: Row) -> int:
    """Draw the seed of a generation whose request has none."""
    family = fields.get("sdVersion", DEFAULT_SD_VERSION) or ""
    small = family.startswith("FLUX") or "seconds" in fields or "model" in fields
    return world.random.randrange(LARGEST_SEED if small else LARGEST_SEED_OF_TEN_DIGITS + 1)


@operation(
    "getGenerationById",
    basis=[
        Evidence("generation-key-order"),
        Evidence("image-without-motion"),
        Chosen("a picture has the requested size, although the real service enlarges it with Alchemy"),
        SameAs("code:World.read"),
    ],
)
def get_generation_by_id(call: Call, world: World) -> Row | None:
    """Return one generation, or null."""
    row = world.read(world.generations, call["id"])
    return None if row is None else _shown(row, call, world)


@operation("getGenerationsByUserId", basis=[SameAs("code:World.page"), SameAs("operation:getGenerationById")])
def get_generations_by_user_id(call: Call, world: World) -> list[Row]:
    """Return a page of the user's generations, newest first; another user's are not visible."""
    rows = world.page(world.generations, call["userId"], call["offset"], call["limit"])
    return [_shown(row, call, world) for row in rows]


@operation("deleteGenerationById", basis=[SameAs("code:World.remove"), SameAs("code:remove_variations")])
def delete_generation_by_id(call: Call, world: World) -> Row | None:
    """Delete a generation with its images and their variations; null if it does not exist."""
    row = world.generations.get(call["id"])
    if row is not None:
        remove_variations(world, row)
        for key in (row.get("reference", ""), *picture_keys(row, world.user_id)):
            world.bucket.objects.pop(key, None)
    return world.remove(world.generations, call["id"])


def _price(call: Call, model: Model | None) -> int:
    loras = len(call["elements"] or ()) + len(call["userElements"] or ())
    controls = len(call["controlnets"] or ())
    width, height, images = call["width"], call["height"], call["num_images"]
    steps = call["num_inference_steps"] or 0
    if model and not (loras or controls or call["ultra"]):
        seen = seen_price(model.id, width, height, images, steps or USUAL_STEPS)
        if seen is not None:
            return seen
    flag = model.flag if model else ""
    return _image_price(flag, width, height, images, steps, call["ultra"], loras, controls)


@lru_cache(maxsize=1024)
def _image_price(
    flag: str, width: int, height: int, images: int, steps: int, ultra: bool | None, loras: int, controls: int
) -> int:
    return price(
        "IMAGE_GENERATION",
        {
            flag: True,
            "imageWidth": width,
            "imageHeight": height,
            "numImages": images,
            "inferenceSteps": steps,
            "isUltra": ultra,
            "loraCount": loras,
            "controlnetsCost": controls,
        },
    )


@based_on(Chosen("only the first one is used, although the real model uses all"))
def _context(call: Call) -> Row:
    """Return the context image that the images show, as the source in a row."""
    for image in call["contextImages"] or ():
        name = "init_image_id" if image["type"] == "UPLOADED" else "init_generation_image_id"
        return {name: image["id"].lower()}
    return {}


# Fields that a row repeats only if the request had them: variable of the call, field of the row.
_REFLECTED = {
    "init_strength": "initStrength",
    "photoRealStrength": "photoRealStrength",
    "promptMagicVersion": "promptMagicVersion",
    "promptMagicStrength": "promptMagicStrength",
    "ultra": "ultra",
    "fantasyAvatar": "fantasyAvatar",
    # These are not in the answers, or not as sent; images and webhooks use them.
    **{
        name: name
        for name in (
            *("init_image_id", "init_generation_image_id", "transparency", "styleUUID"),
            *("tiling", "alchemy", "contrastRatio", "highContrast", "highResolution", "expandedDomain"),
            *("unzoom", "unzoomAmount", "canvasInitId", "canvasMaskId", "canvasRequest", "controlnets"),
            *("elements", "userElements"),
        )
    },
}


# Operation and id to their row, an address and the answer. Another account's row may have the same id.
_answers: dict[tuple[str, str], tuple[Row, str, Row]] = {}


def _shown(row: Row, call: Call, world: World) -> Row:
    """Return a row as the API shows it: with images once the generation is COMPLETE.

    Clients read a finished generation repeatedly, and it no longer changes unless it has variations. So its
    responses are cached for this row and this client address.
    """
    cdn = call.addresses.cdn
    name = (call.operation.id, row["id"])
    varied = "variations" in row
    kept = None if varied else _answers.get(name)
    if kept is not None and kept[0] is row and kept[1] == cdn:
        return kept[2]
    shown = {**row, "prompt_moderations": [{"moderationClassification": []}]}
    shown["generation_elements"] = _elements(row, world, cdn)
    if row["status"] != "COMPLETE":
        return shown
    shown["generated_images"] = _images(row, world, cdn)
    if varied:
        return shown
    fitted = call.operation.serializer.fit_one(shown)
    if len(_answers) >= MOST_ANSWERS:
        _answers.clear()
    _answers[name] = (row, cdn, fitted)
    return fitted


@based_on(
    Chosen("a user's own element has no `lora`, since that describes platform elements"),
    Chosen("for a platform element that is not in the catalogue, only what the call sent is shown"),
)
def _elements(row: Row, world: World, cdn: str) -> list[Row]:
    """Return the elements of a generation."""
    loras: list[tuple[Row, Row | None]] = [
        (each, _lora(each["akUUID"], row, world, cdn)) for each in row.get("elements", ())
    ]
    loras += [(each, None) for each in row.get("userElements", ())]
    return [
        {"id": number, "lora": lora, "weightApplied": 1.0 if each.get("weight") is None else each["weight"]}
        for number, (each, lora) in enumerate(loras, 1)
    ]


def _lora(id: str, row: Row, world: World, cdn: str) -> Row:
    known = offered(world).elements.get(id)
    return shown_element(known, cdn) if known else {"akUUID": id, "baseModel": row["sdVersion"]}


def _images(row: Row, world: World, cdn: str) -> list[Row]:
    """Return the images of a finished generation as the API shows them."""
    keys = picture_keys(row, world.user_id)
    ids = world.ids.parts(row["id"], len(keys))
    images: list[Row] = [{"id": id, "url": f"{cdn}/{key}"} for id, key in zip(ids, keys, strict=True)]
    if flagged := row.get("nsfw"):
        for index, image in enumerate(images):
            image["nsfw"] = flagged == "all" or index in flagged
    if missing := row.get("no_url"):
        for index, image in enumerate(images):
            if missing == "all" or index in missing:
                image["url"] = None
    for image, key in zip(images, video_keys(row, world.user_id), strict=False):
        image["motionMP4URL"] = f"{cdn}/{key}"
        image |= {name: row.get(name) for name in ("motion", "motionModel", "motionStrength", "imageToVideo")}
    for id, index in row.get("variations", ()):
        if variation := world.variations.get(id):
            listed = images[index].setdefault("generated_image_variation_generics", [])
            listed.append(shown_variation(variation, world, cdn))
    return images


# --- rules about two variables or the state ---------------------------------------------------------


@based_on(
    Chosen(
        "a model that is not in the catalogue is refused as not supported, although the real service may "
        "have it"
    )
)
def _model(call: Call, world: World) -> Model | None:
    """Return the model of a call; None if only `sd_version` or PhotoReal v1 chooses one."""
    id: str = call["modelId"]
    if not call.given("modelId") and (call.given("sd_version") or call["photoReal"]):
        return None
    if model := offered(world).models.get(id.lower()):
        return model
    if (row := world.models.get(id.lower())) and row["status"] == "COMPLETE":
        return Model(row["id"], row["name"], row["sdVersion"], "isModelCustom", "documented")
    if model := _unlisted_model(call, world, id.lower()):
        return model
    if of_version_2 := find_model_v2(id, world.settings.as_of):
        raise UNSUPPORTED_MODEL(
            model=id,
            explain=f"modelId is {of_version_2.name}, which version 2 has: POST /api/rest/v2/generations "
            f"with model {of_version_2.slug}",
        )
    if is_uuid(id):
        raise UNSUPPORTED_MODEL(
            model=id,
            explain="modelId names no platform model that this fake knows, nor a trained one of this API "
            "key; --model ID=NAME or --catalogue FILE adds one, --unknown-models allow accepts all",
        )
    raise INTERNAL(explain=f"modelId must be the id (a UUID) of a model, not {id[:60]!r}")


def _unlisted_model(call: Call, world: World, id: str) -> Model | None:
    """Return a model that no page lists: seen elsewhere, or unknown and allowed."""
    if seen := seen_models().get(id):
        call.explain = f"modelId is {seen.model.name}, which no page lists ({seen.source})"
        return seen.model
    if is_uuid(id) and world.settings.unknown_models == "allow":
        call.explain = f"createGeneration: modelId is {id}, {UNKNOWN_ACCEPTED}"
        return Model(id, id, DEFAULT_SD_VERSION, "", "chosen")
    return None


def _check(call: Call, world: World, model: Model | None) -> None:
    """Reject what the parameters' descriptions forbid, even if each value is valid by itself."""
    _check_size(call, model)
    if not _NAMES_WITH_RULES.isdisjoint(call.sent):
        _check_optional(call, world, model)


def _check_optional(call: Call, world: World, model: Model | None) -> None:
    """Reject invalid combinations of what most calls do not send."""
    if len(call["negative_prompt"] or "") > LONGEST_NEGATIVE_PROMPT:
        raise NEGATIVE_PROMPT_TOO_LONG(
            explain=f"createGeneration: negative_prompt has {len(call['negative_prompt'])} characters; "
            f"{LONGEST_NEGATIVE_PROMPT} are accepted"
        )
    if model and model.is_phoenix and call.given("sd_version") and call["sd_version"] != "PHOENIX":
        raise NOT_PHOENIX(
            explain=f"createGeneration: sd_version is {call['sd_version']!r}; leave it out, or send PHOENIX "
            f"with {model.name}"
        )
    if call["num_images"] > 4 and (call["width"] > 768 or call["height"] > 768):
        raise TOO_MANY_IMAGES(
            explain="createGeneration: with width or height above 768, num_images is at most 4 "
            f"(asked for {call['num_images']} at {call['width']}x{call['height']})"
        )
    if call["unzoom"] and not (call.given("unzoomAmount") and call.given("init_image_id")):
        raise broken(call, "unzoom requires unzoomAmount and init_image_id")
    if call["photoReal"]:
        _check_photo_real(call, model)
    if call["ultra"] and call.sent.get("alchemy"):
        raise broken(call, "ultra can not be used with alchemy")
    if model and model.is_phoenix and call["alchemy"] and call.given("contrast") and call["contrast"] < 2.5:
        raise broken(call, "contrast must be 2.5 or higher for Phoenix when alchemy is true")
    if model and model.is_flux and call.given("seed") and call["seed"] > LARGEST_SEED:
        raise OUT_OF_LIMITS(
            rule=f"seed must be between 0 and {LARGEST_SEED}",
            explain=f"createGeneration: Flux models take seeds up to {LARGEST_SEED}",
        )
    if not _NAMES_OF_PICTURES.isdisjoint(call.sent):
        _check_images(call, world)
    _check_weights(call, world)
    if model:
        for rule, why in broken_guidance(model, call["controlnets"] or ()):
            raise broken(call, rule, why)
    for number, element in enumerate(call["userElements"] or ()):
        if element.get("userLoraId") is None:
            continue
        trained = world.elements.get(element["userLoraId"])
        if trained is None or trained["status"] != "COMPLETE":
            raise NO_ELEMENT(
                explain=f"userElements[{number}].userLoraId is not a trained element of this API key"
            )


@based_on(
    Observed("the ranges of the platform's elements, from a table of the vendor as read by others"),
    Chosen("an element that leomock does not know accepts any weight; the text of the error"),
)
def _check_weights(call: Call, world: World) -> None:
    """Reject the weight of a platform element that is out of its range."""
    for number, sent in enumerate(call["elements"] or ()):
        element, weight = offered(world).elements.get(sent["akUUID"].lower()), sent.get("weight")
        if element is None or weight is None:
            continue
        least, most = element.weight_min, element.weight_max
        if not least <= weight <= most:
            rule = f"elements[{number}].weight must be between {least} and {most}"
            raise broken(call, rule, f"that is the range of {element.name}, sent was {weight:g}")


@based_on(Chosen("a default size is accepted, also by a model that has only certain sizes"))
def _check_size(call: Call, model: Model | None) -> None:
    """Reject a size that the model does not accept."""
    widest, highest = model.largest_size if model else LARGEST_SIZE
    for name, most in (("width", widest), ("height", highest)):
        if model and model.sides:
            if call.given(name) and call[name] not in model.sides:
                raise NOT_A_SIDE_OF_MODEL(
                    name=name,
                    sides=", ".join(map(str, model.sides)),
                    explain=f"createGeneration: {name} is {call[name]}, which {model.name} does not have",
                )
        elif call[name] > most:
            of = model.name if model else "a model that sd_version chooses"
            raise OUT_OF_LIMITS(
                rule=f"{name} must be between 32 and {most}",
                explain=f"createGeneration: {name} is {call[name]}; {of} takes up to {most}",
            )


def _check_photo_real(call: Call, model: Model | None) -> None:
    if not call["alchemy"]:
        raise broken(call, "photoReal requires alchemy")
    if call["photoRealVersion"] == "v2":
        if model is None or model.name not in PHOTOREAL_V2_MODELS:
            raise broken(call, f"photoReal v2 requires a modelId of {', '.join(PHOTOREAL_V2_MODELS)}")
    elif call.given("modelId"):
        raise broken(call, "photoReal v1 can not be used with a modelId")


_UPLOADED = ("init_image_id", "canvasInitId", "canvasMaskId")
# Lists whose entries name an image and its type.
_LISTED = {"controlnets": ("initImageId", "initImageType"), "contextImages": ("id", "type")}
_NAMES_OF_PICTURES = frozenset([*_UPLOADED, "init_generation_image_id", "imagePrompts", *_LISTED])

# If none of these was sent, `_check_optional` has nothing to reject: their defaults are valid together.
_NAMES_WITH_RULES = frozenset(
    [
        *(
            "num_images",
            "negative_prompt",
            "sd_version",
            "unzoom",
            "photoReal",
            "ultra",
            "contrast",
            "seed",
            "userElements",
            "elements",
        ),
        *_NAMES_OF_PICTURES,
    ]
)


def _check_images(call: Call, world: World) -> None:
    """Check that every image a call names exists."""
    for name in _UPLOADED:
        if call.given(name):
            uploaded_picture(world, call[name], name)
    if call.given("init_generation_image_id"):
        generated_picture(world, call["init_generation_image_id"], "init_generation_image_id")
    for number, id in enumerate(call["imagePrompts"] or ()):
        _check_image_prompt(world, id, f"imagePrompts[{number}]")
    for name, (id, kind) in _LISTED.items():
        for number, entry in enumerate(call[name] or ()):
            if entry.get(id):
                check = uploaded_picture if entry.get(kind) == "UPLOADED" else generated_picture
                check(world, entry[id], f"{name}[{number}].{id}")


@based_on(
    Inferred(
        "imagePrompts contains ids of pictures, since no other parameter refers to pictures in another way"
    ),
    Chosen(
        "ids of uploaded and generated pictures are accepted; any other value is refused like an unknown "
        "init image"
    ),
)
def _check_image_prompt(world: World, id: str | None, name: str) -> None:
    """Check that an entry of imagePrompts is an uploaded or generated picture; null counts as none."""
    if id is not None and find_generated(world, id) is None:
        uploaded_picture(world, id, name)
