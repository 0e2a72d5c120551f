"""Datasets: images for training models and elements."""

from __future__ import annotations

from leomock.leonardo.basis import Chosen, SameAs
from leomock.leonardo.errors import NO_DATASET
from leomock.openapi.request_parser import Call
from leomock.operations.assets.keys import picture_keys
from leomock.operations.assets.lookup import generated_picture
from leomock.operations.assets.upload_forms import CONTENT_TYPES, presigned
from leomock.operations.registry import BY_ITS_DOCUMENT, operation
from leomock.state.clock import timestamp
from leomock.state.remarks import EMPTY_DATASET
from leomock.state.table import Row
from leomock.state.world import World


@operation("createDataset", basis=[BY_ITS_DOCUMENT])
def create_dataset(call: Call, world: World) -> Row:
    """Create an empty dataset."""
    now = timestamp(world.clock.now())
    return world.datasets.add(
        {
            "id": world.ids.new(),
            "createdAt": now,
            "updatedAt": now,
            "name": call["name"],
            "description": call["description"],
            "dataset_images": [],
        }
    )


@operation(
    "getDatasetById",
    basis=[Chosen("a picture is not shown until it has been uploaded"), SameAs("code:World.read")],
)
def get_dataset_by_id(call: Call, world: World) -> Row | None:
    """Return one dataset with the images uploaded so far, or null."""
    row = world.datasets.get(call["id"])
    if row is None:
        return None
    there = [image for image in row["dataset_images"] if _is_there(image, world)]
    images = [{**image, "url": f"{call.addresses.cdn}/{image['key']}"} for image in there]
    return {**row, "dataset_images": images}


@operation("deleteDatasetById", basis=[SameAs("code:World.remove")])
def delete_dataset_by_id(call: Call, world: World) -> Row | None:
    """Delete a dataset with its uploads; null if it does not exist."""
    row = world.remove(world.datasets, call["id"])
    for image in row["dataset_images"] if row else ():
        world.bucket.objects.pop(image["key"], None)
    return row


@operation(
    "uploadDatasetImage",
    basis=[Chosen("each file is named `image`; the document shows `example`"), SameAs("code:presigned")],
)
def upload_dataset_image(call: Call, world: World) -> Row:
    """Presign a form for one more image."""
    row = dataset_of(call, world)
    extension: str = call["extension"]
    id = world.ids.new()
    key = f"users/{world.user_id}/datasets/{row['id']}/images/{id}/image.{extension}"
    fields, url = presigned(call, world, key, CONTENT_TYPES[extension])
    _add(row, world, {"id": id, "key": key})
    return {"id": id, "fields": fields, "key": key, "url": url}


@operation(
    "uploadDatasetImageFromGen",
    basis=[Chosen("the picture also stays in the generation, and is deleted with it")],
)
def upload_dataset_image_from_gen(call: Call, world: World) -> Row:
    """Add a generated image."""
    row = dataset_of(call, world)
    generation, index = generated_picture(world, call["generatedImageId"], "generatedImageId")
    id = world.ids.new()
    key = picture_keys(generation, world.user_id)[index]
    _add(row, world, {"id": id, "key": key, "generation": generation["id"]})
    return {"id": id}


def note_empty(row: Row, world: World) -> None:
    """Explain the current call, which trains on a dataset, if the dataset has no pictures."""
    if not any(_is_there(image, world) for image in row["dataset_images"]):
        world.note = f"{EMPTY_DATASET} (id {row['id']})"


def dataset_of(call: Call, world: World) -> Row:
    """Return the dataset that a call names; raises an error of our own if it does not exist."""
    if row := world.datasets.get(call["datasetId"].lower()):
        return row
    raise NO_DATASET(
        explain=f"{call.operation.id}: datasetId is not an id that POST /datasets returned for this API key"
    )


def _is_there(image: Row, world: World) -> bool:
    if "generation" in image:
        return world.generations.get(image["generation"]) is not None
    return image["key"] in world.bucket.objects


def _add(row: Row, world: World, image: Row) -> None:
    now = timestamp(world.clock.now())
    # Always a new list: a snapshot may hold the old one.
    row["dataset_images"] = [*row["dataset_images"], {**image, "createdAt": now}]
    row["updatedAt"] = now
