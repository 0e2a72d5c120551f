"""The parameters of models: what is known of them is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leomock.leonardo.catalogue.v2 import models_v2, schema_v2
from leomock.openapi.parameters import Parameters

# What the judge has words for, and what says nothing of a value by itself.
WORDED = {
    *("type", "enum", "minimum", "maximum", "multipleOf", "maxLength", "minLength", "minItems", "maxItems"),
    "format",
    *("required", "additionalProperties", "properties", "items", "default"),
}


def schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for part in [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]:
        yield from schemas(part)


def test_every_rule_has_words() -> None:
    """A keyword that no sentence is there for would be a defect when it is broken."""
    for slug in models_v2():
        for schema in schemas(schema_v2(slug)):
            assert schema.keys() <= WORDED, slug
            assert schema.get("format", "uuid") in ("uuid", "uri")


def test_types_are_named() -> None:
    """Each, where there are several."""
    parameters = Parameters({"properties": {"a": {"type": ["string", "number"]}}})
    assert [found.message for found in parameters.violations({"a": []})] == [
        "parameters.a must be a number or a string"
    ]
    assert parameters.known == {"a"}
