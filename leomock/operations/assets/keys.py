"""The CDN keys under which generated files are stored."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, Evidence, Inferred, based_on
from leomock.leonardo.catalogue import named_models, platform_models
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:  # Pillow is imported with the first image
    pass

# The model and the prompt have this many characters together.
NAME_LENGTH = 62
# A longer prompt cannot change the name.
_MOST_OF_A_PROMPT = 1500
_PUNCTUATION = re.compile(r"[^\w\s]", re.ASCII)
_BLANK = re.compile(r"\s")
# Families whose files are stored in segments.
_IN_SEGMENTS = ("PHOENIX", "FLUX", "FLUX_DEV", "KINO_2_0", "KINO_2_1")
# The names of video models in file names, where they do not follow from the model.
_MOTION_NAMES = {"MOTION2": "motion2", "MOTION2FAST": "motion2Fast", "VEO3": "veo30generatepreview"}
SVD = "SVD"


@based_on(
    Evidence("file-name-of-62-characters"),
    Evidence("file-name-without-punctuation"),
    Evidence("file-name-of-a-numbered-model"),
    Evidence("file-in-a-segment"),
    Evidence("flux-dev-extension"),
    Evidence("motion-file-name"),
    Evidence("motion-2-file-name"),
    Evidence("seedance-2-5-file-name"),
    Inferred("a model that both versions have gets the file names of version 1"),
    Chosen(
        "non-ASCII letters are removed like punctuation; video models that were not observed are named in "
        "lower case; meshes and sounds are stored where other generations have their pictures"
    ),
)
def picture_keys(row: Row, user_id: str) -> list[str]:
    """Return the keys of the images of a generation."""
    folder, count = f"users/{user_id}/generations/{row['id']}", picture_count(row)
    extension = _extension(row)
    return [f"{folder}/{_name(row, index, count)}.{extension}" for index in range(count)]


def _name(row: Row, index: int, count: int) -> str:
    """Return the path of a file below the folder of its generation, without the extension."""
    if row.get("motionModel") == SVD:
        return str(row["id"])
    slug = row.get("model")
    if slug and not platform_models().get(row["modelId"] or ""):
        return f"{slug}_{in_a_name(row['prompt'])}"[:NAME_LENGTH] + f"-{index}"
    stem = f"{result_stem(row)}_{index}"
    return f"segments/{index + 1}:{count}:1/{stem}" if _is_in_segments(row) else stem


def _is_in_segments(row: Row) -> bool:
    return "seconds" in row or row["sdVersion"] in _IN_SEGMENTS


def _extension(row: Row) -> str:
    if "mesh" in row:
        return "glb"
    if "sound" in row:
        return "wav"
    if is_transparent(row) or row.get("variation") == "NOBG":
        return "png"
    return "jpeg" if row["sdVersion"] == "FLUX_DEV" and "seconds" not in row else "jpg"


def is_transparent(row: Row) -> bool:
    """Return True if the images of a generation have a transparent background."""
    return row.get("transparency") == "foreground_only"


def reference_key(world: World, row: Row) -> str:
    """Return the key of a file that only results show: sent with the call, or deleted since."""
    return f"users/{world.user_id}/references/{row['id']}"


@based_on(Evidence("motion-file-name"), Evidence("motion-2-file-name"))
def video_keys(row: Row, user_id: str) -> list[str]:
    """Return the keys of the videos of a generation, named like its stills; empty for pictures."""
    if "seconds" not in row:
        return []
    return [f"{key.rpartition('.')[0]}.mp4" for key in picture_keys(row, user_id)]


def result_stem(row: Row) -> str:
    """Return the beginning of a generation's file names: its model and its prompt."""
    if "seconds" in row:
        model = row["motionModel"] or "Default"
        name = _MOTION_NAMES.get(model) or _PUNCTUATION.sub("", model.lower())
        return f"{name}_{in_a_name(row['prompt'])}"[:NAME_LENGTH]
    return file_stem(row["modelId"], row["prompt"][:_MOST_OF_A_PROMPT])


def picture_count(row: Row) -> int:
    """Return the number of images of a generation: those requested, unless its job ended with fewer."""
    count: int = row["images"] if "images" in row else row["num_images"]
    return count


@lru_cache(maxsize=1024)
def file_stem(model_id: str | None, prompt: str) -> str:
    """Return the file name, without number and extension, of a generated image."""
    model = named_models().get(model_id or "")
    name = in_a_name(_short(model.name)) if model else "Default"
    return f"{name}_{in_a_name(prompt)}"[:NAME_LENGTH]


def _short(name: str) -> str:
    """Return the name of a model as it appears in file names: Phoenix without the maker."""
    return name.removeprefix("Leonardo ") if "Phoenix" in name else name


def in_a_name(text: str) -> str:
    """Return a text as it appears in file names: without punctuation, and with underscores for spaces."""
    return _BLANK.sub("_", _PUNCTUATION.sub("", text))
