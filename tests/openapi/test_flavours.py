"""The served document is clean for linters, the plain one for generators of clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.main import main
from leomock.openapi.documents import Json, operations_of
from leomock.openapi.spec import shipped_versions

SERVER = "https://cloud.leonardo.ai/api/rest/v1"
SPECS = shipped_versions()
DOCUMENTS = {
    f"{version} {name}": document
    for version, spec in SPECS.items()
    for name, document in (("served", spec.document(SERVER)), ("plain", spec.plain_document(SERVER)))
}


def nodes(node: Any) -> Iterator[Json]:
    """Yield every object in a document."""
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node:
        if isinstance(part, dict | list):
            yield from nodes(part)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_reference_stands_alone_and_leads_to_a_whole_schema(name: str) -> None:
    """Spectral and Redocly report keywords beside a reference; openapi-python-client reads no deeper one."""
    references = [node for node in nodes(DOCUMENTS[name]) if isinstance(node.get("$ref"), str)]
    assert references
    assert [node for node in references if len(node) > 1 or node["$ref"].count("/") != 3] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_schema_is_used(name: str) -> None:
    document = DOCUMENTS[name]
    used = {node["$ref"].rpartition("/")[2] for node in nodes(document) if isinstance(node.get("$ref"), str)}
    assert set(document["components"]["schemas"]) - used == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_path_variable_is_never_null(name: str) -> None:
    document = DOCUMENTS[name]
    schemas = [
        parameter["schema"]
        for item in document["paths"].values()
        for _, entry in operations_of(item)
        for parameter in entry.get("parameters", ())
        if parameter["in"] == "path"
    ]
    assert [schema for schema in schemas if schema.get("nullable") or "$ref" in schema] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_null_in_a_query_is_an_empty_value(name: str) -> None:
    """The fake takes `?limit=` for null, as Hasura does, so the document allows it."""
    document = DOCUMENTS[name]
    parameters = [
        parameter
        for item in document["paths"].values()
        for _, entry in operations_of(item)
        for parameter in entry.get("parameters", ())
        if parameter["in"] == "query" and parameter["schema"].get("type") != "string"
    ]
    assert [p["name"] for p in parameters if p["schema"].get("nullable") and "allowEmptyValue" not in p] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_answers_require_what_they_name(name: str) -> None:
    """Without `required`, no schema tool reports a missing field."""
    document = DOCUMENTS[name]
    answers = [
        entry["responses"]["200"]["content"]["application/json"]["schema"]
        for item in document["paths"].values()
        for _, entry in operations_of(item)
    ]
    objects = [node for node in nodes(answers) if isinstance(node.get("properties"), dict)]
    assert len(objects) >= 5
    assert [node for node in objects if node["properties"].keys() != set(node.get("required", ()))] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_object_without_named_properties_takes_any(name: str) -> None:
    """To openapi-typescript such an object is otherwise empty, so that no call with parameters compiles."""
    document = DOCUMENTS[name]
    parts = nodes([document["paths"], document["components"]])
    objects = [node for node in parts if node.get("type") == "object" and "example" not in node]
    assert objects
    shapes = {"properties", "additionalProperties", "allOf", "oneOf", "anyOf"}
    assert [node for node in objects if not shapes & node.keys()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_info_and_tags_are_described(name: str) -> None:
    document = DOCUMENTS[name]
    assert {"description", "contact", "license"} <= document["info"].keys()
    assert all(document["info"].values())
    assert [tag["name"] for tag in document["tags"] if not tag.get("description")] == []


@pytest.mark.parametrize("version", SPECS)
def test_plain_document_has_nothing_that_generators_stumble_over(version: str) -> None:
    """Titles, defaults of null, enumerations of fractions and an `allOf` of one schema lost operations."""
    document = DOCUMENTS[f"{version} plain"]
    parts = list(nodes([document["paths"], document["components"]]))
    assert [part for part in parts if isinstance(part.get("title"), str) and "type" in part] == []
    assert [part for part in parts if "type" in part and part.get("default", 0) is None] == []
    enums = [part["enum"] for part in parts if isinstance(part.get("enum"), list)]
    assert enums
    assert [values for values in enums if any(isinstance(value, float) for value in values)] == []
    assert [part for part in parts if "allOf" in part and len(part["allOf"]) == 1] == []


@pytest.mark.parametrize("version", SPECS)
def test_plain_document_has_every_operation_and_property(version: str) -> None:
    def facts(document: Json) -> dict[str, Any]:
        return {
            entry["operationId"]: sorted(
                name for node in nodes(entry) for name in node.get("properties", {}) if isinstance(name, str)
            )
            for item in document["paths"].values()
            for _, entry in operations_of(item)
        }

    assert facts(DOCUMENTS[f"{version} plain"]) == facts(DOCUMENTS[f"{version} served"])


def test_plain_document_by_command_and_server(fake: Fake, client: httpx.Client) -> None:
    printed = CliRunner().invoke(main, ["openapi", "--plain"])
    assert json.loads(printed.stdout) == DOCUMENTS["v1 plain"]
    answer = client.get(f"{fake.url}/_leomock/openapi.json?plain=1").json()
    assert answer | {"servers": []} == DOCUMENTS["v1 plain"] | {"servers": []}
    refused = client.get(f"{fake.url}/_leomock/openapi.json?plain=1&published=1")
    assert refused.status_code == 400
    assert refused.json()["error"] == "leomock: published and plain exclude each other; give one"
    result = CliRunner().invoke(main, ["openapi", "--plain", "--strict"])
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --strict and --plain exclude each other; give one\n")
