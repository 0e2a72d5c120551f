"""The REST adapters answer as the fake does, and take what their files pass on."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from leomock import Fake
from leomock.interop.capability.documented import documented
from leomock.interop.capability.export import exported, file_name
from leomock.interop.capability.files import load
from leomock.interop.capability.model import Offer
from leomock.interop.capability.rest_adapter import LONGEST_BODY
from leomock.interop.mcp.address import MCP_MISSING
from leomock.interop.mcp.handlers import make_server
from leomock.interop.mcp.tools import tools_of
from leomock.openapi.operations import Operation
from leomock.openapi.spec import shipped_versions
from tests.fixtures import client_of
from tests.interop.capability.adapters import adapter_of, caller_of, changed, json_of, shipped
from tests.interop.mcp.servers import LIST, call

VERSIONS = shipped_versions()
ID = "6163f776-ad40-47fc-acd4-c04b22590ada"
OFFERS = [
    (file_name(namespace).removesuffix(".yaml"), offer)
    for namespace in exported(VERSIONS["v1"])
    for offer in shipped(file_name(namespace).removesuffix(".yaml")).adapters[0].offers
]


@pytest.fixture
def images(fake: Fake) -> Iterator[httpx.Client]:
    """The REST adapter of the image generations."""
    with adapter_of(shipped("image_generation"), fake) as client:
        yield client


# --- as the fake answers -----------------------------------------------------------------------------


def sample(operation: Operation, schema: dict[str, Any]) -> Any:
    """A value that a variable takes."""
    schema = operation.resolved(schema)
    if schema.get("default") is not None:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {name: sample(operation, schema["properties"][name]) for name in schema.get("required", ())}
    return {"integer": 512, "number": 1, "boolean": True, "array": []}.get(schema.get("type", ""), ID)


def calls(offer: Offer) -> Iterator[tuple[str, str, bytes]]:
    """Right and wrong calls of an operation: method, path, body."""
    operation = documented(VERSIONS, offer.operation)
    assert operation
    samples = {name: sample(operation, variable.schema) for name, variable in operation.variables.items()}
    path = re.sub(r"\{(.+?)\}", lambda variable: str(samples[variable[1]]), offer.path)
    given = {name: samples[name] for name, v in operation.variables.items() if v.location == "body"}
    needed = {name: value for name, value in given.items() if operation.variables[name].required}
    yield offer.method, path, orjson.dumps(needed) if needed else b""
    yield offer.method, path, orjson.dumps(given)
    for body in (b"", b"{", b"[]", b'{"nope": 1}', b'{"no-name": 1}', b"null"):
        yield offer.method, path, body
    for name in needed:
        yield offer.method, path, orjson.dumps({**needed, name: None})
        yield offer.method, path, orjson.dumps({**needed, name: {"a": []}})
    for query in ("nope=1", "no-name=1", "limit=2", "limit=x", "limit=", "limit=1&limit=2", "limit=%C3%A9"):
        variable = operation.variables.get(query.partition("=")[0])
        if variable is None or variable.location == "query":
            yield offer.method, f"{path}?{query}", orjson.dumps(needed) if needed else b""
    for wrong in ("not-a-uuid", "a%2Fb", "%2E%2E", "%C3%A9%20"):
        for name in offer.operation.path.split("/"):
            if name.startswith("{"):
                yield offer.method, offer.path.replace(name, wrong), b""
    yield "PATCH", path, b""
    yield "HEAD", path, b""
    yield offer.method, f"{path}/", orjson.dumps(needed) if needed else b""
    yield offer.method, f"{path}/a/b/c/d", b""


@pytest.mark.parametrize(
    ("file", "offer"), OFFERS, ids=[offer.operation.id.partition(".")[2] for _, offer in OFFERS]
)
def test_adapter_answers_as_the_fake(file: str, offer: Offer) -> None:
    """Status and body of the same calls, errors included, for every operation of every file."""
    # Of a day on which every operation was offered: one that is not refuses before it reads variables.
    behind, beside = (Fake(clock="frozen", as_of="2026-05-01") for _ in range(2))
    with adapter_of(shipped(file), behind) as adapter, client_of(beside) as direct:
        statuses = set()
        reads = {other.path for name, other in OFFERS if name == file and other.method == "GET"}
        for method, path, body in calls(offer):
            if method == "HEAD" and offer.path in reads:
                continue  # An adapter answers it, other than the API.
            got = adapter.request(method, path, content=body)
            expected = direct.request(method, f"http://leomock.invalid{path}", content=body)
            call = f"{method} {path} {body!r}"
            assert (got.status_code, got.content) == (expected.status_code, expected.content), call
            assert got.headers.get("allow") == expected.headers.get("allow"), call
            statuses.add(got.status_code)
    behind.close()
    beside.close()
    assert {400, 404, 405} <= statuses


def test_journey_through_the_adapter(images: httpx.Client, fake: Fake) -> None:
    """Create, poll, list, delete; the pictures are where the fake is."""
    created = images.post("/v1/generations", json={"prompt": "a cat", "num_images": 1}).json()
    id = created["sdGenerationJob"]["generationId"]
    assert images.get(f"/v1/generations/{id}").json()["generations_by_pk"]["status"] == "PENDING"
    row = images.get(f"/v1/generations/{id}").json()["generations_by_pk"]
    assert row["status"] == "COMPLETE"
    assert row["generated_images"][0]["url"].startswith(f"{fake.url}/cdn/")
    listed = images.get(f"/v1/generations/user/{fake.user_id}", params={"limit": 5}).json()
    assert [each["id"] for each in listed["generations"]] == [id]
    assert images.delete(f"/v1/generations/{id}").json() == {"delete_generations_by_pk": {"id": id}}
    assert images.get(f"/v1/generations/{id}").json() == {"generations_by_pk": None}


# --- whose key ---------------------------------------------------------------------------------------


def test_key_is_the_capabilitys_whatever_the_caller_sends(images: httpx.Client, fake: Fake) -> None:
    """A caller's Authorization header goes nowhere: neither to the fake nor to the real API."""
    images.post("/v1/generations", json={"prompt": "a"}, headers={"authorization": "Bearer another"})
    fake.assert_called("createGeneration", times=1)
    assert [world.key for world in fake.api.worlds] == [fake.api_key]


