"""The referee: what it accepts, and in which words it refuses."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leomock.contract.conformance import Referee
from leomock.contract.strict import with_closed_answers
from leomock.files.recordings.model import RecordedExchange
from leomock.openapi.documents import Json, operations_of
from leomock.openapi.operations import Operation
from leomock.openapi.spec import Spec

SERVER = "http://leomock.test/api/rest/v1"
KEY = {"authorization": "Bearer key"}
JSON = {"content-type": "application/json"}
ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
SPEC = Spec()
DOCUMENT = SPEC.document(SERVER)
CREATE = "POST /api/rest/v1/generations (createGeneration)"
JOB = {"generationId": ID, "apiCreditCost": 8, "cost": {"amount": "8", "unit": "CREDITS"}}


@pytest.fixture(scope="module")
def referee() -> Referee:
    return Referee(DOCUMENT)


@pytest.fixture(scope="module")
def exact() -> Referee:
    return Referee(with_closed_answers(DOCUMENT))


def asked(
    body: Any = None, method: str = "POST", path: str = "/generations", **changed: Any
) -> RecordedExchange:
    """A request, with a body of JSON values."""
    given: dict[str, Any] = {
        "request_headers": KEY | JSON,
        "request_body": b"" if body is None else json.dumps(body).encode(),
    }
    return RecordedExchange(method, SERVER + path, **given | changed)


def answered(body: Any, method: str = "POST", path: str = "/generations", **changed: Any) -> RecordedExchange:
    """An answer with a body of JSON values."""
    given: dict[str, Any] = {"response_headers": JSON, "response_body": json.dumps(body).encode()}
    return RecordedExchange(method, SERVER + path, **given | changed)


# --- documents --------------------------------------------------------------------------------------------


def test_document_effective(referee: Referee) -> None:
    """The document with the overlay is valid OpenAPI."""
    referee.check_document()


def test_document_published() -> None:
    """The published document is not: the overlay corrects the pattern that is not a regular expression."""
    with pytest.raises(Exception, match=r"\[0-9\]\{\*\}"):
        Referee(SPEC.document(SERVER, published=True)).check_document()


def examples(document: Json) -> Iterator[tuple[str, RecordedExchange]]:
    """Every example of an answer, as if it had been answered."""
    for path, item in document["paths"].items():
        for method, entry in operations_of(item):
            content = entry["responses"]["200"]["content"]["application/json"]
            found = {name: example["value"] for name, example in content.get("examples", {}).items()}
            if "example" in content:
                found["example"] = content["example"]
            for name, value in found.items():
                exchange = answered(value, method.upper(), re.sub(r"{\w+}", ID, path))
                yield f"{entry['operationId']} {name}", exchange


# What is wrong with the published examples; the overlay corrects the example or the schema.
WRONG_EXAMPLES = {
    "getBlueprintExecutionGenerations success": ["a1b2c3d4", "failedReason is missing", "b2c3d4e5"],
    "getBlueprintExecutionGenerations promptModerationFailure": ["c3d4e5f6"],  # ids of another version than 4
    "getBlueprintExecutionGenerations notAccessible": ["startCursor is null", "endCursor is null"],
    "promptRandom example": ["apiCreditCost is null"],
    "promptImprove example": ["apiCreditCost is null"],
    "performAlchemyUpscaleLCM example": ["generationId is missing"],
    "createVariationUpscale example": ["sdUpscaleJob is missing", "sdUpscalerjob is not in"],
    "createVariationNoBG example": ["f5g6h7i8"],
    "CreateUniversalUpscalerJob example": ["g6h7i8j9"],
}


def test_examples_fit_their_schemas(exact: Referee) -> None:
    """Every example of an answer holds exactly what its schema names."""
    judged = {name: exact.judge_response(exchange) for name, exchange in examples(DOCUMENT)}
    assert len(judged) == 32
    assert {name: findings for name, findings in judged.items() if findings} == {}


def test_examples_published_that_do_not_fit() -> None:
    """Without the overlay these do not, and no others: each is a correction that is still needed."""
    published = SPEC.document(SERVER, published=True)
    judge = Referee(with_closed_answers(published)).judge_response
    judged = {name: found for name, exchange in examples(published) if (found := judge(exchange))}
    assert judged.keys() == WRONG_EXAMPLES.keys()
    for name, findings in judged.items():
        for finding, told in zip(findings, WRONG_EXAMPLES[name], strict=True):
            assert told in finding


def test_examples_of_requests_fit(referee: Referee) -> None:
    """So does every example of a body, and every sample of a parameter."""
    judged = 0
    for path, item in DOCUMENT["paths"].items():
        for method, entry in operations_of(item):
            content = entry.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in content:
                body = json.dumps(content["example"]).encode()
                headers = {**KEY, "Content-Type": "application/json"}
                url = SERVER + re.sub(r"{\w+}", ID, path)
                assert referee.judge_request(RecordedExchange(method.upper(), url, headers, body)) == []
                judged += 1
    assert judged == 2


def test_document_with_a_default_that_does_not_fit() -> None:
    """A component's default is held against its schema (openapi-spec-validator looks into no body)."""
    document = copy.deepcopy(DOCUMENT)
    document["components"]["schemas"]["sd_generation_style"]["default"] = "BLURRED"
    with pytest.raises(Exception, match="'BLURRED' is not one of"):
        Referee(document).check_document()


