"""Find images by id: generated, uploaded or varied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Inferred, Observed, based_on
from leomock.leonardo.errors import INVALID_INIT_IMAGE, NO_ACCESS_TO_IMAGE, NO_INIT_VARIATION
from leomock.leonardo.uuids import is_uuid
from leomock.operations.assets.keys import file_stem, picture_count
from leomock.operations.assets.upload_content import note_content
from leomock.state.remarks import GENERATED_IMAGE, NEVER_UPLOADED
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.state.bucket.objects import StoredObject

if TYPE_CHECKING:  # Pillow is imported with the first image
    pass


@based_on(
    Observed("the name of the model is always `Default`, and a picture without its background is a PNG"),
    Chosen("an upscaled PNG stays a PNG, and a variation of a variation is named after the first picture"),
)
def variation_key(world: World, row: Row) -> str:
    """Return the key of a variation."""
    id, kind = row["id"], row["kind"]
    folder = f"users/{world.user_id}/generations/{id}/variations"
    if kind == "UNIVERSAL":
        return f"{folder}/UniversalUpscaler_{id}.jpg"
    png = kind == "NOBG" or (kind == "UPSCALE" and row["sourceKey"].endswith(".png"))
    found = find_generated(world, row["generatedImageId"] or "")
    stem = f"{file_stem(None, found[0]['prompt'][:200])}_{found[1]}" if found else "Default"
    return f"{folder}/{stem}_{id}_0.{'png' if png else 'jpg'}"


def find_generated(world: World, image_id: str) -> tuple[Row, int] | None:
    """Return the generation and the index of a finished image with this id, or None."""
    if is_uuid(image_id):
        for generation_id, index in world.ids.wholes(image_id.lower()):
            row = world.generations.get(generation_id)
            if row is not None and row["status"] == "COMPLETE" and index < picture_count(row):
                return row, index
    return None


@based_on(
    Inferred(
        "the error for a picture that is missing or unfinished is documented for variations; here it "
        "applies wherever a call names a picture"
    )
)
def generated_picture(world: World, image_id: str, name: str) -> tuple[Row, int]:
    """Return the generation and the index of the finished image that a variable of a call names.

    Raises the error of the real service if there is no such image.
    """
    if found := find_generated(world, image_id):
        return found
    raise NO_ACCESS_TO_IMAGE(
        explain=f"{name} is not the id of a finished picture of this API key (generated_images[].id, "
        "not the generation's id)"
    )


def find_uploaded(world: World, id: str) -> StoredObject | None:
    """Return the uploaded file of the init image with this id, or None."""
    row = world.init_images.get(id.lower())
    return world.bucket.objects.get(row["key"]) if row else None


@based_on(Inferred("an id whose file was never uploaded gets the error that is documented for an unknown id"))
def uploaded_picture(world: World, id: str, name: str) -> StoredObject:
    """Return the uploaded file that a variable of a call names. Raises the error of the real service."""
    row = world.init_images.get(id.lower())
    if row and (stored := find_uploaded(world, id)):
        note_content(world, stored, row["key"], name)
        return stored
    if row:
        raise INVALID_INIT_IMAGE(
            explain=f"{name} is known, but {NEVER_UPLOADED} yet: POST the form with the file first"
        )
    if find_generated(world, id):
        raise INVALID_INIT_IMAGE(explain=f"{name} {GENERATED_IMAGE}, not of an upload")
    raise INVALID_INIT_IMAGE(explain=f"{name} is not an id that POST /init-image returned for this API key")


def find_variation(world: World, id: str) -> Row | None:
    """Return the finished variation with this id, or None."""
    row = world.variations.get(id.lower())
    return row if row is not None and row["status"] == "COMPLETE" else None


def varied_picture(world: World, id: str, name: str) -> Row:
    """Return the finished variation that a variable of a call names. Raises the real service's error."""
    if row := find_variation(world, id):
        return row
    raise NO_INIT_VARIATION(
        explain=f"{name} is not the id of a finished variation of this API key (GET /variations/{{id}} tells "
        "when it is COMPLETE; a generated picture is not a variation)"
    )