def test_pages_of_other_sites_are_refused(images: httpx.Client, fake: Fake) -> None:
    """Whoever calls needs no key, so a page that somebody looks at could spend credits."""
    answer = images.post("/v1/generations", json={"prompt": "a"}, headers={"origin": "https://evil.example"})
    assert json_of(answer) == (
        403,
        {
            "error": "leomock: image-generation-rest does not accept calls from pages of 'https://evil.example'"
        },
    )
    fake.assert_not_called("createGeneration")


# --- what the file does not pass on ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "name", "place"),
    [
        ("POST", "/v1/generations", b"", "prompt", "the query"),
        ("GET", f"/v1/generations/{ID}", b'{"limit": 1}', "limit", "the body"),
    ],
)
def test_input_that_is_passed_on_to_nowhere(
    images: httpx.Client, method: str, path: str, body: bytes, name: str, place: str
) -> None:
    """It is refused in the upstream's words, rather than dropped in silence."""
    answer = images.request(method, path + ("?prompt=a" if not body else ""), content=body)
    assert json_of(answer) == (
        400,
        {"error": f"Unexpected variable {name}", "path": "$", "code": "bad-request"},
    )
    shown = path.replace(ID, "{id}")
    assert answer.headers["x-leomock-explain"] == (
        f"image-generation-rest: {method} {shown} takes no '{name}' from {place}"
    )


def test_path_that_the_file_does_not_offer(images: httpx.Client) -> None:
    """Though the fake itself would answer there."""
    answer = images.get("/v1/me")
    assert json_of(answer) == (
        404,
        {"error": "Endpoint not found", "path": "$", "code": "not-found"},
    )
    assert answer.headers["x-leomock-explain"] == (
        "image-generation-rest has no /v1/me; it has /v1/generations, /v1/generations/{id}, "
        "/v1/generations/user/{userId}"
    )


def test_body_that_is_too_long(images: httpx.Client) -> None:
    """As long as the fake's own, and its words."""
    answer = images.post("/v1/generations", content=b" " * (LONGEST_BODY + 1))
    assert json_of(answer) == (
        413,
        {"error": f"request body is larger than {LONGEST_BODY} bytes", "path": "$", "code": "unexpected"},
    )


