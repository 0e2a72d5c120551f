"""The parameters of models: what is known of them is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leomock.leonardo.catalogue import models_v2, schema_v2
from leomock.openapi.parameters import Parameters

# What the judge has words for, and what says nothing of a value by itself.
WORDED = {
    *("type", "enum", "minimum", "maximum", "multipleOf", "maxLength", "minItems", "maxItems", "format"),
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
            assert schema.get("format", "uuid") == "uuid"


def test_own_rules_outweigh_those_of_all() -> None:
    """And a model that takes no other names takes only those of its own."""
    lucid = schema_v2("lucid-origin")["properties"]
    assert lucid["seed"] == {"type": "integer", "minimum": 0, "maximum": 2147483647}
    assert "negative_prompt" not in lucid
    assert "start_frame" in lucid["guidances"]["properties"]
    assert "prompt" not in schema_v2("remove-bg")["properties"]
    assert "prompt" in schema_v2("rodin-v2")["properties"]


def test_types_are_named() -> None:
    """Each, where there are several."""
    parameters = Parameters({"properties": {"a": {"type": ["string", "number"]}}})
    assert parameters.violations({"a": []}) == ["parameters.a must be a number or a string"]
    assert parameters.known == {"a"}
