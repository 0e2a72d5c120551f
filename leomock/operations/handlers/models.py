"""Models: those of the platform, and custom ones trained from a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Evidence, SameAs
from leomock.leonardo.catalogue import Model, platform_models
from leomock.leonardo.catalogue.prices import price
from leomock.openapi.request_parser import Call
from leomock.operations.assets.resolver import cdn_path
from leomock.operations.handlers.datasets import dataset_of, note_empty
from leomock.operations.offered import offered
from leomock.operations.registry import operation
from leomock.state.clock import timestamp
from leomock.state.ids import stable, uuid4_from
from leomock.state.limits import TRAININGS
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media.image import Picture

# Training takes this many times longer than an image.
SLOW = 30


@operation(
    "createModel",
    basis=[
        Chosen("training takes 30 times as long as an image: a minute if an image takes two seconds"),
        Chosen("a model trained without a type is GENERAL"),
        SameAs("code:price"),
    ],
)
def create_model(call: Call, world: World) -> Row:
    """Start the training of a custom model."""
    dataset = dataset_of(call, world)
    note_empty(dataset, world)
    now = timestamp(world.clock.now())
    credits = price("MODEL_TRAINING", {})
    row = {
        "id": world.ids.new(),
        "createdAt": now,
        "updatedAt": now,
        "name": call["name"],
        "description": call["description"] or "",
        "instancePrompt": call["instance_prompt"],
        "modelHeight": call["resolution"] or 512,
        "modelWidth": call["resolution"] or 512,
        "public": False,
        "nsfw": call["nsfw"] or False,
        "sdVersion": call["sd_version"] or "v1_5",
        "type": call["modelType"] or "GENERAL",
        "datasetId": dataset["id"],
        "credits": credits,
    }
    world.begin(world.models, row, credits, TRAININGS, SLOW)
    return {"customModelId": row["id"], **world.account.cost(credits)}


@operation("getModelById", basis=[SameAs("code:World.read")])
def get_model_by_id(call: Call, world: World) -> Row | None:
    """Return one custom model, or null; it is COMPLETE once its training is done."""
    return world.read(world.models, call["id"])


@operation("deleteModelById", basis=[SameAs("code:World.remove")])
def delete_model_by_id(call: Call, world: World) -> Row | None:
    """Delete a custom model; null if it does not exist."""
    return world.remove(world.models, call["id"])


@operation("getCustomModelsByUserId", basis=[SameAs("code:World.page")])
def get_custom_models_by_user_id(call: Call, world: World) -> list[Row]:
    """Return the user's custom models, newest first; another user's are not visible."""
    return world.page(world.models, call["userId"])


@operation(
    "listPlatformModels",
    basis=[
        Chosen("a model's description, and the id and URL of its picture"),
        Evidence("platform-model-without-picture"),
        Chosen("Phoenix, Flux and Lucid models, being newer, have no picture, and neither do added models"),
        SameAs("code:catalogue_of"),
    ],
)
def list_platform_models(call: Call, world: World) -> list[Row]:
    """Return the platform's models, most of them with a sample image."""
    return [
        {
            "id": model.id,
            "name": model.name,
            "description": f"The platform model {model.name}.",
            "featured": False,
            "nsfw": False,
            "generated_image": None if _has_no_picture(model) else _sample(call, model),
        }
        for model in offered(world).models.values()
    ]


def _has_no_picture(model: Model) -> bool:
    is_new = model.is_flux or model.is_phoenix or model.sd_version.startswith("KINO")
    return is_new or model.id not in platform_models()


def _sample(call: Call, model: Model) -> Row:
    return {
        "id": uuid4_from(int.from_bytes(stable("picture of a model", model.id), "big")),
        "url": f"{call.addresses.cdn}/platform_models/{model.id}.jpg",
    }


@cdn_path("platform_models/{name}")
def picture_of_a_model(name: str) -> Picture | None:
    """Return the sample image of a platform model."""
    from leomock.media.image import Picture

    model = platform_models().get(name.removesuffix(".jpg"))
    return Picture(model.name, 1, 0, 768, 768, label="platform model") if model else None
