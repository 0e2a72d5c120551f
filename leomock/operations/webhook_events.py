"""Webhook events, which the API posts at the end of a job.

There are two forms: that of the documented sample of 2023 (specs/webhooks.asyncapi.json), and that of raw
captures of 2025 and 2026, with more fields and without the API key. The setting `webhook_form` chooses. The
event of a variation follows what others observed.
"""

from __future__ import annotations

from typing import Any

from leomock.leonardo.basis import Chosen, Evidence, Inferred, Observed, based_on
from leomock.leonardo.catalogue import Model, named_models
from leomock.operations.assets.keys import picture_keys, video_keys
from leomock.state.clock import EPOCH, timestamp
from leomock.state.ids import stable, uuid4_from
from leomock.state.table import Row
from leomock.state.world import World

Body = dict[str, Any]

IMAGE_GENERATION_COMPLETE = "image_generation.complete"
VIDEO_GENERATION_COMPLETE = "video_generation.complete"
# Some clients wait for `post_processing.completed`.
POST_PROCESSING_COMPLETE = "post_processing.complete"

# A fake has no history for the key, nor for a model that was not captured.
_MODEL_CREATED = "2023-01-06T01:02:38.315Z"
_MODEL_UPDATED = "2023-03-01T11:45:06.428Z"
_KEY_CREATED = f"{timestamp(EPOCH)}Z"


@based_on(Chosen("training, textures and blueprints send no event: nobody has seen one"))
def event_of(row: Row, world: World, cdn: str, moment: float) -> tuple[str, Body] | None:
    """Return the type and body of the event for a finished job, or None if no event is known."""
    if world.generations.get(row["id"]) is row:
        return generation_event(row, world, cdn, moment)
    if world.variations.get(row["id"]) is row:
        return variation_event(row, world, cdn, moment)
    return None


@based_on(
    Observed("for a failed generation, clients expect the same type with the status FAILED"),
    Evidence("webhook-of-a-video"),
    Chosen(
        "the document does not allow null for `model` and `webhookCallbackApiKey`, so without a value the "
        "name is absent"
    ),
)
def generation_event(row: Row, world: World, cdn: str, moment: float | None = None) -> tuple[str, Body]:
    """Return the type and body of the event for a generation that ended at a given time (default: now).

    `cdn` is the base of image URLs. The body has the form that the settings choose.
    """
    moment = world.clock.now() if moment is None else moment
    ended = f"{timestamp(moment)}Z"
    if world.settings.webhook_form == "2023":
        return _enveloped(
            IMAGE_GENERATION_COMPLETE, "generation", _documented(row, world, cdn, ended), moment
        )
    type = VIDEO_GENERATION_COMPLETE if "seconds" in row else IMAGE_GENERATION_COMPLETE
    return _enveloped(type, "generation", _captured(row, world, cdn, ended), moment)


@based_on(
    Evidence("webhook-of-a-variation"),
    Inferred("`apiKey` is present or absent as in the event of a generation"),
    Chosen(
        "a failure's event has the same type and a url of null; for a variation of an uploaded image, "
        "`generatedImageId` is null"
    ),
)
def variation_event(row: Row, world: World, cdn: str, moment: float) -> tuple[str, Body]:
    """Return the type and body of the event for a variation that ended at a given time."""
    variation = {
        "id": row["id"],
        "createdAt": f"{row['createdAt']}Z",
        "updatedAt": f"{timestamp(moment)}Z",
        "userId": world.user_id,
        "public": False,
        "nsfw": False,
        "status": row["status"],
        "url": f"{cdn}/{row['key']}" if row["status"] == "COMPLETE" else None,
        "transparent": row["kind"] == "NOBG",
        "generatedImageId": row["generatedImageId"],
        "transformType": row["transformType"],
        "api": True,
        "tokenCost": 0,
        "apiDollarCost": str(row["credits"]),  # same as for a generation
        **({"apiKey": _api_key(world)} if world.settings.webhook_form == "2023" else {}),
    }
    return _enveloped(POST_PROCESSING_COMPLETE, "generated_image_variation_generic", variation, moment)


