"""Offers of several calls or none: steps, values, functions, imported APIs; keys of adapters."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.main import main
from leomock.interop.capability.files import CapabilityError, load
from leomock.interop.capability.model import Capability
from leomock.interop.capability.upstream import WrongKey, real_client
from tests.interop.capability.adapters import adapter_of, caller_of, json_of

API = """\
  consumes:
  - namespace: api
    type: http
    baseUri: https://cloud.leonardo.ai/api/rest/v1
    resources:
    - name: generations
      path: /generations
      operations:
      - name: create
        method: POST
        body: '{"prompt": "{{subject}}, {{style}}", "num_images": {{count}}}'
    - name: generation
      path: /generations/{{id}}
      operations:
      - {name: read, method: GET}
    - name: me
      path: /me
      operations:
      - {name: me, method: GET}
    - name: models
      path: /platformModels
      operations:
      - {name: models, method: GET}
"""


def file(folder: Path, exposes: str, api: str = API, head: str = "") -> Path:
    """A file with adapters."""
    path = folder / "a.yaml"
    path.write_text(f"naftiko: 1.0.0-alpha2\n{head}capability:\n{exposes}{api}", "utf-8")
    return path


def rest(operation: str, path: str = "/it", more: str = "") -> str:
    """A REST adapter with one operation."""
    return f"""\
  exposes:
  - type: rest
    namespace: own
    port: 8080
{more}    resources:
    - path: {path}
      operations:
      - {operation}
"""


def notes(capability: Capability) -> list[str]:
    """What the file says that is not served, or not used."""
    return [str(each) for each in capability.notes]


# --- one call, written by the file -------------------------------------------------------------------


def test_body_that_the_file_writes_has_the_inputs_of_the_caller(fake: Fake, tmp_path: Path) -> None:
    """Texts inside quotes, and other values as JSON."""
    operation = (
        "{method: POST, call: api.create, "
        "with: {subject: own.subject, style: 'in {{mood}}', count: '{{count}}'}, "
        "inputParameters: [{name: subject, in: body}, {name: mood, in: query}, {name: count, in: body}]}"
    )
    with adapter_of(load(file(tmp_path, rest(operation))), fake) as client:
        made = client.post("/it", params={"mood": "oil"}, json={"subject": 'a "red" cat', "count": 2})
        assert made.status_code == 200
    body = fake.requests[-1].request_json
    assert body == {"prompt": 'a "red" cat, in oil', "num_images": 2}


def test_value_of_an_input_is_read_from_the_environment(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name that is bound; what is not set is not sent."""
    api = API.replace(
        "      - {name: me, method: GET}",
        "      - {name: me, method: GET, inputParameters: [{name: X-Team, in: header, value: '{{TEAM}}'}]}",
    )
    head = "binds: [{namespace: env, keys: {TEAM: PICTURE_TEAM}}]\n"
    with adapter_of(load(file(tmp_path, rest("{method: GET, call: api.me}"), api, head)), fake) as client:
        assert client.get("/it").status_code == 200
        monkeypatch.setenv("PICTURE_TEAM", "blue")
        assert client.get("/it").status_code == 200
    assert [each.request_headers.get("x-team") for each in fake.requests] == [None, "blue"]


# --- values without a call ---------------------------------------------------------------------------


def test_values_without_a_call(fake: Fake, tmp_path: Path) -> None:
    """The API is not needed, and the caller's inputs are in them."""
    operation = (
        "{method: GET, inputParameters: [{name: name, in: query}], outputParameters: "
        "[{name: text, type: string, value: 'Hello, {{name}}!'}, "
        "{name: name, type: string, value: '{{name}}'}, "
        "{name: count, type: integer, value: 3}]}"
    )
    capability = load(file(tmp_path, rest(operation), ""))
    assert (capability.label, capability.upstreams, notes(capability)) == ("own", (), [])
    with adapter_of(capability, fake) as client:
        answer = client.get("/it", params={"name": "Ada"})
    assert json_of(answer) == (200, {"text": "Hello, Ada!", "name": "Ada", "count": 3})
    assert not fake.requests


