"""Describe the parameters of each v2 model, which the v2 document leaves to the list of models.

Calls are generated only from known parameters. When a server accepts more than that, it is not known to be
wrong: the model may have further parameters, or the limit may be one that this project chose.
"""

from __future__ import annotations

from typing import Any

from leomock.leonardo.catalogue.v2 import drawable_schema, models_v2, schema_v2
from leomock.openapi.documents import Json, operations_of, resolve
from leomock.openapi.json_schema import json_schema

# The image types that a check can supply: by an id it received, or as bytes.
NAMED_BY = ("UPLOADED", "GENERATED", "VARIATION", "BASE64")
# An extension beside the schema of a body: a JSON Schema of values that are not known to be wrong.
BEYOND = "x-leomock-beyond"
# Generate calls for these models, at least one of each kind. Using all 81 at once takes minutes.
DRAWN = (
    *("lucid-origin", "phoenix-v1.0", "flux-schnell", "seedream-4.5", "gpt-image-2", "kling-3.0", "wan-2.7"),
    *("music-v1", "rodin-v2", "aurora-upscaler-precise"),
)
# Operations that accept few models (documented). Calls for these models are generated only here.
_ONLY = {"createGenerationSyncV2": ("remove-bg",)}


def name_models(document: Json) -> None:
    """Replace the request body with alternatives, one for each group of known models and its parameters."""
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
    """Group models with identical known parameters."""
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
    """Return a schema whose every instance is valid; images are given by id or as bytes."""
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
    # Optional parameters may be null, like every argument that may be left out.
    return {**limits, "nullable": not limits.get("required")}
