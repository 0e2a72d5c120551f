"""The CDN keys under which generated files are stored."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Observed, based_on
from leomock.leonardo.catalogue import platform_models
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:  # Pillow is imported with the first image
    pass

# Real file names contain about this much of the prompt, in characters.
SLUG_LENGTH = 60
_NOT_A_WORD = re.compile(r"[^A-Za-z0-9]+")


@based_on(
    Observed(
        "the form of the names: the model or `Default`, about sixty letters of the prompt "
        "and a number; PNG where there is no background"
    ),
    Chosen("meshes and sounds stand where other generations have their pictures"),
)
def picture_keys(row: Row, user_id: str) -> list[str]:
    """Return the keys of the images of a generation."""
    stem = f"users/{user_id}/generations/{row['id']}/{result_stem(row)}"
    return [f"{stem}_{index}.{_extension(row)}" for index in range(picture_count(row))]


def _extension(row: Row) -> str:
    if "mesh" in row:
        return "glb"
    if "sound" in row:
        return "wav"
    return "png" if is_transparent(row) or row.get("variation") == "NOBG" else "jpg"


def is_transparent(row: Row) -> bool:
    """Return True if the images of a generation have a transparent background."""
    return row.get("transparency") == "foreground_only"


def reference_key(world: World, row: Row) -> str:
    """Return the key of a file that only results show: sent with the call, or deleted since."""
    return f"users/{world.user_id}/references/{row['id']}"


@based_on(Chosen("a film has the name of its still: none was seen"))
def video_keys(row: Row, user_id: str) -> list[str]:
    """Return the keys of the videos of a generation; empty unless it is a video generation."""
    if "seconds" not in row:
        return []
    return [f"{key.rpartition('.')[0]}.mp4" for key in picture_keys(row, user_id)]


def result_stem(row: Row) -> str:
    """Return the beginning of a generation's file names: its model and its prompt."""
    return file_stem(row["modelId"], row["prompt"][:200])


def picture_count(row: Row) -> int:
    """Return the number of images of a generation: those requested, unless its job ended with fewer."""
    count: int = row["images"] if "images" in row else row["num_images"]
    return count


@lru_cache(maxsize=1024)
def file_stem(model_id: str | None, prompt: str) -> str:
    """Return the file name, without extension, of a generated image."""
    model = platform_models().get(model_id or "")
    name = _NOT_A_WORD.sub("_", model.name) if model else "Default"
    return f"{name}_{_NOT_A_WORD.sub('_', prompt)[:SLUG_LENGTH]}"