def test_document_is_left_as_it_was() -> None:
    """What the referee reads into a document it reads into a copy."""
    document = copy.deepcopy(DOCUMENT)
    Referee(with_closed_answers(document))
    assert document == DOCUMENT


# --- requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exchange",
    [
        asked({"prompt": "a cat"}),
        asked({"prompt": "a cat", "width": 512, "presetStyle": None, "elements": [{"akUUID": "x"}]}),
        asked(
            {"prompt": "a cat"},
            request_headers={"Authorization": "bearer k", "CONTENT-TYPE": "Application/JSON"},
        ),
        asked({"prompt": "a cat"}, request_headers=KEY | {"content-type": "application/json; charset=utf-8"}),
        asked(method="get", path=f"/generations/{ID}"),
        asked(method="GET", path=f"/generations/%33{ID[1:]}"),
        asked(method="GET", path=f"/generations/user/{ID}?offset=0&limit=2147483647"),
    ],
    ids=lambda exchange: f"{exchange.method} {exchange.url[len(SERVER) :]}",
)
def test_request_that_conforms(referee: Referee, exchange: RecordedExchange) -> None:
    """No findings; names of headers and the method may have any case, a path may be percent-encoded."""
    assert referee.judge_request(exchange) == []


@pytest.mark.parametrize("field", ["presetStyle", "transparency", "contrast", "scheduler", "sd_version"])
@pytest.mark.parametrize("published", [True, False])
def test_request_with_null_for_an_enum(field: str, published: bool) -> None:
    """Null is taken where `nullable` stands beside an enum, though the published enums do not list it."""
    document = SPEC.document(SERVER, published=published)
    nullable = published and field in ("scheduler", "sd_version")  # only the overlay makes these nullable
    assert bool(Referee(document).judge_request(asked({"prompt": "x", field: None}))) is nullable


@pytest.mark.parametrize(
    ("body", "findings"),
    [
        ({}, ["request body: prompt is missing"]),
        ({"prompt": None}, ["request body: prompt is null, not of type string"]),
        ({"prompt": 1}, ["request body: prompt is 1, not of type string"]),
        (
            {"prompt": "x", "width": 9},
            [
                "request body: width: 9 is less than the minimum of 32",
                "request body: width: 9 is not a multiple of 8",
            ],
        ),
        (
            {"prompt": "x", "elements": [{"akUUID": "x"}, {"weight": "x"}]},
            [
                'request body: elements[1].weight is "x", not of type number',
                "request body: elements[1].akUUID is missing",
            ],
        ),
        (
            {"prompt": "x", "widht": 1},
            ["request body: widht is not in the document"],
        ),
        ({"prompt": "x", "width": 512.0}, ["request body: width is 512.0, not of type integer"]),
        ([], ["request body: [] is not of type object"]),
    ],
    ids=lambda value: json.dumps(value)[:30] if isinstance(value, dict) else "",
)
def test_request_with_a_wrong_body(referee: Referee, body: Any, findings: list[str]) -> None:
    """Each finding names the place in the body."""
    assert sorted(referee.judge_request(asked(body))) == sorted(f"{CREATE}: {text}" for text in findings)