# --- what the file may say besides -------------------------------------------------------------------


def _limit_in_a_header(text: str) -> str:
    """The limit of the REST adapter as the header X-Limit; its offset is fixed."""
    before, exposes, after = text.partition("  exposes:\n")
    after = after.replace("- name: limit\n          in: query", "- name: X-Limit\n          in: header", 1)
    return before + exposes + after


def test_inputs_and_mapping_of_the_file(fake: Fake, tmp_path: Path) -> None:
    """A header of the caller becomes a query parameter; a part of the answer is the whole."""
    path = changed(
        tmp_path,
        (
            "          offset: rest.offset\n          limit: rest.limit\n          userId: rest.userId\n",
            "          offset: 0\n          limit: rest.X-Limit\n          userId: rest.userId\n"
            "        outputParameters: [{type: array, mapping: '$.generations[*].prompt'}]\n",
        ),
    )
    path.write_text(_limit_in_a_header(path.read_text("utf-8")), "utf-8")
    with adapter_of(load(path), fake) as adapter:
        for prompt in ("a", "b", "c"):
            adapter.post("/v1/generations", json={"prompt": prompt})
        of_user = f"/v1/generations/user/{fake.user_id}"
        assert adapter.get(of_user, headers={"X-Limit": "2"}).json() == ["c", "b"]
        refused = adapter.get(of_user, headers={"X-Limit": "x"})
        assert refused.status_code == 400
        assert set(refused.json()) == {"error", "path", "code"}


# --- what goes wrong upstream ------------------------------------------------------------------------


