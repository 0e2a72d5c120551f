"""Check the parameters of a version 2 call against the JSON Schema of its model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs

from leomock.openapi.documents import Json
from leomock.openapi.explanations import type_words

# By schema keyword. "must be one of" was observed; the other wordings are chosen.
_RULES = {
    "Minimum": "must be at least {limit}",
    "Maximum": "must be at most {limit}",
    "MultipleOf": "must be a multiple of {multiple_of}",
    "MinLength": "must have at least {limit} characters",
    "MaxLength": "must have at most {limit} characters",
    "MinItems": "must have at least {limit} items",
    "MaxItems": "must have at most {limit} items",
}
_FORMATS = {"uuid": "must be a UUID", "uri": "must be a URL"}


class Violation(NamedTuple):
    """One broken rule: the path of the value, the message for the client, and the name if it is unknown."""

    path: tuple[str | int, ...]
    message: str
    unknown: str = ""

    @property
    def name(self) -> str:
        """Return the path as messages write it: `parameters.guidances.image_reference.0`."""
        return ".".join(["parameters", *map(str, self.path)])


class Parameters:
    """The compiled schema of a model's parameters. `known` holds the names of the parameters."""

    def __init__(self, schema: Json) -> None:
        self.known = frozenset(schema.get("properties", ()))
        # Messages leave out the value, which may be a megabyte long.
        self._validator = jsonschema_rs.Draft202012Validator(schema, mask="it", validate_formats=True)

    def violations(self, given: Any) -> list[Violation]:
        """Return one violation for each broken rule; an empty list if the parameters are valid."""
        return [found for error in self._validator.iter_errors(given) for found in _worded(error)]


def _worded(error: jsonschema_rs.ValidationError) -> Iterator[Violation]:
    path = tuple(error.instance_path)
    name = Violation(path, "").name
    kind, facts = type(error.kind).__name__, error.kind.as_dict()
    if kind == "Required":
        yield Violation(path, f"{name}.{facts['property']} is required")
    elif kind == "AdditionalProperties":
        for unknown in facts["unexpected"]:
            yield Violation((*path, unknown), f"{name}.{unknown[:60]} is not allowed", unknown)
    elif kind == "Type":
        yield Violation(path, f"{name} must be {type_words(facts['types'])}")
    elif kind == "Enum":
        yield Violation(path, f"{name} must be one of: {', '.join(map(str, facts['options']))}")
    elif kind == "Format":
        yield Violation(path, f"{name} {_FORMATS[facts['format']]}")
    else:
        yield Violation(path, f"{name} {_RULES[kind].format(**facts)}")
