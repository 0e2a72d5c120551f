"""The CDN keys under which generated files are stored."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Observed, based_on
from leomock.leonardo.catalogue import platform_models
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:  # Pillow is loaded when the first picture is asked for
    pass

# The real names carry about this much of the prompt.
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
    """The keys of the pictures of a generation."""
    stem = f"users/{user_id}/generations/{row['id']}/{result_stem(row)}"
    return [f"{stem}_{index}.{_extension(row)}" for index in range(picture_count(row))]


def _extension(row: Row) -> str:
    if "mesh" in row:
        return "glb"
    if "sound" in row:
        return "wav"
    return "png" if is_transparent(row) or row.get("variation") == "NOBG" else "jpg"


def is_transparent(row: Row) -> bool:
    """Whether the pictures of a generation have a transparent background."""
    return row.get("transparency") == "foreground_only"


def reference_key(world: World, row: Row) -> str:
    """The key of what results show and nothing else has: what came with the call, or was deleted since."""
    return f"users/{world.user_id}/references/{row['id']}"


@based_on(Chosen("a film has the name of its still: none was seen"))
def video_keys(row: Row, user_id: str) -> list[str]:
    """The keys of the films of a generation: none, unless it is one of videos."""
    if "seconds" not in row:
        return []
    return [f"{key.rpartition('.')[0]}.mp4" for key in picture_keys(row, user_id)]


def result_stem(row: Row) -> str:
    """What the names of a generation's results begin with: its model and its prompt."""
    return file_stem(row["modelId"], row["prompt"][:200])


def picture_count(row: Row) -> int:
    """How many pictures a generation has: those asked for, unless its job ended with fewer."""
    count: int = row["images"] if "images" in row else row["num_images"]
    return count


@lru_cache(maxsize=1024)
def file_stem(model_id: str | None, prompt: str) -> str:
    """Return the file name, without extension, of a generated picture."""
    model = platform_models().get(model_id or "")
    name = _NOT_A_WORD.sub("_", model.name) if model else "Default"
    return f"{name}_{_NOT_A_WORD.sub('_', prompt)[:SLUG_LENGTH]}"
