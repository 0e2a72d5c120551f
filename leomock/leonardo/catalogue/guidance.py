"""Image guidance of version 1: which preprocessors a model has, and what each accepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from leomock.leonardo.basis import Chosen, Documented, Observed, based_on
from leomock.leonardo.catalogue import KONTEXT, Model

Entry = Mapping[str, Any]
MOST_STYLES = 4
_STYLE_ONLY = ("Ultra", "Max")


@cache
def _tables() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(Path(__file__).with_name("guidance.json").read_bytes())
    return found


@cache
def _owners() -> dict[int, tuple[str, str]]:
    """Return the kind of guidance and the models of each known preprocessor."""
    return {id: (kind, row["of"]) for row in _tables() for kind, id in row["preprocessors"].items()}


@cache
def preprocessors_of(family: str) -> dict[str, int]:
    """Return the preprocessors of a family by kind of guidance; empty if they are not known."""
    return next((row["preprocessors"] for row in _tables() if family in row["families"]), {})


@based_on(
    Documented("image guidance guide of docs.leonardo.ai: the preprocessors of each model family"),
    Documented("the same guide: Ultra and Max only for style references, and at most four of those"),
    Documented("guide FLUX.1 Kontext: it takes contextImages"),
    Observed("Phoenix answered 400 to a controlnet with a weight (a public program)"),
    Chosen(
        "a preprocessor that is in no table is accepted, and so is any preprocessor with a model that "
        "has no table"
    ),
    Chosen("the text of each error"),
)
def broken_guidance(model: Model, controlnets: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """Yield each rule that the parameter `controlnets` breaks for a model, and how to fix it."""
    own = preprocessors_of(model.sd_version)
    for number, entry in enumerate(controlnets):
        yield from _broken_entry(model, own, entry, f"controlnets[{number}]")
    styles = sum(entry.get("preprocessorId") == own.get("Style") for entry in controlnets) if own else 0
    if styles > MOST_STYLES:
        yield f"controlnets can have at most {MOST_STYLES} style references", f"there are {styles}"


def _broken_entry(model: Model, own: Mapping[str, int], entry: Entry, name: str) -> Iterator[tuple[str, str]]:
    id = entry.get("preprocessorId")
    if isinstance(id, float) and id.is_integer():
        id = int(id)
    if model.name == KONTEXT:
        yield f"controlnets can not be used with {model.name}", "send the pictures as contextImages"
        return
    kind, models = _owners().get(id, ("", "")) if isinstance(id, int) else ("", "")
    if own and kind and id not in own.values():
        listed = ", ".join(f"{each} {number}" for each, number in own.items())
        yield (
            f"{name}.preprocessorId {id:g} can not be used with {model.name}",
            f"it is the {kind} reference of {models}; {model.name} has {listed}",
        )
    elif entry.get("strengthType") in _STYLE_ONLY and kind not in ("", "Style"):
        strength = entry["strengthType"]
        yield (
            f"{name}.strengthType {strength} can be used with style references only",
            f"{id:g} is a {kind} reference; use Low, Mid or High",
        )
    elif model.is_phoenix and entry.get("weight") is not None:
        yield f"{name}.weight can not be used with {model.name}", "use strengthType"
