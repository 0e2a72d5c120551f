"""Coercion of values to GraphQL types, in the words of Hasura's parsers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from leomock.leonardo.errors import ApiError
from leomock.leonardo.hosts import Addresses
from leomock.openapi.engine_types import scientific
from leomock.openapi.operations import Operation
from leomock.openapi.request_parser import Call, Request, parse
from leomock.openapi.spec import shipped_versions

OPERATIONS = shipped_versions()["v1"].operations
# A value of each JSON type, and what the engine calls it.
VALUES = {"a boolean": True, "a string": "x", "a number": 7, "a list": ["x"], "an object": {"a": 1}}


def parsed(operation: Operation, body: dict[str, Any]) -> Call:
    """Parse a body; path variables are filled in."""
    captured = {
        name: "1" if variable.schema.get("type") == "integer" else "c7e4f2a0-1111-4222-8333-444455556666"
        for name, variable in operation.variables.items()
        if variable.location == "path"
    }
    request = Request(operation.method, [], Addresses.under("http://x"), body=orjson.dumps(body))
    return parse(operation, captured, request)


def refusal(operation: Operation, body: dict[str, Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        parsed(operation, body)
    return caught.value


def sample(operation: Operation, schema: Any) -> Any:
    """Return a value that fits a schema, with its required fields only."""
    schema = operation.resolved(schema)
    if "enum" in schema:
        return next(value for value in schema["enum"] if value is not None)
    kind = schema.get("type")
    if kind == "object":
        parts = schema.get("properties", {})
        return {name: sample(operation, parts[name]) for name in schema.get("required", ())}
    if kind == "array":
        return [sample(operation, schema["items"])]
    if schema.get("format") == "uuid":
        return "c7e4f2a0-1111-4222-8333-444455556666"
    samples = {"boolean": True, "integer": schema.get("minimum", 1), "number": schema.get("minimum", 1)}
    return samples.get(kind, "data:image/jpeg;base64,AAAA" if "pattern" in schema else "x")


def places(kind: str) -> list[Any]:
    """Return every body variable of a JSON type, with a good body that lacks it."""
    found = []
    for operation in OPERATIONS.values():
        needed = {
            name: sample(operation, operation.variables[name].schema)
            for name in operation.required
            if operation.variables[name].location == "body"
        }
        for name, variable in operation.variables.items():
            schema = operation.resolved(variable.schema)
            if variable.location == "body" and schema.get("type") == kind:
                found.append(pytest.param(operation, name, schema, needed, id=f"{operation.id}-{name}"))
    return found


@pytest.mark.parametrize(("operation", "name", "schema", "needed"), places("array"))
def test_single_value_for_a_list_is_a_list_of_one(
    operation: Operation, name: str, schema: Any, needed: dict[str, Any]
) -> None:
    """In every operation. Holds code:coerced."""
    one = sample(operation, schema["items"])
    listed = parsed(operation, needed | {name: [one]})
    assert parsed(operation, needed | {name: one}) == listed
    assert listed[name] == [one]


@pytest.mark.parametrize(("operation", "name", "schema", "needed"), places("array"))
def test_wrong_single_value_for_a_list_has_the_index_0(
    operation: Operation, name: str, schema: Any, needed: dict[str, Any]
) -> None:
    """The error is about the item; the engine never expects "a list for type"."""
    is_object = operation.resolved(schema["items"]).get("type") == "object"
    error = refusal(operation, needed | {name: "x" if is_object else {"a": 1}})
    assert f".{name}[0]" in error.path
    assert "expected a list" not in error.text


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("boolean", "a boolean"),
        ("integer", "a 32-bit integer"),
        ("number", "a float"),
        ("string", "a string"),
    ],
)
def test_every_wrong_kind_of_value_is_worded(kind: str, expected: str) -> None:
    """For each variable of each operation, the error names what was found."""
    seen = 0
    for place in places(kind):
        operation, name, schema, needed = place.values
        if "enum" in schema or "x-refusal" in schema:
            continue
        for found, value in VALUES.items():
            fits = {"boolean": "a boolean", "string": "a string"}.get(kind, "a number")
            if found == fits:
                continue
            error = refusal(operation, needed | {name: value})
            beginning, end = error.text.split(" for type ")
            assert (beginning, end.split(", but ")[1]) == (f"expected {expected}", f"found {found}")
            seen += 1
    assert seen > 20


@pytest.mark.parametrize(("operation", "name", "schema", "needed"), places("object"))
def test_wrong_value_for_an_object(
    operation: Operation, name: str, schema: Any, needed: dict[str, Any]
) -> None:
    """Names the type, and a key that GraphQL does not allow. Holds error:ILLEGAL_KEY."""
    if "x-refusal" in schema:
        return
    assert refusal(operation, needed | {name: ["x"]}).text.startswith("expected an object for type '")
    error = refusal(operation, needed | {name: {"a b": 1}})
    assert error.text == 'variable value contains object with key "a b", which is not a legal GraphQL name'
    error = refusal(operation, needed | {name: {"unknown_field": 1}})
    assert error.text.startswith("field 'unknown_field' not found in type: '")
    assert error.path.endswith(f".{name}.unknown_field")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "1.5"),
        (3000000000, "3.0e9"),
        (-3e9, "-3.0e9"),
        (0.05, "5.0e-2"),
        (0.1, "0.1"),
        (9999999.5, "9999999.5"),
        (12345678.5, "1.23456785e7"),
    ],
)
def test_numbers_are_written_as_the_engine_writes_them(value: float, text: str) -> None:
    """Plain between 0.1 and ten million, otherwise with an exponent."""
    assert scientific(value) == text


def test_number_beyond_a_double_is_refused() -> None:
    """The text keeps the number as it was sent. Holds error:FLOAT_OVERFLOW."""
    body = b'{"prompt": "a", "guidance_scale": 1.5e999}'
    request = Request("POST", [], Addresses.under("http://x"), body=body)
    with pytest.raises(ApiError) as caught:
        parse(OPERATIONS["createGeneration"], {}, request)
    text = "The value 1.5e999 lies outside the bounds. Is it overflowing the float bounds?"
    assert (caught.value.text, caught.value.body) == (
        text,
        {
            "error": text,
            "path": "$.selectionSet.sdGenerationJob.args.arg1.guidance_scale",
            "code": "parse-failed",
        },
    )
