"""Write the document for other tools: clean for linters, simple for client generators."""

from __future__ import annotations

import re
from typing import Any

from leomock.openapi.documents import Json, at, operations_of, resolve

# Keywords whose values are data, and those whose keys are names.
_VALUES = ("example", "default", "enum", "value")
_NAMES = ("properties", "schemas")
# Keywords that say which properties an object has.
_SHAPES = {"properties", "additionalProperties", "allOf", "oneOf", "anyOf"}
_COMPONENT = re.compile(r"#/components/schemas/([^/]+)$")


def served(document: Json) -> Json:
    """Return the document that is served: no keywords beside a `$ref`, no unused schemas.

    OpenAPI 3.0 ignores everything beside a `$ref`, so such a reference is replaced by a copy of its target,
    and so is a reference into the inside of a schema. A path variable is never null, and null in a query is
    an empty value. Successful answers require the properties that they name, except those marked `x-sparse`:
    the published document requires almost none, although a fixed GraphQL selection always has them all. An
    object without named properties states that it allows any; openapi-typescript would read it as empty.
    """
    result = document | {"paths": _inlined(document, document["paths"])}
    components = _inlined(document, document["components"])
    for item in result["paths"].values():
        for _, entry in operations_of(item):
            for parameter in entry.get("parameters", ()):
                _say_how_null_is_sent(document, parameter)
    result["components"] = components
    components["schemas"] = used_schemas(result)
    require_in_answers(result)
    return result


def require_in_answers(document: Json) -> None:
    """Let all schemas that successful answers reach require their properties, in place."""
    to_read: list[Any] = [
        entry["responses"]["200"]["content"]["application/json"]["schema"]
        for item in document["paths"].values()
        for _, entry in operations_of(item)
    ]
    seen: set[int] = set()
    while to_read:
        schema = resolve(document, to_read.pop())
        if id(schema) in seen:
            continue
        seen.add(id(schema))
        parts: Json = schema.get("properties", {})
        if required := [name for name, part in parts.items() if not is_sparse(document, part)]:
            schema["required"] = required
        to_read += parts.values()
        if "items" in schema:
            to_read.append(schema["items"])
        for word in ("oneOf", "anyOf", "allOf"):
            to_read += schema.get(word, ())


def is_sparse(document: Json, schema: Json) -> bool:
    """Return True if an answer may leave this property out; the mark may be at a reference's target."""
    return bool(schema.get("x-sparse") or resolve(document, schema).get("x-sparse"))


def _say_how_null_is_sent(document: Json, parameter: Json) -> None:
    schema = resolve(document, parameter["schema"])
    if parameter["in"] == "path":
        parameter["schema"] = {name: part for name, part in schema.items() if name != "nullable"}
    elif parameter["in"] == "query" and schema.get("nullable") and schema.get("type") != "string":
        parameter["allowEmptyValue"] = True


def plain(document: Json) -> Json:
    """Return the served document without the constructs that client generators cannot handle.

    Titles would give two classes the same name; a default of null and an enumeration of fractions have no
    type in Python; an `allOf` of a single schema has nothing to inherit from; pydantic rejects values for a
    class that is deprecated as a whole. Everything that the precise document allows, this one allows too.
    """
    result = served(document)
    for part in ("paths", "components"):
        result[part] = _simplified(result, result[part])
    result["components"]["schemas"] = schemas = used_schemas(result)
    for schema in schemas.values():
        schema.pop("deprecated", None)
    return result


def _inlined(document: Json, node: Any, *, names: bool = False) -> Any:
    """Return a part without keywords beside a `$ref`; `names` means that the keys are names, not keywords."""
    if isinstance(node, list):
        return [_inlined(document, part) for part in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _inlined(document, part) for name, part in node.items()}
    reference = node.get("$ref")
    if isinstance(reference, str) and (len(node) > 1 or not _is_whole(reference)):
        beside = {name: part for name, part in node.items() if name != "$ref"}
        return _inlined(document, at(document, reference) | beside)
    result = {
        name: part if name in _VALUES else _inlined(document, part, names=name in _NAMES)
        for name, part in node.items()
    }
    if node.get("type") == "object" and not _SHAPES & node.keys():
        result["additionalProperties"] = True
    return result


def _is_whole(reference: str) -> bool:
    return bool(_COMPONENT.match(reference)) or not reference.startswith("#/components/schemas/")


def used_schemas(document: Json) -> Json:
    """Return the schemas that the operations use, directly or through others."""
    schemas = document["components"]["schemas"]
    found: set[str] = set()
    rest = {name: part for name, part in document["components"].items() if name != "schemas"}
    to_read: list[Any] = [document["paths"], rest]
    while to_read:
        node = to_read.pop()
        to_read += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        reference = node.get("$ref") if isinstance(node, dict) else None
        if isinstance(reference, str) and (match := _COMPONENT.match(reference)) and match[1] not in found:
            found.add(match[1])
            to_read.append(schemas[match[1]])
    return {name: schema for name, schema in schemas.items() if name in found}


def _simplified(document: Json, node: Any, *, names: bool = False) -> Any:
    """Return a simplified part; `names` means that the keys are names of properties or schemas."""
    if isinstance(node, list):
        return [_simplified(document, part) for part in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _simplified(document, part) for name, part in node.items()}
    node = _merged(document, node)
    if isinstance(node.get("title"), str) and "url" not in node:
        del node["title"]
    if node.get("default", 0) is None:
        del node["default"]
    if any(isinstance(value, float) for value in node.get("enum", ())):
        del node["enum"]
    return {
        name: part if name in ("examples", *_VALUES) else _simplified(document, part, names=name in _NAMES)
        for name, part in node.items()
    }


def _merged(document: Json, schema: Json) -> Json:
    """Return a copy in which an `allOf` of one schema plus annotations is replaced by that schema."""
    parts = schema.get("allOf", ())
    references = [part for part in parts if "$ref" in part]
    if len(references) != 1 or any("properties" in part for part in parts):
        return dict(schema)
    merged: Json = {}
    for part in (*parts, schema):
        merged |= resolve(document, part)
    merged.pop("allOf", None)
    return merged
