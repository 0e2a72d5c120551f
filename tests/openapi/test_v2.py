"""The documents of version 2 and the catalogue of its models."""

from __future__ import annotations

import json
from typing import Any, get_args

import jsonschema_rs
import pytest

from leomock.contract.conformance import Referee
from leomock.contract.strict import with_closed_answers
from leomock.files.recordings.model import RecordedExchange
from leomock.leonardo.basis import BasisKind
from leomock.leonardo.catalogue.v2 import Kind, all_models_v2, drawable_schema, schema_v2
from leomock.leonardo.errors import ApiError
from leomock.leonardo.hosts import Addresses
from leomock.openapi.documents import bundle, groups, specs_folder
from leomock.openapi.operations import Operation
from leomock.openapi.request_parser import Request, parse
from leomock.openapi.spec import Spec

FOLDER = specs_folder() / "v2"
SERVER = "http://leomock.test/api/rest/v2"
SPEC = Spec(FOLDER)
DOCUMENT = SPEC.document(SERVER)
JSON = {"content-type": "application/json"}
COST = {"amount": "0.1047", "unit": "DOLLARS"}
# Captured in 2026.
REFUSED = [
    {
        "extensions": {
            "code": "BadRequestException",
            "details": {
                "code": "VALIDATION_ERROR",
                "errors": [
                    {
                        "code": "VALIDATION_ERROR",
                        "message": "parameters.prompt_enhance must be one of: OFF",
                    }
                ],
                "message": "parameters.prompt_enhance must be one of: OFF",
            },
            "statusCode": 400,
        },
        "locations": [],
        "message": "An error occurred.",
        "path": [],
    }
]


@pytest.fixture(scope="module")
def exact() -> Referee:
    return Referee(with_closed_answers(DOCUMENT))


def judged(referee: Referee, operation: Operation, body: Any) -> list[str]:
    answer = json.dumps(body).encode()
    return referee.judge_response(
        RecordedExchange(
            operation.method, SERVER + operation.path, response_headers=JSON, response_body=answer
        )
    )


def test_operations_and_their_envelopes() -> None:
    """Three operations, each with an envelope of its own."""
    assert {o.id: (str(o), o.envelope) for o in SPEC.operations.values()} == {
        "createGenerationV2": ("POST /generations (createGenerationV2)", "generate"),
        "createGenerationSyncV2": ("POST /generationssync (createGenerationSyncV2)", "generateSync"),
        "listModelsV2": ("GET /models (listModelsV2)", "productionApiAvailableModels"),
    }


def test_operation_ids_and_groups_are_of_one_version() -> None:
    """Scenarios and handlers name operations and groups without a version."""
    first = Spec()
    assert not first.operations.keys() & SPEC.operations.keys()
    assert not groups(specs_folder()).keys() & groups(FOLDER).keys()


def test_documents_are_valid() -> None:
    """As they stand, and with the overlay."""
    for document in (bundle(FOLDER), DOCUMENT):
        Referee(document).check_document()


def test_documents_say_where_they_come_from() -> None:
    """None is one of the fourteen; each has basis and source."""
    assert groups(FOLDER, published_only=True) == {}
    for document in groups(FOLDER).values():
        assert document["info"]["x-basis"] in get_args(BasisKind)
        assert document["info"]["x-source"]


@pytest.mark.parametrize("operation", SPEC.operations.values(), ids=lambda operation: operation.id)
def test_answer_that_is_blank(exact: Referee, operation: Operation) -> None:
    """The blank of every operation conforms."""
    assert judged(exact, operation, operation.enveloped(operation.serializer.empty)) == []


@pytest.mark.parametrize("id", ["createGenerationV2", "createGenerationSyncV2"])
def test_answer_that_is_a_list_of_errors(exact: Referee, id: str) -> None:
    """The captured one conforms."""
    assert judged(exact, SPEC.operations[id], REFUSED) == []


@pytest.mark.parametrize(
    "result",
    [
        {"contentType": "image/png", "dataB64": "aGk="},
        {"contentType": "image/png", "url": "https://x.test/a.png", "width": 1024, "height": 768},
    ],
    ids=["base64", "link"],
)
def test_answer_of_the_synchronous_operation(exact: Referee, result: dict[str, Any]) -> None:
    """What is absent stays absent, what no schema names is dropped."""
    operation = SPEC.operations["createGenerationSyncV2"]
    answer = {"id": "x", "blockedCount": 0, "cost": COST, "results": [result]}
    shaped = operation.serializer.serialize({**answer, "results": [{**result, "row": 1}], "more": 2})
    assert shaped == answer
    assert judged(exact, operation, operation.enveloped(shaped)) == []


