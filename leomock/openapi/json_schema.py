"""Convert OpenAPI 3.0 schemas to JSON Schema."""

from __future__ import annotations

from leomock.openapi.documents import (
    Json,
    SpecError,
    resolve,
)

_JSON_SCHEMA = ("title", "type", "enum", "required", "properties", "items", "allOf", "oneOf", "anyOf", "not")
_LIMITS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems"),
    *("minProperties", "maxProperties", "additionalProperties"),
)
_ANNOTATIONS = (
    *("description", "default", "example", "examples", "deprecated"),
    *("readOnly", "writeOnly", "format", "nullable"),
)
_KEYWORDS = frozenset([*_JSON_SCHEMA, *_LIMITS, *_ANNOTATIONS])


def json_schema(document: Json, schema: Json, where: str, more: frozenset[str] = frozenset()) -> Json:
    """Return an OpenAPI 3.0 schema as JSON Schema 2020-12, with references inlined.

    Keeps only the annotations named in `more`. With an unknown keyword, leomock does not start: a limit that
    nobody enforces would mislead readers.
    """
    schema = resolve(document, schema)
    result: Json = {}
    for keyword, value in schema.items():
        if keyword not in _KEYWORDS and not keyword.startswith("x-"):
            raise SpecError(f"{where}: schema keyword {keyword!r} is not known here")
        if keyword in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(value, bool):
            raise SpecError(f"{where}: boolean {keyword} is not supported")
        if keyword == "properties":
            result[keyword] = {
                name: json_schema(document, part, f"{where}/properties/{name}", more)
                for name, part in value.items()
            }
        elif keyword in ("allOf", "oneOf", "anyOf"):
            result[keyword] = [
                json_schema(document, part, f"{where}/{keyword}/{n}", more) for n, part in enumerate(value)
            ]
        elif keyword in ("items", "not") or (keyword == "additionalProperties" and isinstance(value, dict)):
            result[keyword] = json_schema(document, value, f"{where}/{keyword}", more)
        elif (
            keyword in _JSON_SCHEMA
            or keyword in _LIMITS
            or keyword in more
            or (keyword, value) == ("format", "uuid")
        ):
            result[keyword] = value
    if schema.get("nullable"):
        return _or_null(result)
    return result


def _or_null(schema: Json) -> Json:
    if any(word in schema for word in ("allOf", "oneOf", "anyOf")) or "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = [*(value for value in schema["enum"] if value is not None), None]
    return schema


def type_name(schema: Json) -> str:
    """Return the name that the published document uses for the type of a schema."""
    plain = {"boolean": "Boolean", "integer": "Int", "number": "Float", "string": "String"}
    title: str | None = schema.get("title")
    return title or plain.get(schema.get("type", ""), "String")