def test_request_with_a_long_value(referee: Referee) -> None:
    """A finding is not longer than somebody reads, whatever was sent."""
    [finding] = referee.judge_request(asked({"prompt": "x" * 10_000}))
    assert finding == f'{CREATE}: request body: prompt is "{"x" * 59}…, longer than 1500 characters'


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"NaN", b'{"prompt": Infinity}', b"\xff", '{"prompt": "x"}'.encode("utf-16")),
        *(b'\xef\xbb\xbf{"prompt": "x"}', b"[" * 100_000),
    ],
    ids=lambda body: repr(body)[:20],
)
def test_request_that_is_not_json(referee: Referee, body: bytes) -> None:
    """JSON is UTF-8 without a mark, and has no NaN: Python alone is less strict."""
    assert referee.judge_request(asked(request_body=body)) == [f"{CREATE}: the request body is not JSON"]


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"request_body": b""}, "the request body is missing"),
        ({"request_headers": JSON}, "the request does not authenticate as the document says"),
        (
            {"request_headers": JSON | {"Authorization": "Basic eDp5"}},
            "the request does not authenticate as the document says",
        ),
        ({"request_headers": KEY}, "the request body is of no content type, not application/json"),
        (
            {"request_headers": KEY | {"Content-Type": "text/plain"}},
            "the request body is text/plain, not application/json",
        ),
    ],
    ids=["no body", "no key", "other scheme", "no content type", "other content type"],
)
def test_request_that_lacks_something(referee: Referee, changed: dict[str, Any], finding: str) -> None:
    """What is missing is named."""
    assert referee.judge_request(asked({"prompt": "x"}, **changed)) == [f"{CREATE}: {finding}"]


PAGE = f"/generations/user/{ID}"


@pytest.mark.parametrize(
    ("path", "name", "findings"),
    [
        (
            f"{PAGE}?limit=-1",
            "getGenerationsByUserId",
            ["query parameter 'limit': -1 is less than the minimum of 0"],
        ),
        (
            f"{PAGE}?offset=x",
            "getGenerationsByUserId",
            ["query parameter 'offset': 'x' is not of type integer"],
        ),
        (f"{PAGE}?offset=", "getGenerationsByUserId", []),
        ("/generations/\ud800", "getGenerationById", ["path parameter 'id': \"%3F\" is not a valid uuid"]),
        (
            f"/generations/{ID}%0A",
            "getGenerationById",
            [f"path parameter 'id': \"{ID}%0A\" is not a valid uuid"],
        ),
        ("/generations/%2e%2E", "getGenerationById", ["path parameter 'id': \"%2E%2E\" is not a valid uuid"]),
        ("/generations/a%2fb", "getGenerationById", ["path parameter 'id': \"a%2Fb\" is not a valid uuid"]),
    ],
)
def test_request_with_a_wrong_parameter(referee: Referee, path: str, name: str, findings: list[str]) -> None:
    """Parameters are judged where they stand; dots and slashes that are encoded do not change the path."""
    said = referee.judge_request(asked(method="GET", path=path))
    speaker = f"GET /api/rest/v1{path.partition('?')[0]} ({name}): "
    assert [text for text in said if "does not match" not in text] == [speaker + text for text in findings]