@pytest.mark.parametrize(
    ("path", "body", "error", "path_of_error", "explain"),
    [
        (
            "generations",
            {"modle": "x"},
            "Unexpected variable modle",
            "$",
            "createGenerationV2 has no variable 'modle'; did you mean 'model'? "
            "(specs/v2/generations_v2.json POST /generations)",
        ),
        (
            "generationssync",
            {"model": "remove-bg", "base64": "yes"},
            "expected a boolean for type 'Boolean', but found a string",
            "$.selectionSet.generateSync.args.arg1.base64",
            "createGenerationSyncV2: 'base64' is \"yes\"; it must be true or false "
            "(specs/v2/generations_v2.json POST /generationssync)",
        ),
    ],
)
def test_refusal(path: str, body: Any, error: str, path_of_error: str, explain: str) -> None:
    """Variables are refused in the words of version 1, the parameters of a model by the operation itself."""
    operation, captured = SPEC.route("POST", [path])
    request = Request("POST", [path], Addresses.under("http://x"), body=json.dumps(body).encode())
    with pytest.raises(ApiError) as refused:
        parse(operation, captured, request)
    assert (refused.value.text, refused.value.path) == (error, path_of_error)
    assert refused.value.explain == explain


def test_parameters_of_any_form_are_left_to_the_operation() -> None:
    """Their schema is the model's."""
    operation, captured = SPEC.route("POST", ["generations"])
    body = {"model": "lucid-origin", "public": None, "parameters": {"prompt": 1}}
    request = Request("POST", ["generations"], Addresses.under("http://x"), body=json.dumps(body).encode())
    call = parse(operation, captured, request)
    assert (call["model"], call["public"], call["parameters"]) == ("lucid-origin", None, {"prompt": 1})


# --- the catalogue --------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", all_models_v2())
def test_entry_of_a_model_is_whole(slug: str) -> None:
    """It has a kind, a basis, a source and a schema that is valid."""
    model = all_models_v2()[slug]
    assert model.kind in get_args(Kind)
    assert model.basis in get_args(BasisKind)
    assert model.name
    assert model.source
    assert not model.is_open
    jsonschema_rs.meta.validate(schema_v2(slug))
    jsonschema_rs.meta.validate(drawable_schema(slug))
    for price in model.entry.get("prices", ()):
        assert price["basis"] in get_args(BasisKind)
        assert price["source"]


def test_ids_of_models_are_their_own() -> None:
    """No two share one."""
    ids = [model.id for model in all_models_v2().values()]
    assert len(set(ids)) == len(ids) == 82


@pytest.mark.parametrize(
    ("slug", "parameters", "fits"),
    [
        ("lucid-origin", {"prompt": "a", "width": 3840, "height": 16, "mode": "ULTRA"}, True),
        ("lucid-origin", {"prompt": "a" * 2001}, False),
        ("lucid-origin", {"prompt": "a", "quantity": 9}, False),
        ("lucid-origin", {"prompt": "a", "width": 20}, False),
        ("lucid-origin", {"prompt": "a", "with": 16}, False),
        ("phoenix-v1.0", {"prompt": "a", "contrast": "HIGH"}, True),
        ("phoenix-v1.0", {"prompt": "a", "width": 2056}, False),
        ("flux-schnell", {"prompt": "a", "quantity": 1, "width": 896, "height": 896}, True),
        ("flux-schnell", {"width": 896}, False),
        ("rodin-v2", {"seed": 65536}, False),
        ("nano-banana-2", {"prompt": "a", "width": 0, "height": 0}, True),
        ("remove-bg", {}, False),
        ("remove-bg", {"guidances": {"image_reference": [{"image": {"type": "URL", "url": "x"}}]}}, True),
        ("remove-bg", {"guidances": {"image_reference": []}}, False),
        ("aurora-upscaler-precise", {"upscale_factor": 7}, False),
    ],
)
def test_parameters_of_a_model(slug: str, parameters: dict[str, Any], fits: bool) -> None:
    """What is documented of a model's parameters holds."""
    assert jsonschema_rs.is_valid(schema_v2(slug), parameters) is fits
