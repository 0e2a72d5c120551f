"""What is at an address of the CDN: names pictures, and finds them by their names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from leomock.catalogue import platform_models
from leomock.state.bucket import StoredObject
from leomock.state.table import Row
from leomock.state.world import World, Worlds

if TYPE_CHECKING:  # Pillow is loaded when the first picture is asked for
    from leomock.rendering.image import Picture

# The real names carry about this much of the prompt.
SLUG_LENGTH = 60
_GENERATED = re.compile(r"users/([^/]+)/generations/([^/]+)/[^/]+", re.ASCII)
OWNER = re.compile(r"users/([^/]+)/")
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


def find_picture(worlds: Worlds, key: str) -> Picture | StoredObject | None:
    """What is at a key: a picture to render, an uploaded file, or nothing."""
    owner = OWNER.match(key)
    world = worlds.of_user(owner[1]) if owner else None
    if world is None:
        return None
    with world.lock:
        world.settle()
        return world.bucket.objects.get(key) or _generated(world, key)


def _generated(world: World, key: str) -> Picture | None:
    found = _GENERATED.fullmatch(key)
    row = world.generations.get(found[2]) if found else None
    if found is None or row is None or row["status"] != "COMPLETE":
        return None
    keys = picture_keys(row, world.user_id)
    return _picture(world, row, keys.index(key)) if key in keys else None


def _picture(world: World, row: Row, index: int, depth: int = 0) -> Picture:
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
                return rendered(_picture(world, source, index, depth + 1))
    return None


@lru_cache(maxsize=32)
def rendered(picture: Picture) -> bytes:
    """The bytes of a picture; the last few are kept, since HEAD, Range and ETag ask again."""
    from leomock.rendering.image import render

    return render(picture)
