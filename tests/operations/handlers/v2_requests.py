"""A small good request for every model of version 2, made from its entry in the catalogue."""

from __future__ import annotations

from typing import Any

from leomock.leonardo.catalogue.v2 import ModelV2, all_models_v2, models_v2

Json = dict[str, Any]
PICTURE = {"type": "URL", "url": "https://elsewhere.test/a.png"}
# What a request that generates can ask for in little time.
SMALL = 512


def good(slug: str) -> Json:
    """Return parameters that the model accepts, small where it leaves a choice."""
    model = all_models_v2()[slug]
    given: Json = {}
    for name in model.entry["required"]:
        if name.startswith("guidances."):
            given.setdefault("guidances", {})[name.partition(".")[2]] = [{"image": PICTURE}]
        else:
            given[name] = _value(name, model.entry["parameters"][name])
    for rule in model.rules:
        if rule["kind"] == "one_of":
            given.setdefault("guidances", {})["start_frame"] = [{"image": PICTURE}]
    if "prompt" in model.entry["parameters"]:
        given["prompt"] = "a fox"
    if "quantity" in model.entry["parameters"]:
        given["quantity"] = 1
    return given | _size(model)


def _size(model: ModelV2) -> Json:
    if sizes := [size for size in model.sizes if size != (0, 0)]:
        width, height = min(sizes, key=lambda size: size[0] * size[1])
        return {"width": width, "height": height}
    parts = [model.entry["parameters"].get(name, {}) for name in ("width", "height")]
    if not all(parts):
        return {}
    return {name: _side(part) for name, part in zip(("width", "height"), parts, strict=True)}


def _side(part: Json) -> int:
    side: int = next((each for each in part.get("enum", []) if each >= SMALL), 0)
    return side or max(SMALL, part.get("minimum", 0))


def _value(name: str, part: Json) -> Any:
    if "enum" in part:
        return part["enum"][0]
    if part["type"] == "string":
        return "a fox"
    return part.get("minimum", 1)


SLUGS = sorted(models_v2())
