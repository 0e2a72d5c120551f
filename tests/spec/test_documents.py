"""The documents under specs/ and the overlay over them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from leomock.operations import HANDLERS, load
from leomock.spec.compile import Spec, Versions, json_schema
from leomock.spec.overlay import lay
from leomock.spec.refs import SpecError, bundle, groups, read, resolve, specs_folder
from leomock.spec.shape import Shaper


@pytest.fixture(scope="module")
def spec() -> Spec:
    return Spec()


def overlay(**action: Any) -> dict[str, Any]:
    named = {"target": "$.info", "description": "why", "x-basis": "chosen", "x-source": "us"}
    return {"overlay": "1.0.0", "info": {}, "actions": [{**named, **action}]}


def test_documents_hold_all_operations(spec: Spec) -> None:
    """Fourteen published documents with 53 operations and two more with 5, each with one envelope."""
    published = groups(specs_folder(), published_only=True)
    assert len(published) == 14
    assert len([o for o in spec.operations.values() if o.group in published]) == 53
    assert {o.group for o in spec.operations.values()} == {*published, "textures", "video_upscale"}
    assert len(spec.operations) == 58
    assert spec.operations["createGeneration"].envelope == "sdGenerationJob"


def test_documents_compile_whole(spec: Spec) -> None:
    """Every validator and every response skeleton compiles, though calls compile them one by one."""
    for operation in spec.operations.values():
        assert operation.validator.is_valid({}) == (not operation.required)
        operation.shaper.fit(operation.shaper.blank)


def test_documents_refer_to_what_is_there() -> None:
    """No reference points at nothing."""
    document = bundle(specs_folder())

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                resolve(document, node)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    walk(document)


def test_overlay_actions_all_change_something() -> None:
    """An action that changes nothing is one that should not be there."""
    laid = read(specs_folder() / "overlay.json")
    document = bundle(specs_folder())
    for action in laid["actions"]:
        before, document = document, lay(document, {**laid, "actions": [action]})
        assert document != before, action["target"]


def test_overlay_leaves_the_published_document_alone(spec: Spec) -> None:
    """`published` is what was published, `effective` what is enforced."""
    width = ["paths", "/generations", "post", "requestBody", "content", "application/json", "schema"]

    def at(document: dict[str, Any]) -> dict[str, Any]:
        node: Any = document
        for step in [*width, "properties", "width"]:
            node = node[step]
        assert isinstance(node, dict)
        return node

    assert "maximum" not in at(spec.published)
    assert at(spec.effective)["maximum"] == 1536


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (
            {"target": "$.nothing", "update": {}},
            "overlay.json: actions[0] ($.nothing): the target is not in the",
        ),
        ({"target": "$[", "update": {}}, "overlay.json: actions[0] ($[): not a JSONPath"),
        (
            {"x-basis": "guessed", "update": {}},
            "x-basis is 'guessed', not one of documented, observed, inferred",
        ),
        ({"x-source": "", "update": {}}, "x-source is missing"),
        ({}, "exactly one of update and remove"),
        ({"update": {}, "remove": True}, "exactly one of update and remove"),
    ],
)
def test_overlay_action_that_cannot_be_meant(action: dict[str, Any], told: str) -> None:
    """The start stops with the action's place and what is wrong."""
    with pytest.raises(SpecError) as stopped:
        lay({"info": {}}, overlay(**action))
    assert told in str(stopped.value)


def test_overlay_merges_and_removes() -> None:
    """Objects merge, lists grow, the rest is replaced; remove takes the target out."""
    document = {"info": {"a": {"b": 1}, "l": [1], "x": 1}}
    laid = lay(document, overlay(update={"a": {"c": 2}, "l": [2], "x": 3}))
    assert laid == {"info": {"a": {"b": 1, "c": 2}, "l": [1, 2], "x": 3}}
    assert lay(document, overlay(target="$.info.a", remove=True)) == {"info": {"l": [1], "x": 1}}
    assert document == {"info": {"a": {"b": 1}, "l": [1], "x": 1}}


def test_schema_keyword_unknown_stops_the_start() -> None:
    """A limit that nobody enforces would be a lie."""
    with pytest.raises(SpecError) as stopped:
        json_schema({}, {"type": "object", "properties": {"a": {"type": "string", "maxLenght": 3}}}, "here")
    assert str(stopped.value) == "here/properties/a: schema keyword 'maxLenght' is not known here"


def test_schema_null_is_admitted_everywhere_it_is_nullable() -> None:
    """`nullable` becomes a type and a member of the enum."""
    assert json_schema({}, {"type": "string", "enum": ["a"], "nullable": True}, "") == {
        "type": ["string", "null"],
        "enum": ["a", None],
    }
    assert json_schema({}, {"nullable": True, "oneOf": [{"type": "string"}]}, "") == {
        "anyOf": [{"oneOf": [{"type": "string"}]}, {"type": "null"}]
    }


def test_reference_loop_is_told() -> None:
    """A reference that leads back to itself stops the start."""
    document = {"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}
    with pytest.raises(SpecError, match=r"\$ref #/b leads back to itself"):
        resolve(document, document["a"])


def test_handler_of_no_operation_stops_the_start() -> None:
    """A mistyped operation id is told with the nearest right one."""
    handlers = copy.copy(HANDLERS)
    try:
        HANDLERS["createGenration"] = handlers.get("createGeneration") or (lambda call, world: None)
        with pytest.raises(SpecError) as stopped:
            load(Versions().operations)
        assert "@operation(\"createGenration\") is in no document; did you mean 'createGeneration'?" in str(
            stopped.value
        )
    finally:
        HANDLERS.pop("createGenration", None)


def test_shape_keeps_named_blanks_missing_drops_the_rest() -> None:
    """A row is a dict in the API's own field names and needs no serializer."""
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "n": {"type": "integer", "nullable": True},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "boolean"}}}},
            "kind": {"type": "string", "enum": ["X", "Y"]},
        },
    }
    shaper = Shaper({}, schema)
    assert shaper.blank == {"id": "", "n": None, "list": [], "kind": "X"}
    assert shaper.fit({"id": "1", "list": [{"b": 2}], "secret": 3}) == {
        "id": "1",
        "n": None,
        "list": [{"a": False}],
        "kind": "X",
    }
    assert shaper.fit(None) is None


def test_blank_is_null_where_null_is_allowed(spec: Spec) -> None:
    """An operation that nobody wrote yet answers the emptiest valid value."""
    assert spec.operations["createVariationUpscale"].shaper.blank is None
