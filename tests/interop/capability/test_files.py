"""Capability files: what is shipped loads, and what is wrong is named with file, line and key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from leomock.interop.capability.files import CapabilityError, Input, capabilities_folder, load

FOLDER = capabilities_folder()
IMAGES = (FOLDER / "image_generation.yaml").read_text("utf-8")
SCHEMA = orjson.loads((FOLDER / "schema.json").read_bytes())
UNSERVED = "is part of the format, but not served by leomock"


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings name a file as one would type it from here."""
    monkeypatch.chdir(tmp_path)


def changed(*changes: tuple[str, str]) -> Path:
    """The file of the image generations, with texts replaced where they first stand."""
    text = IMAGES
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = Path("a.yaml")
    path.write_text(text, "utf-8")
    return path


# --- what is shipped ---------------------------------------------------------------------------------


def test_published_file_loads() -> None:
    """The capability page that the project began with, where it is at hand."""
    reference = Path(os.environ.get("LEOMOCK_REFERENCE", Path(__file__).parents[3] / "../shared/reference"))
    pages = sorted((reference.parent / "seeds").glob("*.txt"))
    texts = [text for page in pages if "\nnaftiko: " in (text := page.read_text("utf-8"))]
    if not texts:
        pytest.skip(f"no capability page is in {reference.parent / 'seeds'} (set LEOMOCK_REFERENCE)")
    for text in texts:
        path = Path("published.yaml")
        path.write_text(text[text.index("\nnaftiko: ") + 1 :], "utf-8")
        capability = load(path)
        assert capability.label == "Leonardo.AI Image Generation"
        assert [adapter.port for adapter in capability.adapters] == [8080, 9090]


def test_file_of_the_image_generations() -> None:
    """Every part has its place."""
    capability = load(FOLDER / "image_generation.yaml")
    (upstream,) = capability.upstreams
    assert (upstream.base_uri, upstream.variable) == (
        "https://cloud.leonardo.ai/api/rest/v1",
        "LEONARDO_AI_API_KEY",
    )
    rest, mcp = capability.adapters
    assert (rest.kind, rest.namespace, rest.port) == ("rest", "image-generation-rest", 8080)
    assert (mcp.kind, mcp.namespace, mcp.port) == ("mcp", "image-generation-mcp", 9090)
    assert [(o.method, o.path, o.operation.id) for o in rest.offers] == [
        ("POST", "/v1/generations", "image-generation.create-generation"),
        ("GET", "/v1/generations/{id}", "image-generation.get-generation-by-id"),
        ("DELETE", "/v1/generations/{id}", "image-generation.delete-generation-by-id"),
        ("GET", "/v1/generations/user/{userId}", "image-generation.get-generations-by-user-id"),
    ]
    listing, tool = rest.offers[-1], mcp.offers[-1]
    assert [(each.name, each.location, each.required) for each in listing.inputs] == [
        ("offset", "query", False),
        ("limit", "query", False),
        ("userId", "path", True),
    ]
    assert tool.name == "leonardo-ai-get-generations-by-user-id"
    assert tool.hints == {"readOnly": True, "destructive": False, "idempotent": True}
    assert [(each.name, each.location, each.type) for each in tool.inputs] == [
        ("offset", "", "integer"),
        ("limit", "", "integer"),
        ("userId", "", "string"),
    ]
    assert tool.arguments({"limit": 3, "userId": "u", "other": 1}) == {"limit": 3, "userId": "u"}


def test_schema_is_one() -> None:
    """Of draft 2020-12."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(SCHEMA)


def parts(node: Any, where: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every property that the schema describes."""
    found = []
    for name, part in node.get("properties", {}).items():
        found += [(f"{where}/{name}", part), *parts(part, f"{where}/{name}")]
    return found


PARTS = [pair for name, part in [("", SCHEMA), *SCHEMA["$defs"].items()] for pair in parts(part, name)]


@pytest.mark.parametrize(("where", "part"), PARTS, ids=[where for where, _ in PARTS])
def test_schema_describes_every_key(where: str, part: dict[str, Any]) -> None:
    """An editor shows it; examples are what the key takes."""
    assert part["description"].endswith("."), where
    whole = jsonschema_rs.Draft202012Validator(part | {"$defs": SCHEMA["$defs"]})
    for example in part.get("examples", ()):
        whole.validate(example)


# --- what a user may write besides -------------------------------------------------------------------