def _enveloped(type: str, kind: str, thing: Body, moment: float) -> tuple[str, Body]:
    """Return the type of an event and its whole body."""
    body = {
        "type": type,
        "object": kind,
        # Via microseconds, like `timestamp`: a float of seconds may be slightly below its value.
        "timestamp": round(moment * 1_000_000) // 1000,
        "api_version": "v1",
        "data": {"object": thing},
    }
    return type, body


# Fields that a video of Motion 1.0 lacks, but for which the document does not allow null.
_NEVER_NULL = {
    "negativePrompt": "",
    "guidanceScale": 7,
    "inferenceSteps": 15,
    "scheduler": "EULER_DISCRETE",
    "sdVersion": "v1_5",
}


@based_on(
    Inferred("it has no `model` if no platform model made the pictures"),
    Chosen(
        "in the event of a Motion 1.0 video, fields for which the document does not allow null have an "
        "image's value"
    ),
)
def _documented(row: Row, world: World, cdn: str, ended: str) -> Body:
    """Return a generation with the names and order of the documented body of 2023."""
    model = named_models().get(row["modelId"] or "")
    row = row | {name: value for name, value in _NEVER_NULL.items() if row[name] is None}
    return {
        **_common(row, world, ended),
        **({"model": _event_model(model)} if model else {}),
        "images": _images(row, world, cdn, ended),
        "apiKey": _api_key(world),
    }


@based_on(
    Evidence("webhook-generation-fields"),
    Evidence("webhook-image-fields"),
    Evidence("webhook-seed-as-text"),
    Chosen("fields that were null in every capture are null, also for videos, of which there is no capture"),
)
def _captured(row: Row, world: World, cdn: str, ended: str) -> Body:
    """Return a generation with the names and order of the captures of 2025 and 2026."""
    generation = _common(row, world, ended)
    del generation["apiKeyId"]
    generation |= dict.fromkeys(_SINCE_2025)
    generation |= {name: row.get(name) for name in _OF_THE_ROW}
    generation |= {
        "isStoryboard": False,
        "textToVideo": not row.get("imageToVideo") if "seconds" in row else None,
        "source": "LEONARDO",
        "transparency": row.get("transparency") or "disabled",
        "generation_notes": [],
    }
    if model := named_models().get(row["modelId"] or ""):
        generation["model"] = _event_model(model)
        del generation["model"]["apiKeyId"]
        generation["model"] |= {"motion": None, "teamId": None} | _MODELS.get(model.name, {})
    films = video_keys(row, world.user_id)
    images = [
        image
        | {
            "motionGIFURL": None,
            "motionMP4URL": f"{cdn}/{films[index]}" if films else None,
            "teamId": None,
            "image_height": row["imageHeight"],
            "image_width": row["imageWidth"],
        }
        for index, image in enumerate(_images(row, world, cdn, ended))
    ]
    return {**generation, "images": images, "teams": None}


# The fields between the documented ones and the model, in their order.
_SINCE_2025 = (
    *("motionLora", "motionLoraAlpha", "motionFrameInterpolation", "motionNumInterpolations"),
    *("motionDurationSeconds", "motionModule", "motionOfficialModelId", "motionGenerationResolution"),
    *("motion", "motionHasAudio", "fantasyAvatar", "liveCanvas", "isStoryboard", "liveGen"),
    *("photoRealVersion", "imageToVideo", "textToVideo", "motionModel", "motionStrength"),
    *("universalUpscaler", "teamId", "styleUUID", "ultra", "source", "transparency", "generation_notes"),
)
_OF_THE_ROW = (
    *("motion", "fantasyAvatar", "imageToVideo", "motionModel", "motionStrength", "styleUUID", "ultra"),
)


