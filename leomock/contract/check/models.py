"""Says what a call may ask of a model of version 2, which its document leaves to the list of models.

Calls are drawn from what is known of a model, and from no more. What a server takes beyond that, nobody knows
to be wrong as long as it keeps to what is known: further keys of a model of which only some are, or a number
above a limit that this project chose.
"""

from __future__ import annotations

from typing import Any

from leomock.leonardo.catalogue import models_v2, schema_v2
from leomock.openapi.documents import Json, operations_of, resolve
from leomock.openapi.json_schema import json_schema

# Beside the schema of a body: what is not known to be wrong, as JSON Schema.
BEYOND = "x-leomock-beyond"
# Operations that take few models (documented); those models are drawn for them alone.
_ONLY = {"createGenerationSyncV2": ("remove-bg",)}


def name_models(document: Json) -> None:
    """Let a body with a model and its parameters be one of as many as there are models that are known."""
    others = {slug for slugs in _ONLY.values() for slug in slugs}
    known = [slug for slug, model in models_v2().items() if model.parameters and slug not in others]
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
    """The schema of parameters of which each name and value is known to be right.

    Pictures have what calls name them by: an id, or their bytes.
    """
    limits, own = schema_v2(slug), models_v2()[slug].parameters or {}
    # Of an object that the model leaves open not one name is known.
    told = [name for name, part in own["properties"].items() if part != {"type": "object"}]
    drawn: Json = _closed({**own, "properties": {name: limits["properties"][name] for name in told}})
    return drawn


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(part) for part in node]
    if not isinstance(node, dict):
        return node
    node = {name: _closed(part) for name, part in node.items()}
    properties = node.get("properties")
    if isinstance(properties, dict):
        node["additionalProperties"] = False
        if {"type", "id", "url", "data"} <= properties.keys():
            node["properties"] = {name: properties[name] for name in ("type", "id", "data")}
    return node


def _beyond(slug: str) -> Json:
    """The schema of parameters that are not known to be wrong."""
    limits, own = schema_v2(slug), models_v2()[slug].parameters or {}
    properties = {
        # A highest number that the model does not tell itself is this project's choice.
        name: part if "maximum" in own["properties"].get(name, {}) else _without(part, "maximum")
        for name, part in limits["properties"].items()
    }
    # Where nothing is required they may be null, as every argument that may be left out.
    return {**limits, "properties": properties, "nullable": not own.get("required")}


def _without(schema: Json, keyword: str) -> Json:
    return {name: part for name, part in schema.items() if name != keyword}
