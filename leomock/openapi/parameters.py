"""Judges the parameters of a model of version 2: each model has a JSON Schema of its own for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from leomock.openapi.documents import Json
from leomock.openapi.explanations import type_words

# By the keyword of a schema that is broken (chosen; seen was only 'must be one of').
_RULES = {
    "Minimum": "must be at least {limit}",
    "Maximum": "must be at most {limit}",
    "MultipleOf": "must be a multiple of {multiple_of}",
    "MaxLength": "must have at most {limit} characters",
    "MinItems": "must have at least {limit} items",
    "MaxItems": "must have at most {limit} items",
    "Format": "must be a UUID",  # the one format that is judged
}


class Parameters:
    """What is known of a model's parameters, and `known`, the names of those."""

    def __init__(self, schema: Json) -> None:
        self.known = frozenset(schema.get("properties", ()))
        # The value is left out of the messages: it may be a megabyte long.
        self._validator = jsonschema_rs.Draft202012Validator(schema, mask="it", validate_formats=True)

    def violations(self, given: Any) -> list[str]:
        """A sentence for each rule that is broken; none where all is well."""
        return [text for error in self._validator.iter_errors(given) for text in _worded(error)]


def _worded(error: jsonschema_rs.ValidationError) -> Iterator[str]:
    name = ".".join(["parameters", *map(str, error.instance_path)])
    kind, facts = type(error.kind).__name__, error.kind.as_dict()
    if kind == "Required":
        yield f"{name}.{facts['property']} is required"
    elif kind == "AdditionalProperties":
        yield from (f"{name}.{unknown} is not allowed" for unknown in facts["unexpected"])
    elif kind == "Type":
        yield f"{name} must be {type_words(facts['types'])}"
    elif kind == "Enum":
        yield f"{name} must be one of: {', '.join(map(str, facts['options']))}"
    else:
        yield f"{name} {_RULES[kind].format(**facts)}"
