"""The pictures of a world: how they are named, found by their ids, and drawn."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from leomock.catalogue import platform_models
from leomock.errors import INVALID_INIT_IMAGE, NO_ACCESS_TO_IMAGE
from leomock.results import at, rendered
from leomock.settings import is_uuid
from leomock.state.bucket import StoredObject
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:  # Pillow is loaded when the first picture is asked for
    from leomock.rendering.image import Picture

# The real names carry about this much of the prompt.
SLUG_LENGTH = 60
_NOT_A_WORD = re.compile(r"[^A-Za-z0-9]+")
# A picture made from a picture made from a picture …: deeper ones are drawn without what they came from.
DEEPEST_INIT = 3


def picture_keys(row: Row, user_id: str) -> list[str]:
    """The keys of the pictures of a generation, in the form seen on the real CDN."""
    extension = "png" if row.get("transparency") == "foreground_only" else "jpg"
    stem = f"users/{user_id}/generations/{row['id']}/{_stem(row['modelId'], row['prompt'][:200])}"
    return [f"{stem}_{index}.{extension}" for index in range(picture_count(row))]


def picture_count(row: Row) -> int:
    """How many pictures a generation has: those asked for, unless its job ended with fewer."""
    count: int = row["images"] if "images" in row else row["num_images"]
    return count


@lru_cache(maxsize=1024)
def _stem(model_id: str | None, prompt: str) -> str:
    model = platform_models().get(model_id or "")
    name = _NOT_A_WORD.sub("_", model.name) if model else "Default"
    return f"{name}_{_NOT_A_WORD.sub('_', prompt)[:SLUG_LENGTH]}"


def find_generated(world: World, image_id: str) -> tuple[Row, int] | None:
    """The generation and the index of a finished picture with this id, or None."""
    if is_uuid(image_id):
        for generation_id, index in world.ids.wholes(image_id.lower()):
            row = world.generations.get(generation_id)
            if row is not None and row["status"] == "COMPLETE" and index < picture_count(row):
                return row, index
    return None


def generated_picture(world: World, image_id: str, name: str) -> tuple[Row, int]:
    """The generation and the index of the finished picture that a variable of a call names.

    Raises the refusal of the real service where there is none.
    """
    if found := find_generated(world, image_id):
        return found
    raise NO_ACCESS_TO_IMAGE(
        explain=f"{name} is not the id of a finished picture of this API key (generated_images[].id, "
        "not the generation's id)"
    )


def uploaded_picture(world: World, id: str, name: str) -> StoredObject:
    """The uploaded file that a variable of a call names; raises the refusal of the real service."""
    row = world.init_images.get(id.lower())
    if row is None:
        raise INVALID_INIT_IMAGE(explain=f"{name} is no id that POST /init-image answered with this API key")
    if stored := world.bucket.objects.get(row["key"]):
        return stored
    raise INVALID_INIT_IMAGE(
        explain=f"{name} is known, but nothing was uploaded for it yet: POST the form with the file first"
    )


@at("users/{user}/generations/{id}/{name}")
def result_of_a_generation(world: World, id: str, name: str) -> Picture | None:
    """The picture of a finished generation that has this name."""
    row = world.generations.get(id)
    if row is None or row["status"] != "COMPLETE":
        return None
    names = [key.rpartition("/")[2] for key in picture_keys(row, world.user_id)]
    return drawn(world, row, names.index(name)) if name in names else None


def drawn(world: World, row: Row, index: int, depth: int = 0) -> Picture:
    """One picture of a generation, ready to be rendered."""
    from leomock.rendering.image import Picture

    transparent = row.get("transparency") == "foreground_only"
    return Picture(
        prompt=row["prompt"],
        seed=row["seed"],
        index=index,
        width=row["imageWidth"],
        height=row["imageHeight"],
        format="png" if transparent else "jpeg",
        transparent=transparent,
        init=_init(world, row, depth),
        init_strength=row.get("initStrength", 0.5),
        label=_label(row),
    )


def _label(row: Row) -> str:
    model = platform_models().get(row["modelId"] or "")
    return model.name if model else row["sdVersion"] or ""


def _init(world: World, row: Row, depth: int) -> bytes | None:
    """The file or picture that a generation began with, if it is still there."""
    if id := row.get("init_image_id"):
        image = world.init_images.get(id.lower())
        stored = world.bucket.objects.get(image["key"]) if image else None
        return stored.body if stored else None
    if (id := row.get("init_generation_image_id")) and depth < DEEPEST_INIT:
        for generation_id, index in world.ids.wholes(id.lower()):
            if (source := world.generations.get(generation_id)) and index < picture_count(source):
                return rendered(drawn(world, source, index, depth + 1))
    return None