def test_inputs_that_an_adapter_declares() -> None:
    """With names of their own, and from other places."""
    rest, mcp = load(
        changed(
            (
                "        call: image-generation.get-generations-by-user-id\n        with:\n"
                "          offset: rest.offset\n          limit: rest.limit\n          userId: rest.userId\n",
                "        inputParameters:\n        - {name: userId, in: path}\n"
                "        - {name: X-Limit, in: header, type: integer, required: true}\n"
                "        call: image-generation.get-generations-by-user-id\n"
                "        with: {limit: rest.X-Limit, offset: 5, userId: rest.userId}\n",
            ),
            (
                "      call: image-generation.get-generation-by-id\n      with:\n        id: tools.id\n",
                "      inputParameters:\n      - {name: which, type: string, description: Its id.}\n"
                "      call: image-generation.get-generation-by-id\n      with: {id: tools.which}\n",
            ),
        )
    ).adapters
    assert rest.offers[-1].inputs == (
        Input("userId", "path", "string", "", True),
        Input("X-Limit", "header", "integer", "", True),
    )
    assert rest.offers[-1].arguments({"userId": "u", "X-Limit": "7"}) == {
        "offset": 5,
        "limit": "7",
        "userId": "u",
    }
    assert mcp.offers[1].inputs == (Input("which", "", "string", "Its id.", True),)
    assert mcp.offers[1].arguments({"which": "i"}) == {"id": "i"}


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        ("{type: object, mapping: $.}", {"a": [{"b": 1}, {"b": 2}]}),
        ("{type: object, mapping: $}", {"a": [{"b": 1}, {"b": 2}]}),
        ("{type: number, mapping: '$.a[*].b'}", 1),
        ("{type: array, mapping: '$.a[*].b'}", [1, 2]),
        ("{type: string, mapping: $.missing}", None),
        ("{type: array, mapping: $.missing}", []),
    ],
)
def test_mapping_of_the_answer(mapped: str, expected: object) -> None:
    """A JSONPath; of an array everything that it finds, else the first."""
    rest, _ = load(
        changed(
            (
                "        outputParameters:\n        - type: object\n          mapping: $.\n",
                f"        outputParameters: [{mapped}]\n",
            )
        )
    ).adapters
    assert rest.offers[0].result({"a": [{"b": 1}, {"b": 2}]}) == expected


# --- what is wrong -----------------------------------------------------------------------------------

SMALL = """\
naftiko: 1.0.0-alpha2
info:
  label: Pictures
  description: Two calls.
  created: '2026-05-25'
binds:
- namespace: env
  keys: {KEY: PICTURES_KEY}
capability:
  consumes:
  - type: http
    namespace: pictures
    baseUri: https://pictures.example/v1
    resources:
    - name: pictures
      path: /pictures
      operations:
      - name: create
        method: POST
        inputParameters:
        - {name: body, in: body, required: true}
    - name: pictures-id
      path: /pictures/{id}
      operations:
      - name: read
        method: GET
        inputParameters:
        - {name: id, in: path}
    authentication:
      type: bearer
      value: '{{env.KEY}}'
  exposes:
  - type: rest
    namespace: pictures-rest
    port: 8080
    resources:
    - path: /pictures
      operations:
      - method: POST
        call: pictures.create
        with:
          body: rest.body
    - path: /pictures/{id}
      operations:
      - method: GET
        call: pictures.read
        with: {id: rest.id}
        outputParameters:
        - type: object
          mapping: $.
  - type: mcp
    namespace: pictures-mcp
    port: 9090
    transport: http
    tools:
    - name: read
      description: Reads a picture.
      call: pictures.read
      with: {id: tools.id}
    - name: create
      description: Makes a picture.
      call: pictures.create
      with: {body: tools.body}
"""


