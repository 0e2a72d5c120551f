"""What adapters say of themselves: at `/`, in their OpenAPI document, and to HEAD."""

from __future__ import annotations

from pathlib import Path

import pytest
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from leomock import Fake
from leomock.interop.adapters import make_app
from leomock.interop.capability.files import load
from leomock.interop.capability.model import Capability
from tests.interop.capability.adapters import adapter_of, caller_of, shipped
from tests.interop.capability.test_composed import API, file, rest
from tests.interop.capability.test_rest_adapter import OFFERS

FILES = sorted({file for file, _ in OFFERS})


@pytest.mark.parametrize("name", FILES)
def test_document_of_a_shipped_adapter_is_valid_openapi(fake: Fake, name: str) -> None:
    """It has every operation of the adapter, by method and path."""
    capability = shipped(name)
    with adapter_of(capability, fake) as client:
        found = client.get("/openapi.json").json()
    validate(found)
    offers = next(each for each in capability.adapters if each.kind == "rest").offers
    served = [(method.upper(), path) for path, item in found["paths"].items() for method in item]
    assert sorted(served) == sorted((each.method, each.path) for each in offers)
    assert not fake.requests


def test_document_has_the_schemas_of_the_api(fake: Fake) -> None:
    """Of bodies and answers that are passed on unchanged."""
    with adapter_of(shipped("image_generation"), fake) as client:
        post = client.get("/openapi.json").json()["paths"]["/v1/generations"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["num_images"]["maximum"] == 8
    answer = post["responses"]["200"]["content"]["application/json"]["schema"]
    assert list(answer["properties"]) == ["sdGenerationJob"]


def test_document_names_the_key_and_the_fields_of_a_body(fake: Fake, tmp_path: Path) -> None:
    """As a caller must send them."""
    operation = (
        "{method: POST, call: api.create, with: {subject: own.a, count: own.b}, "
        "inputParameters: [{name: a, in: body}, {name: b, in: body, type: integer}]}"
    )
    more = "    authentication: {type: apikey, key: X-Own, value: s}\n"
    with adapter_of(load(file(tmp_path, rest(operation, more=more), API)), fake) as client:
        found = client.get("/openapi.json", headers={"X-Own": "s"}).json()
    validate(found)
    assert found["components"]["securitySchemes"] == {
        "key": {"type": "apiKey", "in": "header", "name": "X-Own"}
    }
    schema = found["paths"]["/it"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {name: part["type"] for name, part in schema["properties"].items()} == {
        "a": "object",
        "b": "integer",
    }


def test_adapter_says_what_it_serves(fake: Fake) -> None:
    """At `/`; other paths are unknown."""
    with adapter_of(shipped("user"), fake) as client:
        assert client.get("/").json() == {
            "name": "user-rest",
            "operations": ["GET /v1/me"],
            "openapi": "/openapi.json",
        }
        assert client.get("/nothing").status_code == 404
        assert client.post("/").status_code == 404


def test_head_has_the_headers_of_get(fake: Fake) -> None:
    """Without its body."""
    with adapter_of(shipped("user"), fake) as client:
        for path in ("/v1/me", "/", "/openapi.json"):
            head = client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-type"].startswith("application/json")


def test_mcp_adapter_says_what_it_serves(fake: Fake) -> None:
    """The name, the path of MCP and the tools."""
    capability: Capability = shipped("user")
    app = make_app(capability.adapters[1], caller_of(capability, fake))
    with TestClient(app, "http://localhost") as client:
        assert client.get("/").json() == {
            "name": "user-mcp",
            "mcp": "/mcp",
            "tools": ["leonardo-ai-get-user-self"],
        }
        assert client.head("/").status_code == 200
