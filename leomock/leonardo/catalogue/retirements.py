"""What the vendor has retired, with dates: models of both versions, and operations of version 1."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import orjson

from leomock.leonardo.basis import Documented, Evidence, Inferred, based_on

Json = dict[str, Any]

# These models accepted a `mode` until 2026-05-04.
QUALITY_FOR_MODE = ("gpt-image-1.5", "ideogram-v3.0")
MODE_RETIRED = "2026-05-04"


def is_past(moment: str, date: str) -> bool:
    """Return True if a change of the service applies on a date; the empty date means the newest facts."""
    return not date or moment <= date


@cache
def _read() -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = orjson.loads(Path(__file__).with_name("retired.json").read_bytes())
    return found


def retired_models() -> list[Json]:
    """Return the retired models: slug, name, date, and the replacement that the vendor offers.

    `version_1` is the name of a model in the video operations of version 1.
    """
    return _read()["models"]


def retired_operations() -> list[Json]:
    """Return the retired operations of version 1: id, name, date and replacement; `gone` means 404."""
    return _read()["operations"]


@based_on(Documented("page Deprecations & Changes of docs.leonardo.ai: such a request returns an error"))
def retirement(slug: str, date: str = "") -> Json | None:
    """Return the facts about a model's retirement as of a date, or None if it is still offered."""
    return _find(retired_models(), "slug", slug, date)


@based_on(
    Documented("page Deprecations & Changes of docs.leonardo.ai: such a request returns an error"),
    Inferred("VEO3, VEO3FAST and VEO3_0 of version 1 are Veo 3 and Veo 3 Fast"),
)
def retirement_in_version_1(name: str, date: str = "") -> Json | None:
    """Return the facts about the retirement of a video model of version 1, or None if it is still offered."""
    return _find(retired_models(), "version_1", name, date)


@based_on(
    Documented("page Deprecations & Changes of docs.leonardo.ai: Motion 1.0, also in version 1"),
    Evidence("texture-generation-gone"),
)
@lru_cache(maxsize=256)
def retired_operation(id: str, date: str = "") -> Json | None:
    """Return the facts about the retirement of an operation as of a date, or None if it is still there."""
    return _find(retired_operations(), "id", id, date)


def _find(rows: list[Json], field: str, name: str, date: str) -> Json | None:
    return next((row for row in rows if row.get(field) == name and is_past(row["date"], date)), None)


def retirement_note(row: Mapping[str, Any]) -> str:
    """Return the words that explain a refusal: since when, what to use instead, and the source."""
    instead = f"; use {row['instead']}" if "instead" in row else ""
    return f"retired on {row['date']}{instead} ({row['source']}; --as-of DATE answers as on an earlier day)"
