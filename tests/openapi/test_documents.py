"""The documents under specs/ and the overlay over them."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest

from leomock.openapi.documents import SpecError, bundle, groups, operations_of, read, resolve, specs_folder
from leomock.openapi.json_schema import json_schema
from leomock.openapi.overlay import lay
from leomock.openapi.serializer import ResponseSerializer
from leomock.openapi.spec import Spec, Versions
from leomock.operations.handlers.load import load
from leomock.operations.registry import HANDLERS


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
        operation.serializer.serialize(operation.serializer.empty)


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
        before, document = document, lay(document, {**laid, "actions": [action]}, "x")
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
    assert at(spec.effective)["maximum"] == 3840


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (
            {"target": "$.nothing", "update": {}},
            "($.nothing): the target is not in the",
        ),
        ({"target": "$[", "update": {}}, "($[): target: expected a name, an index"),
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
        lay({"info": {}}, overlay(**action), "specs/v2/overlay.json")
    assert str(stopped.value).startswith("specs/v2/overlay.json: actions[0] (")
    assert told in str(stopped.value)


@pytest.mark.parametrize("below", ["", "v2"])
def test_overlay_is_named_with_its_folder(
    below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each version has one of its own."""
    shutil.copytree(specs_folder(), tmp_path / "specs")
    folder = tmp_path / "specs" / below
    (folder / "overlay.json").write_text('{"overlay": "2.0.0"}', "utf-8")
    monkeypatch.setattr("leomock.openapi.spec.specs_folder", lambda: tmp_path / "specs")
    with pytest.raises(SpecError) as stopped:
        Spec(folder)
    name = (Path("specs") / below / "overlay.json").as_posix()
    assert str(stopped.value) == f"{name}: not an OpenAPI Overlay 1.0.0 document"


def test_overlay_merges_and_removes() -> None:
    """Objects merge, lists grow, the rest is replaced; remove takes the target out."""
    document = {"info": {"a": {"b": 1}, "l": [1], "x": 1}}
    laid = lay(document, overlay(update={"a": {"c": 2}, "l": [2], "x": 3}), "x")
    assert laid == {"info": {"a": {"b": 1, "c": 2}, "l": [1, 2], "x": 3}}
    assert lay(document, overlay(target="$.info.a", remove=True), "x") == {"info": {"l": [1], "x": 1}}
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
    serializer = ResponseSerializer({}, schema)
    assert serializer.empty == {"id": "", "n": None, "list": [], "kind": "X"}
    assert serializer.serialize({"id": "1", "list": [{"b": 2}], "secret": 3}) == {
        "id": "1",
        "n": None,
        "list": [{"a": False}],
        "kind": "X",
    }
    assert serializer.serialize(None) is None


def test_blank_is_null_where_null_is_allowed(spec: Spec) -> None:
    """An operation that nobody wrote yet answers the emptiest valid value."""
    assert spec.operations["createVariationUpscale"].serializer.empty is None


# --- links ------------------------------------------------------------------------------------------------


def test_links_lead_from_fields_to_variables(spec: Spec) -> None:
    """Each starts at a field that the answer has and ends at a variable of an operation that there is."""
    ends = set()
    for operation in spec.operations.values():
        answer = operation.entry["responses"]["200"]
        schema = answer["content"]["application/json"]["schema"]
        for name, link in answer.get("links", {}).items():
            target = spec.operations[link["operationId"]]
            inputs = {**link.get("parameters", {}), **link.get("requestBody", {})}
            assert inputs, name
            for variable, source in inputs.items():
                assert target.variables[variable].location == ("path" if "parameters" in link else "body")
                if source.startswith("$response.body#/"):
                    field = schema.get("oneOf", [schema])[0]
                    for step in source.removeprefix("$response.body#/").split("/"):
                        field = operation.resolved(field)
                        field = field["items"] if step == "0" else field["properties"][step]
                    field = operation.resolved(field)
                    assert field["type"] == target.variables[variable].schema["type"], name
                else:
                    assert source in target.variables[variable].schema["enum"], name
            ends.add(target.id)
    # Whatever wants an id in its path is reached.
    assert {o.id for o in spec.operations.values() if "{" in o.path} - ends == set()


# --- what only the Python SDK has ---------------------------------------------------------------------------

ONLY_IN_SDK = {
    "createTextureGeneration": "CreateTextureGeneration",
    "getTextureGenerationById": "GetTextureGenerationByID",
    "deleteTextureGenerationById": "DeleteTextureGenerationByID",
    "getTextureGenerationsByModelId": "GetTextureGenerationsByModelID",
    "createVideoUpscale": "CreateVideoUpscale",
}


@pytest.mark.parametrize("id", ONLY_IN_SDK)
@pytest.mark.parametrize("side", ["RequestBody", "ResponseBody"])
def test_document_from_the_sdk_names_what_its_models_name(id: str, side: str) -> None:
    """The same fields, required ones, values and nullability, however deep."""
    models = pytest.importorskip("leonardo_ai_sdk.models.operations")
    model = getattr(models, ONLY_IN_SDK[id] + side).model_json_schema()
    document = bundle(specs_folder())
    (entry,) = [
        entry
        for item in document["paths"].values()
        for _, entry in operations_of(item)
        if entry["operationId"] == id
    ]
    part = entry["requestBody"] if side == "RequestBody" else entry["responses"]["200"]
    schema = part["content"]["application/json"]["schema"]
    assert told(document, schema, required=side == "RequestBody") == told(model, model, side == "RequestBody")


def told(document: dict[str, Any], schema: dict[str, Any], required: bool) -> Any:
    """A schema of either: whether it admits null, and its fields, items, or type and values.

    The SDK calls what admits null OptionalNullable; its plain Optional means that a field may be absent.
    """
    is_null = schema.get("nullable", False)
    while "$ref" in schema or "anyOf" in schema:
        is_null = is_null or "OptionalNullable" in schema.get("$ref", "")
        schema = resolve(document, schema)
        if "anyOf" in schema:
            (schema,) = [
                part
                for part in schema["anyOf"]
                if part.get("type") != "null" and not part.get("$ref", "").endswith("Unset")
            ]
    is_null = is_null or schema.get("nullable", False)
    if "properties" in schema:
        fields = {name: told(document, part, required) for name, part in schema["properties"].items()}
        return is_null, fields, sorted(schema.get("required", ())) if required else []
    if "items" in schema:
        return is_null, told(document, schema["items"], required)
    return is_null, schema["type"], schema.get("enum")