@pytest.mark.parametrize(
    ("method", "url", "finding"),
    [
        ("GET", f"{SERVER}/nothing", "GET /api/rest/v1/nothing: no path of the document fits"),
        ("PUT", f"{SERVER}/me", "PUT /api/rest/v1/me: the document has this path, without this method"),
        ("GET", "http://other.test/me", "GET /me: the URL is under none of the document's servers"),
    ],
)
def test_request_to_no_operation(referee: Referee, method: str, url: str, finding: str) -> None:
    """Where nothing of the document fits, that is the one finding, for the answer as well."""
    exchange = RecordedExchange(method, url, KEY)
    assert referee.judge_request(exchange) == [finding]
    speaker, _, text = finding.partition(": ")
    assert referee.judge_response(exchange) == [f"{speaker} 200: {text}"]


# --- answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exchange",
    [
        answered({"sdGenerationJob": JOB}),
        answered({"sdGenerationJob": None}),
        answered(
            {"sdGenerationJob": JOB}, response_headers={"Content-Type": "application/json; charset=utf-8"}
        ),
        answered({"error": "x", "path": "$", "code": "y"}, status=400),
        answered({"generations_by_pk": None}, "GET", f"/generations/{ID}"),
        answered({"init_images_by_pk": {"id": ID, "url": "x", "createdAt": "y"}}, "GET", f"/init-image/{ID}"),
    ],
    ids=lambda exchange: exchange.response_body.decode()[:30],
)
def test_answer_that_conforms(referee: Referee, exact: Referee, exchange: RecordedExchange) -> None:
    """No findings, from an exact referee either."""
    assert referee.judge_response(exchange) == exact.judge_response(exchange) == []


@pytest.mark.parametrize(
    ("exchange", "finding"),
    [
        (
            answered({"sdGenerationJob": JOB}, status=201),
            f"{CREATE} 201: the document names no such status, "
            "but 200, 400, 401, 404, 405, 413, 429, 500, 403",
        ),
        (
            answered({"sdGenerationJob": {**JOB, "apiCreditCost": "8"}}),
            f'{CREATE} 200: response body: sdGenerationJob.apiCreditCost is "8", not of type integer',
        ),
        (
            answered({"sdGenerationJob": {**JOB, "generationId": None}}),
            f"{CREATE} 200: response body: sdGenerationJob.generationId is null, not of type string",
        ),
        (
            answered({"error": "x", "path": "$"}, status=400),
            f"{CREATE} 400: response body: code is missing",
        ),
        (answered({}, response_body=b""), f"{CREATE} 200: the response body is missing"),
        (answered({}, response_body=b"<html>"), f"{CREATE} 200: the response body is not JSON"),
        (
            answered({}, response_headers={"content-type": "text/html"}),
            f"{CREATE} 200: the response body is text/html, not application/json",
        ),
        (
            answered({"delete_init_images_by_pk": {"id": "x" * 36}}, "DELETE", f"/init-image/{ID}"),
            f"DELETE /api/rest/v1/init-image/{ID} (deleteInitImageById) 200: "
            f'response body: delete_init_images_by_pk.id is "{"x" * 36}", not a valid uuid',
        ),
    ],
    ids=lambda value: value.split(": ", 1)[1][:40] if isinstance(value, str) else "",
)
def test_answer_that_is_broken(referee: Referee, exchange: RecordedExchange, finding: str) -> None:
    """Each finding names the operation, the status and the place."""
    assert [text for text in referee.judge_response(exchange) if "does not match" not in text] == [finding]


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ({}, "response body: sdGenerationJob is missing"),
        (
            {"sdGenerationJob": JOB, "more": 1},
            "response body: more is not in the document",
        ),
        (
            {"sdGenerationJob": {name: JOB[name] for name in ("generationId", "cost")}},
            "response body: sdGenerationJob.apiCreditCost is missing",
        ),
    ],
    ids=["without the envelope", "with another key", "without a field"],
)
def test_answer_that_is_not_exact(referee: Referee, exact: Referee, body: Any, finding: str) -> None:
    """The served document requires the fields of an answer; an exact referee allows no others, too."""
    more = "is not in the document" in finding
    assert referee.judge_response(answered(body)) == ([] if more else [f"{CREATE} 200: {finding}"])
    assert exact.judge_response(answered(body)) == [f"{CREATE} 200: {finding}"]