@based_on(
    Chosen(
        "fields without data have the value shown there, `nsfw` is true if any picture is flagged, and "
        "`initType` has one of the two values that controlnets use"
    ),
    Inferred(
        '`apiDollarCost` is the price in credits: the documented body has "9" where other '
        "sources saw an apiCreditCost of 9"
    ),
)
def _common(row: Row, world: World, ended: str) -> Body:
    """Return the fields of a generation that both forms have, and `apiKeyId`, in the documented order."""
    uploaded, generated = row.get("init_image_id"), row.get("init_generation_image_id")
    flagged = row.get("nsfw")
    return {
        "id": row["id"],
        "createdAt": f"{row['createdAt']}Z",
        "updatedAt": ended,
        "userId": world.user_id,
        "public": row["public"],
        "flagged": False,
        "nsfw": bool(flagged),
        "status": row["status"],
        "coreModel": _core_model(row["sdVersion"]),
        "guidanceScale": row["guidanceScale"],
        "imageHeight": row["imageHeight"],
        "imageWidth": row["imageWidth"],
        "inferenceSteps": row["inferenceSteps"],
        "initGeneratedImageId": generated,
        "initImageId": uploaded,
        "initStrength": row.get("initStrength"),
        "initType": "UPLOADED" if uploaded else "GENERATED" if generated else None,
        "initUpscaledImageId": None,
        "modelId": row["modelId"],
        "negativePrompt": row["negativePrompt"],
        "prompt": row["prompt"],
        "quantity": row.get("quantity", row["num_images"]),
        "sdVersion": row["sdVersion"],
        "tiling": row.get("tiling", False),
        "imageAspectRatio": None,
        "tokenCost": 0,
        "negativeStylePrompt": "",
        "seed": str(row["seed"]),
        "scheduler": row["scheduler"],
        "presetStyle": row["presetStyle"],
        "promptMagic": row["promptMagic"],
        "canvasInitImageId": row.get("canvasInitId"),
        "canvasMaskImageId": row.get("canvasMaskId"),
        "canvasRequest": row.get("canvasRequest", False),
        "api": True,
        "poseImage2Image": False,
        "imagePromptStrength": None,
        "category": None,
        "poseImage2ImageType": None,
        "highContrast": row.get("highContrast", False),
        "apiDollarCost": str(row["credits"]),
        "poseImage2ImageWeight": None,
        "alchemy": row.get("alchemy"),
        "contrastRatio": row.get("contrastRatio"),
        "highResolution": row.get("highResolution"),
        "expandedDomain": row.get("expandedDomain"),
        "promptMagicVersion": row.get("promptMagicVersion"),
        "unzoom": row.get("unzoom"),
        "unzoomAmount": row.get("unzoomAmount"),
        "apiKeyId": _stable_id(world, "api key id"),
        "photoReal": row["photoReal"],
        "promptMagicStrength": row.get("promptMagicStrength"),
        "photoRealStrength": row.get("photoRealStrength"),
        "imageToImage": bool(uploaded or generated),
        "controlnetsUsed": bool(row.get("controlnets")),
    }


@based_on(
    Evidence("webhook-generation-fields"),
    Observed("the values FLUX, SDXL_LIGHTNING and PHOENIX, in the schema of a client"),
    Inferred("Kino models are FLUX, as Lucid Origin is; all others are SD"),
)
def _core_model(family: str | None) -> str:
    """Return the core model of a family."""
    family = family or ""
    if family.startswith(("FLUX", "KINO")):
        return "FLUX"
    return family if family in ("SDXL_LIGHTNING", "PHOENIX") else "SD"