def test_values_beside_parts_of_an_answer(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They too have the caller's inputs and what is bound."""
    monkeypatch.setenv("PICTURE_TEAM", "blue")
    operation = (
        "{method: GET, call: api.me, inputParameters: [{name: name, in: query}], outputParameters: "
        "[{name: text, type: string, value: '{{name}} of {{TEAM}}'}, "
        "{name: id, type: string, mapping: '$.user_details[0].user.id'}]}"
    )
    head = "binds: [{namespace: env, keys: {TEAM: PICTURE_TEAM}}]\n"
    capability = load(file(tmp_path, rest(operation), API, head))
    assert notes(capability) == []
    with adapter_of(capability, fake) as client:
        answer = client.get("/it", params={"name": "Ada"})
    assert json_of(answer) == (200, {"text": "Ada of blue", "id": fake.user_id})


# --- several calls -----------------------------------------------------------------------------------

STEPS = """\
method: GET
        inputParameters: [{name: id, in: path}]
        steps:
        - {name: the-generation, type: call, call: api.read, with: {id: own.id}}
        - {name: models, type: call, call: api.models}
        - {name: by-id, type: lookup, index: models, match: id, outputParameters: [name],
           lookupValue: $.the-generation.generations_by_pk.modelId}
        mappings:
        - {targetName: status, value: $.the-generation.generations_by_pk.status}
        - {targetName: model, value: $.by-id}
        - {targetName: asked, value: '{{id}}'}
"""


def test_answers_of_steps_are_put_together(fake: Fake, tmp_path: Path) -> None:
    """A later step uses the answer of an earlier one, and a look-up finds the row that belongs to it."""
    model = "7b592283-e8a7-4c5a-9ba6-d18c31f258b9"
    made = fake.run(
        caller_of(load(file(tmp_path, rest("{method: GET, call: api.me}"))), fake)
        ._clients["api"]
        .post(f"{fake.base_url}/generations", json={"prompt": "a", "modelId": model})
    ).json()
    id = made["sdGenerationJob"]["generationId"]
    capability = load(file(tmp_path, rest(STEPS, "/it/{id}")))
    assert notes(capability) == []
    with adapter_of(capability, fake) as client:
        answer = client.get(f"/it/{id}")
    assert json_of(answer) == (200, {"status": "PENDING", "model": {"name": "Lucid Origin"}, "asked": id})


def test_step_that_fails_ends_the_steps(fake: Fake, tmp_path: Path) -> None:
    """Its answer is the answer; later steps are not made."""
    fake.fail("getGenerationById", status=500, json={"error": "out of order"})
    with adapter_of(load(file(tmp_path, rest(STEPS, "/it/{id}"))), fake) as client:
        assert json_of(client.get(f"/it/{fake.user_id}")) == (500, {"error": "out of order"})
    assert [each.operation for each in fake.requests] == ["getGenerationById"]


def test_step_without_mappings_answers_as_the_last_call(fake: Fake, tmp_path: Path) -> None:
    """An output of the file may still select a part."""
    operation = (
        "{method: GET, steps: [{name: models, call: api.models}, {name: me, call: api.me}], "
        "outputParameters: [{type: string, mapping: '$.user_details[0].user.id'}]}"
    )
    with adapter_of(load(file(tmp_path, rest(operation))), fake) as client:
        assert client.get("/it").json() == fake.user_id


# --- functions and imports ---------------------------------------------------------------------------

AGGREGATE = """\
  aggregates:
  - namespace: people
    functions:
    - name: who
      description: Says who calls.
      semantics: {safe: true, idempotent: true}
      inputParameters: [{name: greeting, type: string, description: What to say.}]
      outputParameters: [{name: text, type: string, value: '{{greeting}}, you'}]
  exposes:
  - type: rest
    namespace: own
    port: 8080
    resources:
    - path: /it
      operations: [{method: GET, ref: people.who}]
  - type: mcp
    namespace: tools
    port: 9090
    tools: [{name: who, ref: people.who}]
"""


def test_function_of_an_aggregate_is_offered_by_both_adapters(fake: Fake, tmp_path: Path) -> None:
    """The REST adapter takes its inputs from the query, and the tool's hints follow from its semantics."""
    capability = load(file(tmp_path, AGGREGATE, ""))
    (tool,) = capability.adapters[1].offers
    assert (tool.description, tool.hints) == (
        "Says who calls.",
        {"readOnly": True, "destructive": False, "idempotent": True},
    )
    with adapter_of(capability, fake) as client:
        assert client.get("/it", params={"greeting": "Hello"}).json() == {"text": "Hello, you"}


def test_api_is_imported_from_another_file(fake: Fake, tmp_path: Path) -> None:
    """By its namespace, or the one that `as` gives it."""
    (tmp_path / "shared.yaml").write_text(f"naftiko: 1.0.0-alpha2\n{API.replace('  consumes:', 'consumes:')}")
    api = "  consumes: [{import: api, location: ./shared.yaml, as: other}]\n"
    capability = load(file(tmp_path, rest("{method: GET, call: other.me}"), api))
    assert notes(capability) == []
    with adapter_of(capability, fake) as client:
        assert client.get("/it").json()["user_details"]


@pytest.mark.parametrize(
    ("exposes", "api", "found"),
    [
        (
            rest("{method: GET, call: api.me}"),
            "  consumes: [{import: api, location: ./none.yaml}]\n",
            ["11: import: there is no file './none.yaml'"],
        ),
        (
            rest("{method: GET, call: api.me}"),
            "  consumes: [{import: aip, location: ./shared.yaml}]\n",
            ["11: import: ./shared.yaml has no 'aip' under consumes; did you mean 'api'?"],
        ),
        (
            AGGREGATE.replace("GET, ref: people.who", "GET, ref: people.how"),
            API,
            ["17: ref: there is no function 'people.how'; did you mean 'people.who'?"],
        ),
        (rest("{method: GET}"), API, ["10: call: is missing"]),
        (
            rest("{method: GET, steps: [{name: a, type: lookup, index: b, match: id, lookupValue: 1}]}"),
            API,
            ["10: index: there is no earlier step 'b'"],
        ),
        (
            rest("{method: GET, steps: [{name: a, call: api.mee}]}"),
            API,
            ["10: call: there is no operation 'api.mee'; did you mean 'api.me'?"],
        ),
        (
            rest("{method: GET, call: api.me}", more="    authentication: {type: apikey, value: x}\n"),
            API,
            ["7: authentication.key: is missing"],
        ),
    ],
)
def test_mistake_is_named_with_its_line(tmp_path: Path, exposes: str, api: str, found: list[str]) -> None:
    """One line for each."""
    (tmp_path / "shared.yaml").write_text(f"naftiko: 1.0.0-alpha2\n{API.replace('  consumes:', 'consumes:')}")
    with pytest.raises(CapabilityError) as refused:
        load(file(tmp_path, exposes, api))
    assert [line.partition("a.yaml:")[2] for line in refused.value.findings] == found


def test_input_that_nothing_uses_is_a_warning(tmp_path: Path) -> None:
    """The file is valid and served; so is one that gives inputs to an operation that declares none."""
    operation = (
        "{method: GET, call: api.me, with: {a: own.a}, "
        "inputParameters: [{name: a, in: query}, {name: b, in: query}]}"
    )
    assert notes(load(file(tmp_path, rest(operation)))) == [
        "10: with.a: api.me declares no inputs: not sent",
        "10: the input 'a': used by nothing",
        "10: the input 'b': used by nothing",
    ]


# --- keys of adapters --------------------------------------------------------------------------------


def keyed(fake: Fake, folder: Path, key: str) -> Any:
    """A client of an adapter with a key."""
    head = "binds: [{namespace: env, keys: {OWN: OWN_KEY}}]\n"
    more = f"    authentication: {key}\n"
    return adapter_of(load(file(folder, rest("{method: GET, call: api.me}", more=more), API, head)), fake)


@pytest.mark.parametrize(
    ("key", "challenge", "right", "wrong"),
    [
        ("{type: bearer, token: '{{OWN}}'}", 'Bearer realm="leomock"', "Bearer 7", "Bearer 8"),
        (
            "{type: basic, username: ada, password: '{{OWN}}'}",
            'Basic realm="leomock"',
            f"Basic {base64.b64encode(b'ada:7').decode()}",
            f"Basic {base64.b64encode(b'eve:7').decode()}",
        ),
    ],
)
def test_adapter_asks_for_its_key(
    fake: Fake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    challenge: str,
    right: str,
    wrong: str,
) -> None:
    """The one in the environment; if none is set there, any."""
    monkeypatch.setenv("OWN_KEY", "7")
    with keyed(fake, tmp_path, key) as client:
        for headers in ({}, {"authorization": wrong}, {"authorization": "Basic ???"}):
            answer = client.get("/it", headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, challenge)
        assert client.get("/it", headers={"authorization": right}).status_code == 200
        monkeypatch.delenv("OWN_KEY")
        scheme = right.partition(" ")[0]
        other = "x" if scheme == "Bearer" else base64.b64encode(b"ada:x").decode()
        assert client.get("/it", headers={"authorization": f"{scheme} {other}"}).status_code == 200
        assert client.get("/it").status_code == 401


@pytest.mark.parametrize(("placement", "where"), [("header", "headers"), ("query", "params")])
def test_adapter_asks_for_an_api_key(fake: Fake, tmp_path: Path, placement: str, where: str) -> None:
    """In a header or in the query."""
    key = f"{{type: apikey, key: X-Own, value: secret, placement: {placement}}}"
    with keyed(fake, tmp_path, key) as client:
        answer = client.get("/it")
        words = "header" if placement == "header" else "query parameter"
        assert json_of(answer) == (401, {"error": f"leomock: send the key in the {words} 'X-Own'"})
        if placement == "header":
            assert client.get("/it", **{where: {"X-Own": "secret"}}).status_code == 200


# --- the command -------------------------------------------------------------------------------------


def test_check_names_operations_that_the_fake_lacks(tmp_path: Path) -> None:
    """And the option with which the API itself answers them."""
    api = API.replace("path: /me", "path: /mee")
    path = file(tmp_path, rest("{method: GET, call: api.me}"), api)
    done = CliRunner().invoke(main, ["capability", "check", str(path)])
    assert done.exit_code == 0
    assert "  GET    /it  api.me  (the fake has no such operation; --upstream real calls the real one)" in (
        done.output.splitlines()
    )


# --- values that the file gives to inputs ------------------------------------------------------------


def test_input_is_a_part_of_the_body_or_a_value_of_the_file(fake: Fake, tmp_path: Path) -> None:
    """The body that the file writes has both; a caller cannot send what the file gives."""
    operation = (
        "{method: POST, call: api.create, inputParameters: ["
        "{name: subject, in: body, value: $.what.the-name}, {name: style, in: query, value: in oil}, "
        "{name: count, in: body}]}"
    )
    capability = load(file(tmp_path, rest(operation)))
    assert notes(capability) == []
    with adapter_of(capability, fake) as client:
        sent = {"what": {"the-name": "a cat"}, "count": 2}
        assert client.post("/it", json=sent).status_code == 200
        assert client.post("/it", json=sent, params={"style": "x"}).status_code == 400
    assert fake.requests[-1].request_json == {"prompt": "a cat, in oil", "num_images": 2}


def test_text_of_the_file_around_inputs_and_bound_values(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts of callers are never read from the environment; `$this` names an input too."""
    inputs = (
        "[{name: X-Team, in: header, value: '{{TEAM}} of {{who}}'}, "
        "{name: X-Who, in: header, value: $this.own.who}]"
    )
    api = API.replace("{name: me, method: GET}", f"{{name: me, method: GET, inputParameters: {inputs}}}")
    head = "binds: [{namespace: env, keys: {TEAM: PICTURE_TEAM}}]\n"
    operation = "{method: GET, call: api.me, inputParameters: [{name: who, in: query}]}"
    capability = load(file(tmp_path, rest(operation), api, head))
    assert notes(capability) == []
    monkeypatch.setenv("PICTURE_TEAM", "blue")
    with adapter_of(capability, fake) as client:
        assert client.get("/it", params={"who": "{{TEAM}}"}).status_code == 200
    headers = fake.requests[-1].request_headers
    assert (headers["x-team"], headers["x-who"]) == ("blue of {{TEAM}}", "{{TEAM}}")


@pytest.mark.parametrize("section", ["exposes", "aggregates", "binds"])
def test_other_sections_are_imported_too(fake: Fake, tmp_path: Path, section: str) -> None:
    """Adapters, aggregates and bound names, by their namespace."""
    shared = {
        "exposes": "exposes: [{namespace: it, type: rest, port: 8080, resources: "
        "[{path: /it, operations: [{method: GET, call: api.me}]}]}]",
        "aggregates": "aggregates: [{namespace: it, functions: [{name: me, call: api.me}]}]",
        "binds": "binds: [{namespace: it, keys: {TEAM: PICTURE_TEAM}}]",
    }
    (tmp_path / "shared.yaml").write_text(f"naftiko: 1.0.0-alpha2\n{shared[section]}\n")
    own = "{method: GET, ref: it.me}" if section == "aggregates" else "{method: GET, call: api.me}"
    exposes = rest(own)
    entry = "[{import: it, from: ./shared.yaml}]"
    exposes = f"  exposes: {entry}\n" if section == "exposes" else f"  {section}: {entry}\n{exposes}"
    with adapter_of(load(file(tmp_path, exposes)), fake) as client:
        assert client.get("/it").json()["user_details"]


def test_lines_stay_right_in_later_versions_and_after_what_is_left_out(tmp_path: Path) -> None:
    """A mapping is read as a list, and entries that are not served are taken out of it."""
    path = tmp_path / "a.yaml"
    path.write_text(
        "ikanos: 1.0.0-beta4\n"
        "capability:\n"
        "  exposes:\n"
        "  - {type: control, port: 1, namespace: control}\n"
        "  - type: mcp\n"
        "    namespace: own\n"
        "    port: 9090\n"
        "    tools:\n"
        "      first: {description: One., steps: {a: {type: script}}}\n"
        "      second:\n"
        "        description: Two.\n"
        "        call: api.none\n"
    )
    with pytest.raises(CapabilityError) as refused:
        load(path)
    (finding,) = refused.value.findings
    assert finding.partition("a.yaml:")[2] == "12: call: there is no operation 'api.none'"


# --- credentials for the API --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "headers", "query", "shown"),
    [
        ("{type: bearer, token: abc}", {"authorization": "Bearer abc"}, "", "bearer token in the file"),
        ("{type: apikey, key: X-Own, value: '{{OWN}}'}", {"x-own": "7"}, "", "API key in OWN_KEY"),
        ("{type: apikey, key: own, value: '{{OWN}}', placement: query}", {}, "own=7", "API key in OWN_KEY"),
        (
            "{type: basic, username: ada, password: '{{OWN}}'}",
            {"authorization": f"Basic {base64.b64encode(b'ada:7').decode()}"},
            "",
            "user name and password in OWN_KEY",
        ),
    ],
)
def test_credentials_are_sent_to_the_real_api(
    tmp_path: Path, key: str, headers: dict[str, str], query: str, shown: str
) -> None:
    """In their place; one that is not set in the environment stops the start."""
    head = "binds: [{namespace: env, keys: {OWN: OWN_KEY}}]\n"
    api = f"{API}    authentication: {key}\n"
    path = file(tmp_path, rest("{method: GET, call: api.me}"), api, head)
    (upstream,) = load(path).upstreams
    client = real_client(upstream, {"OWN_KEY": "7"})
    request = client.build_request("GET", "/me")
    assert {name: request.headers.get(name) for name in headers} == headers
    assert request.url.query.decode() == query
    if "OWN" in key:
        with pytest.raises(WrongKey):
            real_client(upstream, {})
    done = CliRunner().invoke(main, ["capability", "check", str(path)])
    assert f"calls https://cloud.leonardo.ai/api/rest/v1 ({shown})" in done.output.splitlines()


def test_check_names_steps_that_call_what_the_fake_lacks(tmp_path: Path) -> None:
    """One such call is enough."""
    api = API.replace("path: /me", "path: /mee")
    operation = "{method: GET, steps: [{name: a, call: api.models}, {name: b, call: api.me}]}"
    done = CliRunner().invoke(main, ["capability", "check", str(file(tmp_path, rest(operation), api))])
    (line,) = (line for line in done.output.splitlines() if line.startswith("  GET    /it"))
    assert line.endswith("(the fake has no such operation; --upstream real calls the real one)")


@pytest.mark.parametrize(
    ("step", "finding"),
    [
        ("{name: a}", "a.yaml:10: call: is missing"),
        (
            "{name: a, index: b, outputParameters: [5]}",
            "must be a text or a mapping, not 5",
        ),
    ],
)
def test_step_that_is_incomplete(tmp_path: Path, step: str, finding: str) -> None:
    """A sentence, with the line."""
    path = file(tmp_path, rest(f"{{method: GET, steps: [{step}], mappings: [{{targetName: x, value: 1}}]}}"))
    with pytest.raises(CapabilityError) as refused:
        load(path)
    (found,) = refused.value.findings
    assert finding in found, found
