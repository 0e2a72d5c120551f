"""The documents of version 2 and the catalogue of its models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest

import leomock.leonardo.catalogue
from leomock.contract.conformance import Referee
from leomock.files.recordings.model import RecordedExchange
from leomock.leonardo.basis import BasisKind
from leomock.leonardo.catalogue import Kind
from leomock.leonardo.errors import ApiError
from leomock.leonardo.hosts import Addresses
from leomock.openapi.documents import SpecError, bundle, groups, specs_folder
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
    return Referee(DOCUMENT, exact=True)


def judged(referee: Referee, operation: Operation, body: Any) -> list[str]:
    answer = json.dumps(body).encode()
    return referee.judge_response(
        RecordedExchange(
            operation.method, SERVER + operation.path, response_headers=JSON, response_body=answer
        )
    )


def test_operations_and_their_envelopes() -> None:
    """Three operations; the synchronous one answers without an envelope."""
    assert {o.id: (str(o), o.envelope) for o in SPEC.operations.values()} == {
        "createGenerationV2": ("POST /generations (createGenerationV2)", "generate"),
        "createGenerationSyncV2": ("POST /generationssync (createGenerationSyncV2)", ""),
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
def test_answer_without_an_envelope(exact: Referee, result: dict[str, Any]) -> None:
    """The whole answer is shaped; what is absent stays absent, what no schema names is dropped."""
    operation = SPEC.operations["createGenerationSyncV2"]
    answer = {"id": "x", "blockedCount": 0, "cost": COST, "results": [result]}
    shaped = operation.serializer.serialize({**answer, "results": [{**result, "row": 1}], "more": 2})
    assert shaped == answer
    assert judged(exact, operation, shaped) == []


def test_answer_with_two_keys_and_no_mark_stops_the_start() -> None:
    """Only `x-envelope: false` makes an answer one without an envelope."""
    entry = dict(SPEC.operations["createGenerationSyncV2"].entry)
    del entry["x-envelope"]
    with pytest.raises(SpecError) as stopped:
        Operation(SPEC.effective, "/generationssync", "post", entry, "specs/v2")
    assert str(stopped.value) == (
        "POST /generationssync (createGenerationSyncV2): a response has exactly one top-level key, "
        "this one has ['id', 'blockedCount', 'cost', 'results']"
    )


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
            "$.selectionSet.createGenerationSyncV2.args.arg1.base64",
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

ROWS = json.loads((Path(leomock.leonardo.catalogue.__file__).parent / "v2_models.json").read_text("utf-8"))
MODELS = {row["slug"]: row for row in ROWS}


def test_models_are_told_whole() -> None:
    """Each has a slug of its own, a kind, a basis and a source; ids and parameters only where known."""
    assert len(MODELS) == len(ROWS) == 66
    ids = [row["id"] for row in ROWS if row["id"]]
    assert len(ids) == len(set(ids)) == 17
    for row in ROWS:
        assert list(row) == ["slug", "id", "name", "kind", "basis", "source", "parameters"]
        assert row["kind"] in get_args(Kind)
        assert row["basis"] in get_args(BasisKind)
        assert row["name"]
        assert row["source"]
        if row["parameters"] is not None:
            jsonschema_rs.meta.validate(row["parameters"])


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
    assert jsonschema_rs.is_valid(MODELS[slug]["parameters"], parameters) is fits
