"""Webhook events, which the API posts at the end of a job (specs/webhooks.asyncapi.json).

The document describes generations only; the event of a variation follows what others observed.
"""

from __future__ import annotations

from typing import Any

from leomock.leonardo.basis import Chosen, Inferred, Observed, based_on
from leomock.leonardo.catalogue import Model, platform_models
from leomock.operations.assets.keys import picture_keys
from leomock.state.clock import EPOCH, timestamp
from leomock.state.ids import stable, uuid4_from
from leomock.state.table import Row
from leomock.state.world import World

Body = dict[str, Any]

IMAGE_GENERATION_COMPLETE = "image_generation.complete"
# Some clients wait for `post_processing.completed`.
POST_PROCESSING_COMPLETE = "post_processing.complete"

# A fake has no history for the model and the key.
_MODEL_CREATED = "2023-01-06T01:02:38.315Z"
_MODEL_UPDATED = "2023-03-01T11:45:06.428Z"
_KEY_CREATED = f"{timestamp(EPOCH)}Z"


@based_on(Chosen("trainings, textures and blueprints have no event of their own: none was ever seen"))
def event_of(row: Row, world: World, cdn: str, moment: float) -> tuple[str, Body] | None:
    """Return the type and body of the event for a finished job, or None if no event is known."""
    if world.generations.get(row["id"]) is row:
        return generation_event(row, world, cdn, moment)
    if world.variations.get(row["id"]) is row:
        return variation_event(row, world, cdn, moment)
    return None


@based_on(
    Observed("of a failed generation clients expect the same type with the status FAILED"),
    Chosen(
        "the document gives no null for `model` and `webhookCallbackApiKey`, so where "
        "there is none the name is absent"
    ),
)
def generation_event(row: Row, world: World, cdn: str, moment: float | None = None) -> tuple[str, Body]:
    """Return the type and body of the event for a generation that ended at a given time (default: now).

    `cdn` is the base of image URLs. The body has all documented fields.
    """
    moment = world.clock.now() if moment is None else moment
    generation = _event_generation(row, world, cdn, f"{timestamp(moment)}Z")
    return _enveloped(IMAGE_GENERATION_COMPLETE, "generation", generation, moment)


@based_on(
    Observed("the type and the fields, in the code of clients: a document knows neither"),
    Inferred("`apiKey` is as in the event of a generation, since clients read its `webhookCallbackApiKey`"),
    Chosen(
        "the word `variation` for the object, a url of null in the event of a failure, "
        "which has the same type, and a `generatedImageId` of null where an uploaded "
        "image was varied"
    ),
)
def variation_event(row: Row, world: World, cdn: str, moment: float) -> tuple[str, Body]:
    """Return the type and body of the event for a variation that ended at a given time."""
    variation = {
        "id": row["id"],
        "createdAt": f"{row['createdAt']}Z",
        "updatedAt": f"{timestamp(moment)}Z",
        "status": row["status"],
        "url": f"{cdn}/{row['key']}" if row["status"] == "COMPLETE" else None,
        "transparent": row["kind"] == "NOBG",
        "generatedImageId": row["generatedImageId"],
        "transformType": row["transformType"],
        "api": True,
        "tokenCost": 0,
        "apiDollarCost": str(row["credits"]),  # same as for a generation
        "apiKey": _api_key(world),
    }
    return _enveloped(POST_PROCESSING_COMPLETE, "variation", variation, moment)


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


@based_on(
    Chosen(
        "what a row does not tell has the value shown there, `nsfw` is true as soon as "
        "one picture is flagged, and `initType` has one of the two words that controlnets "
        "have for it"
    ),
    Inferred(
        '`apiDollarCost` is the price in credits: the documented body has "9" where other '
        "sources saw an apiCreditCost of 9"
    ),
)
def _event_generation(row: Row, world: World, cdn: str, ended: str) -> Body:
    """Return a generation with the names and order of the documented body."""
    model = platform_models().get(row["modelId"] or "")
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
        "coreModel": "SD",
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
        **({"model": _event_model(model)} if model else {}),
        "images": _images(row, world, cdn, ended) if row["status"] == "COMPLETE" else [],
        "apiKey": _api_key(world),
    }


@based_on(Chosen("the rest is as in the documented body, also its two moments"))
def _event_model(model: Model) -> Body:
    """Return a platform model: only id, name and family are specific to it."""
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
        "coreModel": "SD",
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
    """Return the images, dated to the end of their generation."""
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


@based_on(Chosen("a key is as old as the time of its world"))
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
