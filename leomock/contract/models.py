"""Says what a call may ask of a model of version 2, which its document leaves to the list of models.

Calls are drawn from what is known of a model, and from no more. What a server takes beyond that, nobody knows to
be wrong as long as it keeps to what is known: further keys of a model of which only some are, or a number above
a limit that this project chose.
"""

from __future__ import annotations

from typing import Any

from leomock.catalogue import models_v2, schema_v2
from leomock.spec.compile import json_schema
from leomock.spec.refs import Json, operations_of, resolve

# Beside the schema of a body: what no server may take less than, as JSON Schema.
BEYOND = "x-leomock-beyond"
# Operations that take few models (documented).
_ONLY = {"createGenerationSyncV2": ("remove-bg",)}


def name_models(document: Json) -> None:
    """Let a body with a model and its parameters be one of as many as there are models of known parameters."""
    known = tuple(slug for slug, model in models_v2().items() if model.parameters)
    for path, item in document["paths"].items():
        for _, entry in operations_of(item):
            content = entry.get("requestBody", {}).get("content", {}).get("application/json")
            body = resolve(document, content["schema"]) if content else {}
            if {"model", "parameters"} <= body.get("properties", {}).keys():
                slugs = _ONLY.get(entry["operationId"], known)
                drawn = [_for_model(body, slug, _known(slug), ["parameters"]) for slug in slugs]
                beyond = [_for_model(body, slug, _beyond(slug), []) for slug in slugs]
                content["schema"] = {
                    "anyOf": drawn,
                    BEYOND: json_schema(document, {"anyOf": beyond}, path),
                }


def _for_model(body: Json, slug: str, parameters: Json, required: list[str]) -> Json:
    properties = {"model": {"type": "string", "enum": [slug]}, "parameters": parameters}
    return {
        **body,
        "properties": body["properties"] | properties,
        "required": [*body["required"], *required],
    }


def _known(slug: str) -> Json:
    """The schema of parameters of which each name and value is known to be right."""
    limits, own = schema_v2(slug), models_v2()[slug].parameters or {}
    # Of an object that the model leaves open not one name is known.
    told = [name for name, part in own["properties"].items() if part != {"type": "object"}]
    properties = {name: limits["properties"][name] for name in told}
    closed: Json = _closed({**own, "properties": properties})
    return closed


def _closed(node: Any) -> Any:
    if isinstance(node, dict):
        node = {name: _closed(part) for name, part in node.items()}
        if isinstance(node.get("properties"), dict):
            node["additionalProperties"] = False
    return [_closed(part) for part in node] if isinstance(node, list) else node


def _beyond(slug: str) -> Json:
    """The schema of parameters that are not known to be wrong."""
    limits, own = schema_v2(slug), models_v2()[slug].parameters or {}
    properties = {
        # A highest number that the model does not tell itself is this project's choice.
        name: part if "maximum" in own["properties"].get(name, {}) else _without(part, "maximum")
        for name, part in limits["properties"].items()
    }
    # What needs nothing may be left out, as every argument that is not required.
    return {**limits, "properties": properties, "nullable": not own.get("required")}


def _without(schema: Json, keyword: str) -> Json:
    return {name: part for name, part in schema.items() if name != keyword}
