"""Read additions to leomock's own catalogue: models, elements, styles and blueprints."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from leomock.files.given import read_given
from leomock.files.yaml_source import FileError, Schema

_SCHEMA = Schema(Path(__file__).with_name("catalogue.schema.json"))


class CatalogueError(FileError):
    """The additions to the catalogue are invalid; `findings` lists every error, one line each."""


@lru_cache(maxsize=8)
def additions_of(text: str) -> dict[str, list[dict[str, Any]]]:
    """Return the additions that the setting `catalogue` names, by kind. Raises CatalogueError."""
    if not text:
        return {}
    advice = "list what the platform has, such as models"
    additions, _ = read_given(text, "catalogue", _SCHEMA, CatalogueError, advice)
    return additions
