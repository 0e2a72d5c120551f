"""Paths of a REST adapter below which calls are passed on as they are."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from leomock import Fake
from leomock.interop.adapters import make_app
from leomock.interop.capability.files import CapabilityError, load
from leomock.interop.capability.model import Capability
from leomock.interop.capability.upstream import Caller, real_client
from tests.interop.capability.adapters import adapter_of, json_of

FILE = """\
naftiko: 1.0.0-alpha2
capability:
  exposes:
  - type: rest
    namespace: own
    port: 8080
    resources:
    - path: /leonardo/{{path}}
      forward: {targetNamespace: leonardo, trustedHeaders: [X-Team, Authorization]}
      operations:
      - {method: DELETE, call: leonardo.me, with: {path: own.path}}
  consumes:
  - type: http
    namespace: leonardo
    baseUri: https://cloud.leonardo.ai/api/rest/v1/
    inputParameters:
    - {name: X-Version, in: header, value: '7'}
    - {name: limit, in: query, value: '{{PAGE}}'}
    resources:
    - name: me
      path: /me/{path}
      operations: [{name: me, method: GET, inputParameters: [{name: path, in: path}]}]
"""
OPERATION = "      operations:\n      - {method: DELETE, call: leonardo.me, with: {path: own.path}}\n"


def forwarding(folder: Path, text: str = FILE) -> Capability:
    """The capability of a file."""
    path = folder / "a.yaml"
    path.write_text(text, "utf-8")
    return load(path)


def client_of(folder: Path, fake: Fake) -> httpx.Client:
    """A client of the adapter."""
    text = FILE.replace(OPERATION, "")
    return adapter_of(forwarding(folder, text), fake)


def test_call_is_passed_on_with_its_query_and_body(fake: Fake, tmp_path: Path) -> None:
    """Any method and any path of the API; answers come back unchanged, errors too."""
    with client_of(tmp_path, fake) as client:
        made = client.post("/leonardo/generations", json={"prompt": "a"})
        id = made.json()["sdGenerationJob"]["generationId"]
        assert client.get(f"/leonardo/generations/{id}").json()["generations_by_pk"]["prompt"] == "a"
        listed = client.get(f"/leonardo/generations/user/{fake.user_id}", params={"offset": 0, "limit": 5})
        assert [row["id"] for row in listed.json()["generations"]] == [id]
        assert client.delete(f"/leonardo/generations/{id}").status_code == 200
        assert client.post("/leonardo/generations", json={"promt": "a"}).status_code == 400


def test_headers_that_are_passed_on(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the file trusts and those that it adds, and never another key than the adapter's own."""
    monkeypatch.setenv("PAGE", "9")
    with client_of(tmp_path, fake) as client:
        sent = {"X-Team": "blue", "X-Other": "red", "Authorization": "Bearer stranger"}
        assert client.get("/leonardo/me", headers=sent).status_code == 200
    headers = fake.requests[-1].request_headers  # of the calls with the fake's own key
    assert (headers["x-team"], headers["x-version"]) == ("blue", "7")
    assert "x-other" not in headers


def test_key_of_the_file_is_not_replaced_by_a_trusted_header(tmp_path: Path) -> None:
    """A caller cannot call the API with a key of its own."""
    key = "    authentication: {type: apikey, key: X-Team, value: mine}\n"
    capability = forwarding(
        tmp_path, FILE.replace("    inputParameters:\n", f"{key}    inputParameters:\n", 1)
    )
    (upstream,) = capability.upstreams
    received: list[httpx.Request] = []

    def answered(request: httpx.Request) -> httpx.Response:
        received.append(request)
        return httpx.Response(200, json={})

    client = real_client(upstream, {})
    client._transport = httpx.MockTransport(answered)
    app = make_app(capability.adapters[0], Caller({}, {upstream.namespace: client}))
    sent = {"X-Team": "stranger", "Authorization": "Bearer stranger"}
    assert TestClient(app, "http://localhost").get("/leonardo/me", headers=sent).status_code == 200
    assert received[0].headers["x-team"] == "mine"


def test_bound_value_of_the_query_is_added(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the environment; one that is not set there is left out."""
    text = FILE.replace(OPERATION, "").replace(
        "capability:", "binds: [{namespace: env, keys: {PAGE: THE_PAGE}}]\ncapability:", 1
    )
    with adapter_of(forwarding(tmp_path, text), fake) as client:
        path = f"/leonardo/generations/user/{fake.user_id}"
        assert client.get(path).status_code == 200
        monkeypatch.setenv("THE_PAGE", "9")
        assert client.get(path, params={"offset": 0}).status_code == 200
    assert [each.query for each in fake.requests] == ["", "offset=0&limit=9"]


@pytest.mark.parametrize("path", ["/leonardo/../../_leomock/clock", "/leonardo/%2e%2e/me", "/other/me"])
def test_path_that_is_not_below_the_api(fake: Fake, tmp_path: Path, path: str) -> None:
    """The adapter does not pass it on."""
    with client_of(tmp_path, fake) as client:
        request = client.build_request("GET", "http://localhost:8080/")
        request.url = httpx.URL("http://localhost:8080", raw_path=path.encode())
        answer = client.send(request)
        assert (answer.status_code, answer.headers["x-leomock-explain"].partition(";")[2]) == (
            404,
            " it has /leonardo/{path}",
        )
    assert not fake.requests


def test_operation_at_the_same_path_comes_first(fake: Fake, tmp_path: Path) -> None:
    """Forwarding is for the methods that the file does not have."""
    with adapter_of(forwarding(tmp_path), fake) as client:
        assert client.get("/leonardo/me").status_code == 200
        assert client.delete("/leonardo/me").status_code == 404  # GET /me/me
    assert [(each.method, each.path[-6:]) for each in fake.requests] == [("GET", "/v1/me"), ("GET", "/me/me")]


def test_adapter_says_that_it_forwards(fake: Fake, tmp_path: Path) -> None:
    """At its root."""
    with client_of(tmp_path, fake) as client:
        assert json_of(client.get("/"))[1]["operations"] == ["any method /leonardo/{path}"]


def test_api_that_the_file_has_not(tmp_path: Path) -> None:
    """One line names it."""
    with pytest.raises(CapabilityError) as refused:
        forwarding(tmp_path, FILE.replace("targetNamespace: leonardo", "targetNamespace: leonard"))
    (finding,) = refused.value.findings
    assert finding.partition("a.yaml:")[2] == (
        "9: forward: there is no API 'leonard' under consumes; did you mean 'leonardo'?"
    )
