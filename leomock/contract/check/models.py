"""Says what a call may ask of a model of version 2, which its document leaves to the list of models.

Calls are drawn from what is known of a model, and from no more. What a server takes beyond that, nobody knows
to be wrong as long as it keeps to what is known: further keys of a model of which only some are, or a number
above a limit that this project chose.
"""

from __future__ import annotations

from typing import Any

from leomock.leonardo.catalogue.v2 import drawable_schema, models_v2, schema_v2
from leomock.openapi.documents import Json, operations_of, resolve
from leomock.openapi.json_schema import json_schema

# Beside the schema of a body: what is not known to be wrong, as JSON Schema.
# The types of images that a check can name: by an id it got, or by their bytes.
NAMED_BY = ("UPLOADED", "GENERATED", "VARIATION", "BASE64")
BEYOND = "x-leomock-beyond"
# Models to draw calls for: at least one of each kind. Drawing from all 81 at once takes minutes.
DRAWN = (
    *("lucid-origin", "phoenix-v1.0", "flux-schnell", "seedream-4.5", "gpt-image-2", "kling-3.0", "wan-2.7"),
    *("music-v1", "rodin-v2", "aurora-upscaler-precise"),
)
# Operations that take few models (documented); those models are drawn for them alone.
_ONLY = {"createGenerationSyncV2": ("remove-bg",)}


def name_models(document: Json) -> None:
    """Let a body with a model and its parameters be one of as many as there are models that are known."""
    others = {slug for slugs in _ONLY.values() for slug in slugs}
    known = [slug for slug in DRAWN if slug in models_v2() and slug not in others]
    for path, item in document["paths"].items():
        for _, entry in operations_of(item):
            content = entry.get("requestBody", {}).get("content", {}).get("application/json")
            body = resolve(document, content["schema"]) if content else {}
            if {"model", "parameters"} <= body.get("properties", {}).keys():
                slugs = _ONLY.get(entry["operationId"], known)
                beyond = [_for_models(body, [slug], _beyond(slug), required=False) for slug in slugs]
                content["schema"] = {
                    "anyOf": [_for_models(body, alike, _drawn(alike[0])) for alike in _alike(slugs)],
                    BEYOND: json_schema(document, {"anyOf": beyond}, path),
                }


def _alike(slugs: Any) -> list[list[str]]:
    """The models of which the same is known, together."""
    groups: list[list[str]] = []
    for slug in slugs:
        group = next((group for group in groups if _drawn(group[0]) == _drawn(slug)), None)
        if group is None:
            groups.append([slug])
        else:
            group.append(slug)
    return groups


def _for_models(body: Json, slugs: list[str], parameters: Json, *, required: bool = True) -> Json:
    named = {"model": {"type": "string", "enum": slugs}, "parameters": parameters}
    return {
        **body,
        "properties": body["properties"] | named,
        "required": [*body["required"], *(["parameters"] if required else [])],
    }


def _drawn(slug: str) -> Json:
    """Return a schema of which every instance is right; pictures are named by an id or by their bytes."""
    drawn: Json = _with_known_images(drawable_schema(slug))
    return drawn


def _with_known_images(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_known_images(part) for part in node]
    if not isinstance(node, dict):
        return node
    node = {name: _with_known_images(part) for name, part in node.items()}
    properties = node.get("properties")
    if isinstance(properties, dict) and {"type", "id", "url", "data"} <= properties.keys():
        node["properties"] = {name: properties[name] for name in ("id", "data")}
        types = [name for name in properties["type"]["enum"] if name in NAMED_BY]
        node["properties"]["type"] = {"enum": types}
    return node


def _beyond(slug: str) -> Json:
    """Return the schema of parameters that are not known to be wrong."""
    limits = schema_v2(slug)
    # Where nothing is required they may be null, as every argument that may be left out.
    return {**limits, "nullable": not limits.get("required")}