def test_fault_of_one_request(images: httpx.Client) -> None:
    """The header goes on to the fake, and so does what the fake explains."""
    answer = images.post(
        "/v1/generations", json={"prompt": "a"}, headers={"x-leomock-scenario": "out_of_credits"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("not enough api tokens")
    assert answer.headers["x-leomock-explain"] == "scenario rule out_of_credits#1 applied"


@pytest.mark.parametrize(
    ("effect", "reason"),
    [
        ("reset", "the connection was reset"),
        ("truncate", "the answer broke off"),
        ("stall", "the answer stalls"),
    ],
)
def test_connection_that_breaks(tmp_path: Path, effect: str, reason: str) -> None:
    """The adapter answers for the upstream that does not."""
    (tmp_path / "a.yaml").write_text(f"description: d\nrules:\n  - then: {{connection: {effect}}}\n")
    fake = Fake(clock="frozen", scenario=tmp_path / "a.yaml")
    with adapter_of(shipped("image_generation"), fake) as adapter:
        assert json_of(adapter.get(f"/v1/generations/{ID}")) == (
            502,
            {
                "error": f"leomock: image-generation at {fake.base_url} gave no answer that can be used: "
                f"{reason}",
                "path": "$",
                "code": "unexpected",
            },
        )
    fake.close()


def test_answer_that_is_not_json(tmp_path: Path) -> None:
    """It is passed on as it came, and cannot be mapped."""
    (tmp_path / "a.yaml").write_text("description: d\nrules:\n  - then: {content: malformed}\n")
    fake = Fake(clock="frozen", scenario=tmp_path / "a.yaml")
    with adapter_of(shipped("image_generation"), fake) as adapter:
        answer = adapter.get(f"/v1/generations/{ID}")
        assert (answer.status_code, answer.content) == (200, b'{"generations_by_')
    mapped = changed(
        tmp_path,
        (
            "id: rest.id\n",
            "id: rest.id\n        outputParameters: [{type: object, mapping: $.generations_by_pk}]\n",
        ),
    )
    with adapter_of(load(mapped), fake) as adapter:
        status, body = json_of(adapter.get(f"/v1/generations/{ID}"))
        assert status == 502
        assert str(body["error"]).endswith("gave no answer that can be used: it is not JSON")
    fake.close()


# --- MCP ---------------------------------------------------------------------------------------------


def test_mcp_without_its_extra(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call is answered with what is missing."""
    assert MCP_MISSING == "MCP needs an extra that is not installed; pip install 'leomock[mcp]' adds it"
    monkeypatch.setitem(sys.modules, "leomock.interop.mcp.serve", None)
    with adapter_of(shipped("image_generation"), fake, "mcp") as client:
        assert json_of(client.post("/mcp", json={})) == (
            501,
            {"error": f"leomock: {MCP_MISSING}"},
        )


def test_mcp_server_is_handed_the_tools_and_a_caller(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make_app` gets them first; a caller takes an operation's id and its inputs by name."""
    module = ModuleType("leomock.interop.mcp.serve")
    handed: list[Any] = []

    def make_mcp_app(adapter: Any, caller: Any, *door: Any) -> Starlette:
        handed.append((adapter, caller))
        return Starlette(routes=[Route("/mcp", PlainTextResponse("here"))])

    module.make_app = make_mcp_app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "leomock.interop.mcp.serve", module)
    with adapter_of(shipped("image_generation"), fake, "mcp") as client:
        assert client.get("/mcp").text == "here"
    ((adapter, caller),) = handed
    create, read = adapter.offers[:2]
    answer = fake.run(caller.answer(create.operation.id, create.arguments({"body": {"prompt": "a"}})))
    assert answer.status == 200
    id = create.result(answer.body, {})["sdGenerationJob"]["generationId"]
    answer = fake.run(caller.answer(read.operation.id, read.arguments({"id": id})))
    assert (answer.status, answer.body["generations_by_pk"]["id"]) == (200, id)


@pytest.mark.parametrize("arguments", [{}, {"id": None}, {"id": ""}])
def test_call_without_a_part_of_the_path(fake: Fake, arguments: dict[str, Any]) -> None:
    """It cannot be sent; it is answered as the upstream words a missing value."""
    caller = caller_of(shipped("image_generation"), fake)
    answer = fake.run(caller.answer("image-generation.get-generation-by-id", arguments))
    assert (answer.status, answer.body) == (
        400,
        {
            "error": 'expecting a value for non-nullable variable: "id"',
            "path": "$",
            "code": "validation-failed",
        },
    )
    explained = "image-generation.get-generation-by-id needs 'id': it is part of the path"
    assert answer.headers == {"x-leomock-explain": explained}


def test_values_of_a_call_as_texts(fake: Fake) -> None:
    """Numbers and booleans as JSON has them; None is not sent."""
    caller = caller_of(shipped("image_generation"), fake)
    arguments = {"userId": fake.user_id, "limit": 3, "offset": None}
    assert fake.run(caller.answer("image-generation.get-generations-by-user-id", arguments)).status == 200
    (exchange,) = fake.requests
    assert (exchange.path, exchange.query) == (f"/api/rest/v1/generations/user/{fake.user_id}", "limit=3")


# --- one mapping for REST and MCP --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ("{type: array, mapping: '$.generations[*].prompt'}", ["b", "a"]),
        ("{type: string, mapping: '$.generations[0].prompt'}", "b"),
        ("{type: string, mapping: $.missing}", None),
        (
            "{type: object, properties: {last: {type: string, mapping: '$.generations[0].prompt'}}}",
            {"last": "b"},
        ),
    ],
)
def test_both_adapters_map_an_answer_alike(
    fake: Fake, tmp_path: Path, mapping: str, expected: object
) -> None:
    """Over MCP, what is not an object is the member `result` of the structured content."""
    path = changed(tmp_path)
    text = path.read_text("utf-8")
    for caller in ("rest", "tools"):
        indent = " " * (8 if caller == "rest" else 6)
        old = f"userId: {caller}.userId\n"
        assert old in text
        text = text.replace(old, f"{old}{indent}outputParameters: [{mapping}]\n")
    path.write_text(text, "utf-8")
    capability = load(path)
    with adapter_of(capability, fake) as adapter:
        for prompt in ("a", "b"):
            adapter.post("/v1/generations", json={"prompt": prompt})
        assert adapter.get(f"/v1/generations/user/{fake.user_id}").json() == expected
    server = make_server(tools_of(capability.adapters[1], caller_of(capability, fake), VERSIONS), "a", "b")
    result = call(server, LIST)
    assert not result.is_error
    assert result.structured_content == (expected if isinstance(expected, dict) else {"result": expected})