def test_small_file_is_right() -> None:
    """What follows is wrong for its own reasons."""
    Path("a.yaml").write_text(SMALL, "utf-8")
    assert load(Path("a.yaml")).label == "Pictures"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("1.0.0-alpha2", "0.5", ["1: naftiko: must be one of 1.0.0-alpha2, not 0.5"]),
        (
            "label:",
            "lable:",
            ["2: info.label: is missing", "3: info.lable: not known here; did you mean 'label'?"],
        ),
        ("'2026-05-25'", "May", ["5: info.created: must be a date such as 2026-05-25, not 'May'"]),
        (
            "https:",
            "ftp:",
            [
                "13: baseUri: must be an address such as https://cloud.leonardo.ai/api/rest/v1, "
                "not 'ftp://pictures.example/v1'"
            ],
        ),
        (
            "'{{env.KEY}}'",
            "s3cret",
            [
                "31: authentication.value: must be a reference such as {{env.LEONARDO_AI_API_KEY}}, "
                "not 's3cret'"
            ],
        ),
        (
            "{{env.KEY}}",
            "{{env.KEYS}}",
            [
                "31: authentication.value: nothing is bound to 'env.KEYS'; binds says what is; "
                "did you mean 'env.KEY'?"
            ],
        ),
        (
            "value:",
            "token:",
            [
                "29: authentication.value: is missing",
                "31: authentication.token: is called value in this version of the format",
            ],
        ),
        ("type: mcp", "type: skill", ["51: type: must be one of rest, mcp, not 'skill'"]),
        ("transport: http", "transport: stdio", ["54: transport: must be one of http, not 'stdio'"]),
        ("port: 8080", "port: 0", ["35: port: must be at least 1, not 0"]),
        ("port: 9090", "port: 8080", ["53: port: 8080 stands twice"]),
        ("pictures-mcp", "pictures-rest", ["52: namespace: 'pictures-rest' stands twice"]),
        ("        call:", "        steps: []\n        call:", [f"40: steps: {UNSERVED}"]),
        ("    tools:", "    prompts: []\n    tools:", [f"55: prompts: {UNSERVED}"]),
        (
            "call: pictures.create",
            "call: pictures.creat",
            ["40: call: there is no operation 'pictures.creat'; did you mean 'pictures.create'?"],
        ),
        ("call: pictures.create", "call: create", ["40: call: must be namespace.operation, not 'create'"]),
        (
            "body: rest.body",
            "bdy: rest.body",
            [
                "41: with.body: is missing; pictures.create needs it",
                "42: with.bdy: pictures.create has no such input; did you mean 'body'?",
            ],
        ),
        (
            "body: rest.body",
            "body: tools.body",
            ["42: with.body: must be rest. and the name of an input, not 'tools.body'"],
        ),
        (
            "id: tools.id",
            "id: rest.id",
            ["59: with.id: must be tools. and the name of an input, not 'rest.id'"],
        ),
        (
            "id: rest.id",
            "id: rest.iid",
            ["45: operations[0]: {id} in /pictures/{id} is given by no input with in: path"],
        ),
        (
            "        call: pictures.read",
            "        inputParameters: [{name: which, in: path}]\n        call: pictures.read",
            [
                "45: operations[0]: {id} in /pictures/{id} is given by no input with in: path",
                "45: operations[0]: the input 'which' has no place in /pictures/{id}",
                "48: with.id: 'rest.id' is no input here",
            ],
        ),
        (
            "in: path}",
            "in: query}",
            ["25: operations[0]: {id} in /pictures/{id} is given by no input with in: path"],
        ),
        (
            "in: body, required: true}",
            "in: body}, {name: more, in: body}, {name: body, in: query}".replace("}, {", "}\n        - {"),
            ["20: inputParameters: 'body' stands twice", "20: inputParameters: a request has one body"],
        ),
        (
            "      - name: read",
            "      - name: read\n        outputParameters: [{name: a, type: string, value: ']['}]",
            ["26: value: not a JSONPath: expected '$', found ']'"],
        ),
        ("mapping: $.", "mapping: a.b", ["50: mapping: not a JSONPath: expected '$', found 'a'"]),
        ("- type: object", "- properties: {}\n          type: object", [f"49: properties: {UNSERVED}"]),
        (
            "    - path: /pictures/{id}\n      operations:\n      - method: GET",
            "    - path: /pictures\n      operations:\n      - method: POST",
            [
                "45: method: POST /pictures stands twice",
            ],
        ),
        ("    - name: create\n      desc", "    - name: read\n      desc", ["60: name: 'read' stands twice"]),
        (
            "      - name: read",
            "      - name: create",
            [
                "25: name: 'pictures.create' stands twice",
                "46: call: there is no operation 'pictures.read'; did you mean 'pictures.create'?",
                "58: call: there is no operation 'pictures.read'; did you mean 'pictures.create'?",
            ],
        ),
        (
            "path: /pictures/{id}",
            "path: pictures",
            ["23: path: must be a path such as /generations/{id}, not 'pictures'"],
        ),
    ],
)
def test_file_that_is_wrong(old: str, new: str, found: list[str]) -> None:
    """Every error names file, line and key."""
    assert old in SMALL
    Path("a.yaml").write_text(SMALL.replace(old, new, 1), "utf-8")
    with pytest.raises(CapabilityError) as refused:
        load(Path("a.yaml"))
    assert list(refused.value.findings) == [f"a.yaml:{line}" for line in found]


def test_file_that_cannot_be_read() -> None:
    """Nothing there, nothing in it."""
    with pytest.raises(CapabilityError) as refused:
        load(Path("missing.yaml"))
    assert str(refused.value) == "missing.yaml: cannot be read: No such file or directory"
    Path("a.yaml").write_text("")
    with pytest.raises(CapabilityError) as refused:
        load(Path("a.yaml"))
    assert str(refused.value) == "a.yaml:1: is empty; a capability has at least naftiko, info and capability"