def test_answer_with_a_sparse_field() -> None:
    """What the overlay marks as sparse may be absent, also for an exact referee."""
    document = copy.deepcopy(DOCUMENT)
    answer = document["paths"]["/init-image/{id}"]["delete"]["responses"]["200"]["content"][
        "application/json"
    ]
    inside = answer["schema"]["properties"]["delete_init_images_by_pk"]
    inside["properties"]["seen"] = {"type": "string", "x-sparse": True}
    referee = Referee(with_closed_answers(document))
    for more in ({}, {"seen": "sometimes"}):
        body = {"delete_init_images_by_pk": {"id": ID, **more}}
        assert referee.judge_response(answered(body, "DELETE", f"/init-image/{ID}")) == []


def test_answer_with_alternatives(referee: Referee) -> None:
    """Where an answer fits none of several schemas, it is held to the nearest."""
    body = {"executeBlueprint": {"akUUID": 1}}
    speaker = "POST /api/rest/v1/blueprint-executions (executeBlueprint) 200: response body"
    assert referee.judge_response(answered(body, path="/blueprint-executions")) == [
        f"{speaker}: executeBlueprint.akUUID is 1, not of type string",
    ]


@pytest.mark.parametrize("operation", SPEC.operations.values(), ids=lambda operation: operation.id)
def test_answer_that_is_blank(exact: Referee, operation: Operation) -> None:
    """The blank of every operation conforms: it is what an operation answers that nobody wrote yet."""
    path = re.sub(r"{\w+}", ID, operation.path)
    exchange = answered(operation.enveloped(operation.serializer.empty), operation.method, path)
    assert exact.judge_response(exchange) == []


# --- the tests' own watch (conftest) ----------------------------------------------------------------------

BROKEN_TEST = """
import pytest

from leomock.leonardo.hosts import Addresses
from leomock.operations.dispatch import Dispatcher
from leomock.operations.registry import HANDLERS
from leomock.openapi.request_parser import Request

ADDRESSES = Addresses.under("http://leomock.test")
REQUEST = Request(
    "DELETE", ["init-image", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"], ADDRESSES, authorization="Bearer key"
)


def test_good():
    Dispatcher().handle(REQUEST)
    Dispatcher().handle(Request("GET", ["nothing"], ADDRESSES))


def test_broken(monkeypatch):
    monkeypatch.setitem(HANDLERS, "deleteInitImageById", lambda call, world: {"id": "broken"})
    Dispatcher().handle(REQUEST)


def test_broken_again(monkeypatch):
    monkeypatch.setitem(HANDLERS, "deleteInitImageById", lambda call, world: {"id": "broken"})
    Dispatcher().handle(REQUEST)


@pytest.fixture
def late(monkeypatch):
    yield
    monkeypatch.setitem(HANDLERS, "deleteInitImageById", lambda call, world: {"id": "broken"})
    Dispatcher().handle(REQUEST)


def test_late(late):
    pass


def test_failed(monkeypatch):
    monkeypatch.setitem(HANDLERS, "deleteInitImageById", lambda call, world: {"id": "broken"})
    Dispatcher().handle(REQUEST)
    raise ValueError("the test's own")
"""


def test_watch_fails_the_test_that_was_answered_wrongly(tmp_path: Path) -> None:
    """Each test that sees a broken answer fails, the first and any other; its own error stays the first."""
    (tmp_path / "test_it.py").write_text(BROKEN_TEST)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-rA",
        "test_it.py",
    ]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        # With CI set, pytest's summary tells each finding once more.
        env={**{name: value for name, value in os.environ.items() if name != "CI"}, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout
    assert "3 failed, 2 passed, 1 error" in told, told
    finding = (
        f"DELETE /api/rest/v1/init-image/{ID} (deleteInitImageById) 200: "
        'response body: delete_init_images_by_pk.id is "broken", not a valid uuid'
    )
    assert told.count(f"\n{finding}") == 3
    assert "ERROR at teardown of test_late" in told
    assert "ValueError: the test's own" in told
    assert f"E       {finding}" in told
