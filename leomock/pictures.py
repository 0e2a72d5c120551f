"""The pictures of a world: how they are named, found by their ids, and drawn."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from leomock.catalogue import models_v2, platform_models
from leomock.errors import INVALID_INIT_IMAGE, NO_ACCESS_TO_IMAGE, NO_INIT_VARIATION
from leomock.results import at, rendered
from leomock.settings import is_uuid
from leomock.state.bucket import StoredObject
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:  # Pillow is loaded when the first picture is asked for
    from leomock.rendering.image import Picture
    from leomock.rendering.mesh import Mesh
    from leomock.rendering.sound import Sound
    from leomock.rendering.variation import Source, Variation
    from leomock.rendering.video import Video

# The real names carry about this much of the prompt.
SLUG_LENGTH = 60
_NOT_A_WORD = re.compile(r"[^A-Za-z0-9]+")
# A picture made from a picture made from a picture …: deeper ones are drawn without what they came from.
DEEPEST_INIT = 3
# Of variations of variations of variations … only so many are drawn, upon what the first was made from.
DEEPEST_VARIATION = 4


def picture_keys(row: Row, user_id: str) -> list[str]:
    """The keys of the pictures of a generation.

    Basis: observed; the form of the names: the model or `Default`, about sixty letters of the prompt and a
    number; PNG where there is no background.

    Basis: chosen; meshes and sounds stand where other generations have their pictures.
    """
    stem = f"users/{user_id}/generations/{row['id']}/{result_stem(row)}"
    return [f"{stem}_{index}.{_extension(row)}" for index in range(picture_count(row))]


def _extension(row: Row) -> str:
    if "mesh" in row:
        return "glb"
    if "sound" in row:
        return "wav"
    return "png" if _is_transparent(row) or row.get("variation") == "NOBG" else "jpg"


def _is_transparent(row: Row) -> bool:
    return row.get("transparency") == "foreground_only"


def reference_key(world: World, row: Row) -> str:
    """The key of what results show and nothing else has: what came with the call, or was deleted since."""
    return f"users/{world.user_id}/references/{row['id']}"


def variation_key(world: World, row: Row) -> str:
    """The key of a variation.

    Basis: observed; the name of the model is always `Default`, and what lost its background is a PNG.

    Basis: chosen; what is upscaled from a PNG is one as well, and a variation of a variation is named after
    the first picture.
    """
    id, kind = row["id"], row["kind"]
    folder = f"users/{world.user_id}/generations/{id}/variations"
    if kind == "UNIVERSAL":
        return f"{folder}/UniversalUpscaler_{id}.jpg"
    png = kind == "NOBG" or (kind == "UPSCALE" and row["sourceKey"].endswith(".png"))
    found = find_generated(world, row["generatedImageId"] or "")
    stem = f"{_stem(None, found[0]['prompt'][:200])}_{found[1]}" if found else "Default"
    return f"{folder}/{stem}_{id}_0.{'png' if png else 'jpg'}"


def video_keys(row: Row, user_id: str) -> list[str]:
    """The keys of the films of a generation: none, unless it is one of videos.

    Basis: chosen; a film has the name of its still: none was seen.
    """
    if "seconds" not in row:
        return []
    return [f"{key.rpartition('.')[0]}.mp4" for key in picture_keys(row, user_id)]


def result_stem(row: Row) -> str:
    """What the names of a generation's results begin with: its model and its prompt."""
    return _stem(row["modelId"], row["prompt"][:200])


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

    Basis: inferred; that a picture which is not there, or not finished, cannot be had is documented for
    variations, and holds here wherever one is named.
    """
    if found := find_generated(world, image_id):
        return found
    raise NO_ACCESS_TO_IMAGE(
        explain=f"{name} is not the id of a finished picture of this API key (generated_images[].id, "
        "not the generation's id)"
    )


def find_uploaded(world: World, id: str) -> StoredObject | None:
    """The file that was uploaded for the init image with this id, or None."""
    row = world.init_images.get(id.lower())
    return world.bucket.objects.get(row["key"]) if row else None


def uploaded_picture(world: World, id: str, name: str) -> StoredObject:
    """The uploaded file that a variable of a call names; raises the refusal of the real service.

    Basis: inferred; the refusal documented for an id that is not known is that of one whose file was never
    uploaded as well.
    """
    if stored := find_uploaded(world, id):
        return stored
    if world.init_images.get(id.lower()) is None:
        raise INVALID_INIT_IMAGE(explain=f"{name} is no id that POST /init-image answered with this API key")
    raise INVALID_INIT_IMAGE(
        explain=f"{name} is known, but nothing was uploaded for it yet: POST the form with the file first"
    )


def find_variation(world: World, id: str) -> Row | None:
    """The finished variation with this id, or None."""
    row = world.variations.get(id.lower())
    return row if row is not None and row["status"] == "COMPLETE" else None


def varied_picture(world: World, id: str, name: str) -> Row:
    """The finished variation that a variable of a call names; raises the refusal of the real service."""
    if row := find_variation(world, id):
        return row
    raise NO_INIT_VARIATION(
        explain=f"{name} is not the id of a finished variation of this API key (GET /variations/{{id}} tells "
        "when it is COMPLETE; a generated picture is no variation)"
    )


@at("users/{user}/generations/{id}/{name}")
def result_of_a_generation(
    world: World, id: str, name: str
) -> Picture | Variation | Video | Mesh | Sound | None:
    """The picture, film, mesh or sound of a finished generation that has this name."""
    row = world.generations.get(id)
    if row is None or row["status"] != "COMPLETE":
        return None
    for index, key in enumerate(picture_keys(row, world.user_id)):
        if key.endswith(f"/{name}"):
            return _made(world, row, index)
    if any(key.endswith(f"/{name}") for key in video_keys(row, world.user_id)):
        return video(world, row, row["imageWidth"], row["imageHeight"])
    return None


@at("users/{user}/generations/{id}/variations/{name}")
def result_of_a_variation(world: World, id: str, name: str) -> Variation | None:
    """The picture of a finished variation that has this name."""
    row = find_variation(world, id)
    if row is None or row["key"].rpartition("/")[2] != name:
        return None
    return drawn_variation(world, row)


def _made(world: World, row: Row, index: int) -> Picture | Variation | Mesh | Sound:
    from leomock.rendering.mesh import Mesh
    from leomock.rendering.sound import Sound

    if "mesh" in row:
        return Mesh(row["prompt"], row["seed"] + index)
    if "sound" in row:
        return Sound(row["prompt"], row["seed"] + index, row["sound"])
    return drawn(world, row, index)


def drawn(world: World, row: Row, index: int, depth: int = 0) -> Picture | Variation:
    """One picture of a generation, ready to be rendered.

    A generation that makes a picture larger or cuts it out, and has not got it, does so with one of its own.
    """
    from leomock.rendering.variation import Variation

    before = origin(world, row, depth)
    if kind := row.get("variation"):
        factor = row["factor"]
        if before is None:
            width, height = (round(row[side] / factor) for side in ("imageWidth", "imageHeight"))
            before = replace(_painted(row, index, None), width=width, height=height)
        return Variation(before, kind, factor, row["creativity"])
    init = before if before is None or isinstance(before, bytes) else rendered(before)
    return _painted(row, index, init)


def _painted(row: Row, index: int, init: bytes | None) -> Picture:
    from leomock.rendering.image import Picture

    transparent = _is_transparent(row)
    return Picture(
        prompt=row["prompt"],
        seed=row["seed"],
        index=index,
        width=row["imageWidth"],
        height=row["imageHeight"],
        format="png" if transparent else "jpeg",
        transparent=transparent,
        init=init,
        init_strength=row.get("initStrength", 0.5),
        label=_label(row),
    )


def video(world: World, row: Row, width: int, height: int) -> Video:
    """The film of a generation of a video, at a size in pixels (even numbers)."""
    from leomock.rendering.video import Video

    return Video(drawn(world, row, 0), row["seconds"], width, height)


def _label(row: Row) -> str:
    if model := models_v2().get(row.get("model", "")):
        return model.name
    of_platform = platform_models().get(row["modelId"] or "")
    return of_platform.name if of_platform else row.get("motionModel") or row["sdVersion"]


def origin(world: World, row: Row, depth: int = 0) -> Source | None:
    """What a generation began with, if it is still there.

    Basis: chosen; with the canvas that is its picture as a whole, whatever the mask says.
    """
    if stored := world.bucket.objects.get(row.get("reference", "")):
        return stored.body
    if id := row.get("init_image_id") or row.get("canvasInitId"):
        return _file(world, id)
    if depth >= DEEPEST_INIT:
        return None
    if id := row.get("init_generation_image_id"):
        found = find_generated(world, id)
        return drawn(world, *found, depth + 1) if found else None
    if id := row.get("init_variation_id"):
        variation = find_variation(world, id)
        return drawn_variation(world, variation, depth + 1) if variation else None
    return None


def keep_for_results(world: World, id: str) -> None:
    """Keep the file of an init image that is about to go, where something was made from it.

    Basis: inferred; results stay as they are, since their links do not expire (documented).
    """
    row, stored = world.init_images.get(id), find_uploaded(world, id)
    if row and stored and any(_shows(other, id) for other in (*world.generations, *world.variations)):
        world.bucket.keep(reference_key(world, row), stored.body, "application/octet-stream")


def _shows(row: Row, id: str) -> bool:
    """Whether a generation or a variation was made from an init image."""
    names = ("init_image_id", "canvasInitId", "initImageId")
    return any((row.get(name) or "").lower() == id for name in names)


def _file(world: World, id: str) -> bytes | None:
    """The file that was uploaded for an init image, as long as something shows it."""
    stored = find_uploaded(world, id) or world.bucket.objects.get(reference_key(world, {"id": id.lower()}))
    return stored.body if stored else None


def drawn_variation(world: World, row: Row, depth: int = 0) -> Variation:
    """A variation, ready to be rendered."""
    from leomock.rendering.variation import Variation

    return Variation(_source(world, row, depth), row["kind"], row["factor"], row["creativity"])


def _source(world: World, row: Row, depth: int) -> Source:
    """What a variation is made from; the picture says so where an uploaded file is gone."""
    if (before := world.variations.get(row["variationId"] or "")) and depth < DEEPEST_VARIATION:
        return drawn_variation(world, before, depth + 1)
    if found := find_generated(world, row["generatedImageId"] or ""):
        return drawn(world, *found)
    return _file(world, row["initImageId"] or "") or b""