# What captures show about models.
_OWNER = "384ab5c8-55d8-47a1-be22-6a274913c324"
_MODELS: dict[str, Body] = {
    "Lucid Origin": {
        "createdAt": "2025-07-29T06:55:24.198Z",
        "updatedAt": "2025-07-29T06:55:24.198Z",
        "userId": _OWNER,
        "instancePrompt": "",
        "batchSize": None,
        "modelHeight": 1024,
        "modelWidth": 1024,
        "featuredPosition": None,
        "motion": False,
    },
    "AlbedoBase XL": {
        "createdAt": "2023-10-13T04:21:51.465Z",
        "updatedAt": "2023-10-13T04:21:51.465Z",
        "userId": _OWNER,
        "instancePrompt": "",
        "batchSize": None,
        "modelHeight": 768,
        "modelWidth": 1024,
        "featured": True,
        "featuredPosition": 3,
    },
}


@based_on(
    Evidence("webhook-lucid-origin-model"),
    Evidence("webhook-albedobase-xl-model"),
    Chosen("the rest is as in the documented body, including its two timestamps"),
)
def _event_model(model: Model) -> Body:
    """Return a platform model: only id, name, family and core model are specific to it."""
    return {
        "id": model.id,
        "createdAt": _MODEL_CREATED,
        "updatedAt": _MODEL_UPDATED,
        "name": model.name,
        "description": f"The platform model {model.name}.",
        "public": True,
        "userId": uuid4_from(int.from_bytes(stable("owner of the platform models"), "big")),
        "flagged": False,
        "nsfw": False,
        "official": True,
        "status": "COMPLETE",
        "classPrompt": None,
        "coreModel": _core_model(model.sd_version),
        "initDatasetId": None,
        "instancePrompt": None,
        "sdVersion": model.sd_version,
        "trainingEpoch": None,
        "trainingSteps": None,
        "tokenCost": None,
        "batchSize": 4,
        "learningRate": None,
        "type": "GENERAL",
        "modelHeight": 768,
        "modelWidth": 768,
        "leonardoInstancePrompt": None,
        "trainingStrength": "MEDIUM",
        "featured": False,
        "featuredImageId": None,
        "featuredPosition": 4,
        "api": False,
        "favouriteCount": 0,
        "imageCount": 0,
        "enhancedModeration": False,
        "apiDollarCost": None,
        "apiKeyId": None,
        "modelLRN": None,
    }


def _images(row: Row, world: World, cdn: str, ended: str) -> list[Body]:
    """Return the images of a finished generation, dated to its end."""
    if row["status"] != "COMPLETE":
        return []
    flagged, missing = row.get("nsfw", ()), row.get("no_url", ())
    keys = picture_keys(row, world.user_id)
    ids = world.ids.parts(row["id"], len(keys))
    return [
        {
            "id": id,
            "createdAt": ended,
            "updatedAt": ended,
            "userId": world.user_id,
            "url": None if missing == "all" or index in missing else f"{cdn}/{key}",
            "generationId": row["id"],
            "nobgId": None,
            "nsfw": flagged == "all" or index in flagged,
            "likeCount": 0,
            "trendingScore": 0,
            "public": row["public"],
        }
        for index, (id, key) in enumerate(zip(ids, keys, strict=True))
    ]


@based_on(Chosen("a key was created when its world's time began"))
def _api_key(world: World) -> Body:
    """Return the API key itself, unmasked, as documented; last used at the time of its creation."""
    return {
        "id": _stable_id(world, "api key id"),
        "createdAt": _KEY_CREATED,
        "userId": world.user_id,
        "key": world.key,
        "lastUsed": _KEY_CREATED,
        "name": "leomock",
        "type": "PRODUCTION",
        "webhookCallbackUrl": world.outbox.url,
        **({"webhookCallbackApiKey": world.outbox.key} if world.outbox.key else {}),
    }


def _stable_id(world: World, of: str) -> str:
    """Return a UUID from the seed and key only: an event must not change later ids."""
    return uuid4_from(int.from_bytes(stable(of, world.settings.seed, world.key), "big"))
