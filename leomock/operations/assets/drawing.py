"""Find the images of a world by name and id, and draw them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Inferred, based_on
from leomock.leonardo.catalogue import named_models
from leomock.leonardo.catalogue.v2 import all_models_v2
from leomock.media import Renderable
from leomock.operations.assets.keys import is_transparent, picture_keys, reference_key, video_keys
from leomock.operations.assets.lookup import find_generated, find_uploaded, find_variation
from leomock.operations.assets.resolver import Cached, cdn_path
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:  # Pillow is imported with the first image
    from leomock.media.image import Picture
    from leomock.media.mesh import Mesh
    from leomock.media.sound import Sound
    from leomock.media.variation import Drawable, Source, Variation
    from leomock.media.video import Video
# The maximum depth of images made from images; deeper ones are drawn without their source.
DEEPEST_INIT = 3
# The maximum number of nested variations that are drawn, on top of the original source.
DEEPEST_VARIATION = 4


@cdn_path("users/{user}/generations/{id}/segments/{segment}/{name}")
def result_in_a_segment(world: World, id: str, segment: str, name: str) -> Renderable | None:
    """Return a result of a finished generation by its segment and file name."""
    return _result(world, id, f"segments/{segment}/{name}")


@cdn_path("users/{user}/generations/{id}/{name}")
def result_of_a_generation(world: World, id: str, name: str) -> Renderable | None:
    """Return the image, video, mesh or sound of a finished generation by its file name."""
    return _result(world, id, name)


def _result(world: World, id: str, name: str) -> Renderable | None:
    """Return a result of a finished generation by its path below the generation's folder."""
    row = world.generations.get(id)
    if row is None or row["status"] != "COMPLETE":
        return None
    wanted = f"users/{world.user_id}/generations/{id}/{name}"
    for index, key in enumerate(picture_keys(row, world.user_id)):
        if key == wanted:
            return _made(world, row, index)
    if wanted in video_keys(row, world.user_id):
        return video(world, row, row["imageWidth"], row["imageHeight"])
    return None


@cdn_path("users/{user}/generations/{id}/variations/{name}")
def result_of_a_variation(world: World, id: str, name: str) -> Variation | None:
    """Return the image of a finished variation by its file name."""
    row = find_variation(world, id)
    if row is None or row["key"].rpartition("/")[2] != name:
        return None
    return drawn_variation(world, row)


@cdn_path("users/{user}/generations/{id}/{maker}/{name}")
def result_of_a_maker(world: World, id: str, maker: str, name: str) -> Renderable | None:
    """Return a result of a finished generation whose model name begins with its maker."""
    return _result(world, id, f"{maker}/{name}")


def _made(world: World, row: Row, index: int) -> Drawable | Mesh | Sound:
    if "mesh" in row:
        from leomock.media.mesh import Mesh

        return Mesh(row["prompt"], row["seed"] + index)
    if "sound" in row:
        from leomock.media.sound import Sound

        return Sound(row["prompt"], row["seed"] + index, row["sound"])
    return drawn(world, row, index)


@based_on(
    Chosen("white areas of a canvas mask are drawn again, black areas stay as they were"),
    Chosen("the mask applies to every type of canvas request; a mask that cannot be read is ignored"),
)
def drawn(world: World, row: Row, index: int, depth: int = 0) -> Drawable:
    """Return one image of a generation, ready to be rendered.

    A generation that upscales or cuts out a missing image uses an image drawn for itself.
    """
    before = origin(world, row, depth)
    if kind := row.get("variation"):
        from leomock.media.variation import Variation

        factor = row["factor"]
        if before is None:
            width, height = (round(row[side] / factor) for side in ("imageWidth", "imageHeight"))
            before = replace(_painted(row, index, None), width=width, height=height)
        return Variation(before, kind, factor, row["creativity"])
    if before is None or isinstance(before, bytes):
        picture = _painted(row, index, before)
    else:
        from leomock.media.variation import Unlabelled

        picture = _painted(row, index, Cached(Unlabelled(before), world.user_id))
    mask = _file(world, row["canvasMaskId"]) if row.get("canvasMaskId") else None
    if mask is None:
        return picture
    from leomock.media.inpaint import Inpainted

    return Inpainted(picture, mask)


def _painted(row: Row, index: int, init: bytes | Cached | None) -> Picture:
    from leomock.media.image import Picture

    transparent = is_transparent(row)
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
    """Return the video of a generation, at a size in pixels (even numbers)."""
    from leomock.media.video import Video

    return Video(drawn(world, row, 0), row["seconds"], width, height)


def _label(row: Row) -> str:
    if model := all_models_v2().get(row.get("model", "")):
        return model.name
    of_platform = named_models().get(row["modelId"] or "")
    return of_platform.name if of_platform else row.get("motionModel") or row["sdVersion"]


def origin(world: World, row: Row, depth: int = 0) -> Source | None:
    """Return the source of a generation, if it still exists."""
    if stored := world.bucket.objects.get(row.get("reference", "")):
        return stored.body
    if id := row.get("init_image_id") or row.get("canvasInitId"):
        return _file(world, id)
    if depth >= DEEPEST_INIT:
        return None
    if id := row.get("init_generation_image_id"):
        found = find_generated(world, id)
        return _generated(world, *found, depth + 1) if found else None
    if id := row.get("init_variation_id"):
        variation = find_variation(world, id)
        return drawn_variation(world, variation, depth + 1) if variation else None
    return None


def _generated(world: World, row: Row, index: int, depth: int = 0) -> Source:
    """Return a generated picture: the file that the user declared for it, or the drawn one."""
    stored = world.bucket.objects.get(picture_keys(row, world.user_id)[index])
    return stored.body if stored else drawn(world, row, index, depth)


@based_on(Inferred("results stay unchanged, since their links do not expire (documented)"))
def keep_for_results(world: World, id: str) -> None:
    """Keep the file of an init image before its deletion, if a result was made from it."""
    row, stored = world.init_images.get(id), find_uploaded(world, id)
    if row and stored and any(_shows(other, id) for other in (*world.generations, *world.variations)):
        world.bucket.keep(reference_key(world, row), stored.body, "application/octet-stream")


def _shows(row: Row, id: str) -> bool:
    """Return True if a generation or a variation was made from an init image."""
    names = ("init_image_id", "canvasInitId", "canvasMaskId", "initImageId")
    return any((row.get(name) or "").lower() == id for name in names)


def _file(world: World, id: str) -> bytes | None:
    """Return the uploaded file of an init image, as long as a result shows it."""
    stored = find_uploaded(world, id) or world.bucket.objects.get(reference_key(world, {"id": id.lower()}))
    return stored.body if stored else None


def drawn_variation(world: World, row: Row, depth: int = 0) -> Variation:
    """Return a variation, ready to be rendered."""
    from leomock.media.variation import Variation

    return Variation(_source(world, row, depth), row["kind"], row["factor"], row["creativity"])


def _source(world: World, row: Row, depth: int) -> Source:
    """Return the source of a variation; the image says so if an uploaded file is gone."""
    if (before := world.variations.get(row["variationId"] or "")) and depth < DEEPEST_VARIATION:
        return drawn_variation(world, before, depth + 1)
    if found := find_generated(world, row["generatedImageId"] or ""):
        return _generated(world, *found)
    return _file(world, row["initImageId"] or "") or b""
