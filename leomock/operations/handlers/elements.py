"""Elements (LoRAs): those of the platform, and custom ones trained from a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Evidence, SameAs, based_on
from leomock.leonardo.catalogue import Element, elements
from leomock.leonardo.catalogue.prices import price
from leomock.openapi.request_parser import Call
from leomock.operations.assets.resolver import cdn_path
from leomock.operations.handlers.datasets import dataset_of, note_empty
from leomock.operations.handlers.models import SLOW
from leomock.operations.offered import offered
from leomock.operations.registry import broken, operation
from leomock.state.clock import timestamp
from leomock.state.limits import TRAININGS
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media.image import Picture

# Documented for FLUX_DEV, by focus: minimum and maximum epochs, lowest and highest rate. It has no General.
FLUX_LIMITS = {
    "Style": (30, 120, 0.000001, 0.00003),
    "Object": (120, 220, 0.00001, 0.001),
    "Character": (100, 200, 0.00001, 0.001),
}
# Documented for the other families.
LIMITS = (1, 250, 0.00000001, 0.00001)


@operation("createElement", basis=[SameAs("operation:createModel"), SameAs("code:price")])
def create_element(call: Call, world: World) -> Row:
    """Start the training of a custom element; its id is a number."""
    _check(call)
    dataset = dataset_of(call, world)
    note_empty(dataset, world)
    now = timestamp(world.clock.now())
    family = call["sd_version"]
    # The pricing calculator distinguishes FLUX_DEV from all other families.
    credits = price("MODEL_TRAINING", {"sd_version": family if family == "FLUX_DEV" else None})
    row = {
        "id": _new_id(world),
        "createdAt": now,
        "updatedAt": now,
        "name": call["name"],
        "description": call["description"] or "",
        "instancePrompt": call["instance_prompt"],
        "resolution": call["resolution"] or 1024,
        "learningRate": call["learning_rate"],
        "trainingEpoch": call["num_train_epochs"],
        "trainTextEncoder": call["train_text_encoder"],
        "baseModel": family,
        "focus": call["lora_focus"],
        "datasetId": dataset["id"],
        "credits": credits,
    }
    world.begin(world.elements, row, credits, TRAININGS, SLOW)
    return {"userLoraId": row["id"], **world.account.cost(credits)}


@operation("getElementById", basis=[SameAs("code:World.read")])
def get_element_by_id(call: Call, world: World) -> Row | None:
    """Return one custom element, or null; it is COMPLETE once its training is done."""
    return world.read(world.elements, call["id"])


@operation("deleteElementById", basis=[SameAs("code:World.remove")])
def delete_element_by_id(call: Call, world: World) -> Row | None:
    """Delete a custom element; null if it does not exist."""
    return world.remove(world.elements, call["id"])


@operation("getCustomElementsByUserId", basis=[SameAs("code:World.page")])
def get_custom_elements_by_user_id(call: Call, world: World) -> list[Row]:
    """Return the user's custom elements, newest first; another user's are not visible."""
    return world.page(world.elements, call["userId"])


@operation("listElements", basis=[SameAs("code:shown_element"), SameAs("code:catalogue_of")])
def list_elements(call: Call, world: World) -> list[Row]:
    """Return the platform's elements."""
    return [shown_element(element, call.addresses.cdn) for element in offered(world).elements.values()]


@based_on(
    Evidence("element-thumbnail"),
    Chosen("an element's description and creator; an element that a user added has no picture"),
)
def shown_element(element: Element, cdn: str) -> Row:
    """Return a platform element as answers show it."""
    thumbnail = f"{cdn}/element_thumbnails/{element.id}/thumbnail.png"
    return {
        "akUUID": element.id,
        "name": element.name,
        "description": f"The element {element.name}.",
        "baseModel": element.base_model,
        "creatorName": "Leonardo",
        "urlImage": thumbnail if element.id in elements() else None,
        "weightDefault": element.weight_default,
        "weightMin": element.weight_min,
        "weightMax": element.weight_max,
    }


@cdn_path("element_thumbnails/{id}/thumbnail.png")
def picture_of_an_element(id: str) -> Picture | None:
    """Return the image of a platform element."""
    from leomock.media.image import Picture

    element = elements().get(id)
    return Picture(element.name, 1, 0, 512, 512, format="png", label="element") if element else None


def _new_id(world: World) -> int:
    while True:
        id = world.random.randrange(10_000, 1_000_000)
        if world.elements.get(id) is None:
            return id


def _check(call: Call) -> None:
    """Check epochs and rates against the documented table for a family and focus."""
    family, focus = call["sd_version"], call["lora_focus"]
    is_flux = family == "FLUX_DEV"
    if is_flux and focus == "General":
        raise broken(call, "FLUX_DEV does not support the General category")
    fewest, most, slowest, fastest = FLUX_LIMITS[focus] if is_flux else LIMITS
    if not fewest <= call["num_train_epochs"] <= most:
        raise broken(call, f"num_train_epochs must be between {fewest} and {most} for {family} {focus}")
    if not slowest <= call["learning_rate"] <= fastest:
        raise broken(call, f"learning_rate must be between {slowest:g} and {fastest:g} for {family} {focus}")
    if not call["instance_prompt"] and (not is_flux or focus == "Character"):
        raise broken(call, f"instance_prompt is required for {family} {focus}")
