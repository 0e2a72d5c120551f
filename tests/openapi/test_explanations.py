"""Wrong inputs generated from the schemas of every operation, and what is said about each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from leomock.leonardo.errors import ApiError
from leomock.leonardo.hosts import Addresses
from leomock.openapi.operations import Operation
from leomock.openapi.request_parser import Request, parse
from leomock.openapi.spec import Versions
from leomock.operations.dispatch import Dispatcher

OPERATIONS = Versions().operations
ID = "11111111-1111-4111-8111-111111111111"
OF_ANOTHER_TYPE = {
    "boolean": "x",
    "integer": "x",
    "number": "x",
    "string": 7,
    "array": {"a": 1},
    "object": [],
}
# Words of the validator library, which nobody else says.
LIBRARY_WORDS = re.compile(r"candidates|is not of type|is not one of|less than the|greater than the|None")


def explanation(operation: Operation, body: dict[str, Any]) -> str:
    """What is said about a body that is refused."""
    captured = {name: ID for name, each in operation.variables.items() if each.location == "path"}
    request = Request(operation.method, [], Addresses.under("http://x"), body=json.dumps(body).encode())
    with pytest.raises(ApiError) as refused:
        parse(operation, captured, request)
    return refused.value.explain


def needed(operation: Operation) -> dict[str, Any]:
    """A body with the variables that a call needs."""
    return {
        name: _sample(operation, each.schema)
        for name, each in operation.variables.items()
        if each.required and each.location == "body"
    }


def _sample(operation: Operation, schema: dict[str, Any]) -> Any:
    schema = operation.resolved(schema)
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("format") == "uuid":
        return ID
    inner = schema.get("properties", {})
    parts = {name: _sample(operation, inner[name]) for name in schema.get("required", ()) if name in inner}
    samples: dict[str, Any] = {"boolean": True, "integer": 1, "number": 1, "array": [], "object": parts}
    return samples.get(schema.get("type", ""), "x")


def body_variables() -> Iterator[Any]:
    for operation in OPERATIONS.values():
        for variable in operation.variables.values():
            if variable.location == "body" and variable.schema.get("type") in OF_ANOTHER_TYPE:
                yield pytest.param(operation, variable, id=f"{operation.id}-{variable.name}")


def test_value_of_another_type_is_explained_in_plain_words() -> None:
    seen = 0
    for case in body_variables():
        operation, variable = case.values
        wrong = OF_ANOTHER_TYPE[variable.schema["type"]]
        text = explanation(operation, {**needed(operation), variable.name: wrong})
        assert re.search(rf"'{variable.name}(\[0\])?' (is|needs|has no field) ", text), text
        assert re.search(
            r"needs|has no field|it must be (an?|true or false)|It must be one of|it must be one of", text
        ), text
        assert not LIBRARY_WORDS.search(text), text
        seen += 1
    assert seen > 150


def test_word_in_the_wrong_case_is_corrected_and_every_choice_named() -> None:
    seen = 0
    for case in body_variables():
        operation, variable = case.values
        choices = [choice for choice in variable.schema.get("enum", ()) if isinstance(choice, str)]
        wrong = _other_case(choices)
        if not wrong:
            continue
        text = explanation(operation, {**needed(operation), variable.name: wrong})
        assert f"'{variable.name}' is \"{wrong}\"; did you mean '" in text, text
        assert f"It must be one of {', '.join(choices)} (specs/" in text, text
        seen += 1
    assert seen > 20


def _other_case(choices: list[str]) -> str:
    swapped = choices[0].swapcase() if choices else ""
    return swapped if swapped not in choices else ""


@pytest.mark.parametrize(
    ("id", "body", "explain"),
    [
        (
            "uploadInitImage",
            {"extension": "gif"},
            "uploadInitImage: 'extension' is \"gif\"; it must be one of png, jpg, jpeg, webp "
            "(specs/init_images.json POST /init-image)",
        ),
        (
            "createGeneration",
            {"prompt": "a", "num_images": 99},
            "createGeneration: 'num_images' is 99; it must be between 1 and 8 "
            "(specs/generations.json POST /generations)",
        ),
        (
            "createGeneration",
            {"prompt": "a", "controlnets": [{"initImageTyp": 1}]},
            "createGeneration: 'controlnets[0]' has no field 'initImageTyp'; did you mean 'initImageType'? "
            "(specs/generations.json POST /generations)",
        ),
        (
            "createGenerationV2",
            {"prompt": "a", "modelId": ID},
            "createGenerationV2 has no variable 'prompt'; version 2 takes parameters.prompt "
            "(specs/v2/generations_v2.json POST /generations)",
        ),
        (
            "createGenerationV2",
            {"body": {"model": "ltxv-2.3-pro", "parameters": {"prompt": "a"}}},
            "createGenerationV2 has no variable 'body'; send what is inside it as the body "
            "(specs/v2/generations_v2.json POST /generations)",
        ),
        (  # the guide of LTX 2.3 sends everything in `request`, and nothing beside it
            "createGenerationV2",
            {"model": "ltxv-2.3-pro", "request": {"parameters": {"prompt": "a"}}},
            "createGenerationV2 has no variable 'request'; send what is inside it as the body "
            "(specs/v2/generations_v2.json POST /generations)",
        ),
    ],
)
def test_explanation_whole(id: str, body: dict[str, Any], explain: str) -> None:
    assert explanation(OPERATIONS[id], body) == explain


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("multipart/form-data; boundary=x", "the body is a form (multipart/form-data): send JSON instead"),
        (
            "application/x-www-form-urlencoded",
            "the body is a form (application/x-www-form-urlencoded): send JSON instead",
        ),
    ],
)
def test_form_in_place_of_json_is_named(kind: str, hint: str) -> None:
    operation = OPERATIONS["createGeneration"]
    headers = [(b"content-type", kind.encode())]
    request = Request("POST", [], Addresses.under("http://x"), body=b"--x", raw_headers=headers)
    with pytest.raises(ApiError) as refused:
        parse(operation, {}, request)
    assert refused.value.explain == (
        f"createGeneration needs 'prompt'; {hint} (specs/generations.json POST /generations)"
    )


def test_variable_of_another_operation_names_that_operation() -> None:
    request = Request(
        "POST",
        ["generations"],
        Addresses.under("http://x"),
        body=b'{"prompt": "a", "motionStrength": 3}',
        authorization="Bearer k",
    )
    explain = Dispatcher().handle(request).explain
    assert explain.startswith("createGeneration has no variable 'motionStrength'")
    assert "createSVDMotionGeneration" in explain.rpartition("; ")[2]


def test_former_variable_is_named() -> None:
    request = Request(
        "POST",
        ["generations"],
        Addresses.under("http://x"),
        body=b'{"prompt": "a", "nsfw": true}',
        authorization="Bearer k",
    )
    explain = Dispatcher().handle(request).explain
    assert explain.startswith("createGeneration has no variable 'nsfw'; old clients send it")
    assert "leave it out" in explain
