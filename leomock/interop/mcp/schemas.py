"""Tool schemas, kept small for language models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from leomock.openapi.documents import Json

# Descriptions that the documents lack, or that only name another schema.
DESCRIPTIONS: Mapping[str, str] = {
    "controlnets": "Reference images that guide the result, each with a preprocessor and a weight.",
    "controlNetType": "Deprecated; use `controlnets`.",
    "elements": "Elements to apply, each with its akUUID and a weight.",
    "userElements": "Custom elements to apply, each with its userLoraId and a weight.",
    "imagePrompts": "Ids of images to use as prompts.",
    "imagePromptWeight": "How strongly the image prompts count.",
    "sd_version": "Base version of Stable Diffusion to use if there is no modelId.",
    "scheduler": "Scheduler that removes the noise step by step.",
    "modelType": "Kind of subject that the model is trained for.",
    "strength": "How strongly the training changes the base model.",
    "requestTimestamp": "Time of the request, such as 2024-04-20T14:33:28.258.",
    "parameters": "Settings of the model, such as prompt, width, height and quantity; they differ by model.",
    "input": "Replaced inputs of the blueprint's nodes.",
    "name": "Name of the file or the entry.",
    "preview": "True for a preview.",
    "id": "Id of the image to start from.",
    "isVariation": "True if the image is itself a variation.",
    "offset": "How many entries to skip; 0 starts at the newest.",
    "limit": "How many entries to return at most.",
    "userId": "Id of the user; your own if left out.",
    "body": "Parameters of the call.",
}
# Keywords that callers do not need.
_NOISE = frozenset({"title", "nullable", "example", "examples", "additionalProperties"})
_EMPTY = re.compile(r"As `\w+`, or null\.")
_OPERATION_ID = re.compile(r"\b[a-z]+[A-Za-z0-9]*[A-Z][A-Za-z0-9]*\b")
Rename = Callable[[str], str]


def input_schema(name: str, schema: Json, description: str, rename: Rename) -> Json:
    """Return the schema of an argument: every property described, no null types, no titles."""
    slim: Json = _slim({**schema, "description": description}, name, rename)
    return slim


def output_schema(schema: Json) -> Json:
    """Return the top-level names and types of an answer. The answer itself shows the rest.

    All of them are optional, since an error has the same schema.
    """
    properties = {
        name: {"type": part["type"]} if "type" in part else {}
        for name, part in schema.get("properties", {}).items()
    }
    return {"type": "object", "properties": properties} if properties else {"type": "object"}


def renaming(names: Mapping[str, str], paths: Mapping[str, str]) -> Rename:
    """Return a function that replaces operation ids in texts by their tool name, or by method and path."""

    def rename(text: str) -> str:
        return _OPERATION_ID.sub(lambda found: names.get(found[0]) or paths.get(found[0]) or found[0], text)

    return rename


def _slim(schema: Any, name: str, rename: Rename) -> Any:
    found = {key: value for key, value in schema.items() if key not in _NOISE}
    kinds = found.get("type")
    if isinstance(kinds, list):
        rest = [kind for kind in kinds if kind != "null"]
        found["type"] = rest[0] if len(rest) == 1 else rest
        if "enum" in found:
            found["enum"] = [value for value in found["enum"] if value is not None]
    if found.get("default", 0) is None:
        del found["default"]
    text = found.get("description", "")
    if not text or _EMPTY.fullmatch(text) or text == name:
        text = DESCRIPTIONS.get(name, name)
    found["description"] = rename(text)
    if "properties" in found:
        required = found.get("required", ())
        found["properties"] = {
            each: _slim(_without_default(part) if each in required else part, each, rename)
            for each, part in found["properties"].items()
        }
    if isinstance(found.get("items"), dict):
        items = _slim(found["items"], name, rename)
        del items["description"]
        found["items"] = items
    return found


def _without_default(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key != "default"}
