"""Good answers that are no JSON object: the REST and the MCP adapter of a file give the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from mcp_types import TextContent
from starlette.testclient import TestClient

from leomock.interop.adapters import make_app
from leomock.interop.capability.files import load
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.serve import make_adapter_server
from tests.interop.mcp.servers import call

FILE = """\
naftiko: 1.0.0-alpha2
capability:
  consumes:
  - namespace: api
    type: http
    baseUri: https://api.example
    resources: [{name: it, path: /it, operations: [{name: it, method: GET}]}]
  exposes:
  - type: rest
    namespace: rest-adapter
    port: 8080
    resources: [{path: /it, operations: [{method: GET, call: api.it OUTPUT}]}]
  - type: mcp
    namespace: mcp-adapter
    port: 9090
    tools: [{name: it, description: Reads it., call: api.it OUTPUT}]
"""
MAPPED = ", outputParameters: [{type: array, mapping: '$[*].a'}]"


@pytest.mark.parametrize(
    ("output", "answer", "content", "structured"),
    [
        ("", httpx.Response(200, json=[{"a": 1}]), b'[{"a":1}]', {"result": [{"a": 1}]}),
        (MAPPED, httpx.Response(200, json=[{"a": 1}, {"a": 2}]), b"[1,2]", {"result": [1, 2]}),
        ("", httpx.Response(204), b"", {"result": None}),
        (MAPPED, httpx.Response(204), b"", {"result": None}),
        ("", httpx.Response(200, text="done"), b"done", {"result": "done"}),
        ("", httpx.Response(200, json=7), b"7", {"result": 7}),
    ],
)
def test_good_answer_that_is_no_object(
    tmp_path: Path, output: str, answer: httpx.Response, content: bytes, structured: dict[str, Any]
) -> None:
    """Neither is an error, and the mapping of the file is used by both."""
    path = tmp_path / "a.yaml"
    path.write_text(FILE.replace(" OUTPUT", output), "utf-8")
    capability = load(path)
    rest, mcp = capability.adapters
    given = (answer.status_code, answer.headers, answer.content)
    transport = httpx.MockTransport(lambda _: httpx.Response(given[0], headers=given[1], content=given[2]))
    client = httpx.AsyncClient(transport=transport, base_url="https://api.example")
    caller = Caller({each.id: each for each in capability.operations}, {"api": client})
    response = TestClient(make_app(rest, caller), "http://localhost").get("/it")
    assert (response.status_code, response.content) == (answer.status_code, content)
    result = call(make_adapter_server(mcp, caller), "it")
    assert (result.is_error, result.structured_content) == (False, structured)
    (text,) = result.content
    assert isinstance(text, TextContent)
    if content:
        shown = text.text if structured["result"] == "done" else orjson.loads(text.text)
        assert shown == structured["result"]


def test_mapping_of_an_answer_that_is_not_json_is_an_error_of_both(tmp_path: Path) -> None:
    """A gateway's, since the caller did nothing wrong."""
    path = tmp_path / "a.yaml"
    path.write_text(FILE.replace(" OUTPUT", MAPPED), "utf-8")
    capability = load(path)
    rest, mcp = capability.adapters
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text="done"))
    client = httpx.AsyncClient(transport=transport, base_url="https://api.example")
    caller = Caller({each.id: each for each in capability.operations}, {"api": client})
    assert TestClient(make_app(rest, caller), "http://localhost").get("/it").status_code == 502
    assert call(make_adapter_server(mcp, caller), "it").is_error
