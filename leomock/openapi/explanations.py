"""Explain in plain English which JSON Schema rule a value breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema_rs import ValidationError

from leomock.leonardo.errors import shown
from leomock.openapi.suggest import suggestion

TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


def explain_violation(name: str, error: ValidationError, schema: dict[str, Any]) -> str:
    """Return a sentence about one violation; `name` names the value, `schema` is the part that applies to it.

    A suggestion comes first: explanations are cut in headers and summaries.
    """
    kind = type(error.kind).__name__
    value: Any = error.instance
    facts = error.kind.as_dict()
    if kind == "Required":
        return explain_missing_field(name, facts["property"])
    if kind == "AdditionalProperties":
        known = schema.get("properties", {})
        unknown = sorted(set(value) - set(known))[:1]
        return "".join(explain_unknown_field(name, each, known) for each in unknown)
    if kind == "Enum":
        return explain_choice(name, value, [option for option in facts["options"] if option is not None])
    return f"'{name}' is {shown(value)}; {_wanted(kind, facts, schema)}"


def explain_missing_field(name: str, field: str) -> str:
    """Explain that an object lacks a required field."""
    return f"'{name}' needs '{field}'"


def explain_unknown_field(name: str, field: str, known: Mapping[str, object]) -> str:
    """Explain that an object has no such field."""
    return f"'{name}' has no field '{field[:100]}'{suggestion(field, known)}"


def explain_choice(name: str, value: object, options: Sequence[object]) -> str:
    """Explain that a value is not one of the allowed ones."""
    texts = [str(option) for option in options]
    near = suggestion(value, dict.fromkeys(texts)) if isinstance(value, str) else ""
    begin = f"'{name}' is {shown(value)}" + (f"{near} It" if near else "; it")
    return f"{begin} must be one of {', '.join(texts)}"


def explain_type(name: str, value: object, type: str) -> str:
    """Explain that a value must be of another JSON type."""
    return f"'{name}' is {shown(value)}; it must be {TYPES[type]}"


def _wanted(kind: str, facts: dict[str, Any], schema: dict[str, Any]) -> str:
    if kind == "Type":
        return f"it must be {type_words(facts['types'])}"
    if kind in ("Minimum", "Maximum") and "minimum" in schema and "maximum" in schema:
        return f"it must be between {schema['minimum']} and {schema['maximum']}"
    texts = {
        "Minimum": "it must be at least {limit}",
        "Maximum": "it must be at most {limit}",
        "ExclusiveMinimum": "it must be more than {limit}",
        "ExclusiveMaximum": "it must be less than {limit}",
        "MultipleOf": "it must be a multiple of {multiple_of}",
        "MinLength": "it must have at least {limit} characters",
        "MaxLength": "it must have at most {limit} characters",
        "MinItems": "it must have at least {limit} items",
        "MaxItems": "it must have at most {limit} items",
        "UniqueItems": "it must not have an item twice",
        "Format": "it must be a UUID",  # the only format that is checked
        "Pattern": "it must match {pattern}",
    }
    return texts[kind].format(**facts) if kind in texts else "it is not valid"


def type_words(types: list[str]) -> str:
    """Return JSON type names in words, such as "an integer"; null is not mentioned."""
    return " or ".join(TYPES[name] for name in types if name != "null") or "null"
