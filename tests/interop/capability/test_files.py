"""Capability files: what is shipped loads, and what is wrong is named with file, line and key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from leomock.interop.capability.files import CapabilityError, UnservedError, capabilities_folder, load
from leomock.interop.capability.model import Capability, Input

FOLDER = capabilities_folder()
IMAGES = (FOLDER / "image_generation.yaml").read_text("utf-8")
SCHEMA = orjson.loads((FOLDER / "schema.json").read_bytes())


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
    rest, mcp = small(
        ("with: {id: rest.id}", "with: {id: rest.X-Id}\n        inputParameters: [{name: X-Id, in: header}]"),
        ("path: /pictures/{id}\n      operations:\n      - method: GET\n        call", READ_AT_OTHER_PATH),
        (
            "with: {id: tools.id}",
            "with: {id: tools.which}\n"
            "      inputParameters: [{name: which, type: string, description: Its id.}]",
        ),
    ).adapters
    assert rest.offers[1].inputs == (Input("X-Id", "header", "string", "", False),)
    assert rest.offers[1].arguments({"X-Id": "7"}) == {"id": "7"}
    assert mcp.offers[0].inputs == (Input("which", "", "string", "Its id.", True),)
    assert mcp.offers[0].arguments({"which": "i"}) == {"id": "i"}


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        ("{type: object, mapping: $.}", {"a": [{"b": 1}, {"b": 2}]}),
        ("{type: object, mapping: $}", {"a": [{"b": 1}, {"b": 2}]}),
        ("{type: number, mapping: '$.a[*].b'}", 1),
        ("{type: array, mapping: '$.a[*].b'}", [1, 2]),
        ("{type: string, mapping: $.missing}", None),
        ("{type: array, mapping: $.missing}", []),
        ("{type: object, properties: {x: {type: number, mapping: '$.a[1].b'}}}", {"x": 2}),
        ("{type: array, mapping: $.a, items: {type: number, mapping: $.b}}", [1, 2]),
        (
            "{type: object, properties: {y: {type: string, const: c}, z: {type: object, mapping: '$.a[0]', "
            "properties: {b: {type: number, mapping: $.b}}}}}",
            {"y": "c", "z": {"b": 1}},
        ),
        (
            "[{name: first, type: number, mapping: '$.a[0].b'}, {name: second, type: string, value: v}]",
            {"first": 1, "second": "v"},
        ),
    ],
)
def test_mapping_of_the_answer(mapped: str, expected: object) -> None:
    """A JSONPath; of an array everything that it finds, else the first."""
    rest, _ = small(
        (
            "        outputParameters:\n        - type: object\n          mapping: $.\n",
            f"        outputParameters: {mapped if mapped.startswith('[') else f'[{mapped}]'}\n",
        )
    ).adapters
    assert rest.offers[1].result({"a": [{"b": 1}, {"b": 2}]}, {}) == expected


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


READ_AT_OTHER_PATH = "path: /picture\n      operations:\n      - method: GET\n        call"


def small(*changes: tuple[str, str]) -> Capability:
    """The small file, with texts replaced where they first stand."""
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    Path("a.yaml").write_text(text, "utf-8")
    return load(Path("a.yaml"))


def test_small_file_is_right() -> None:
    """What follows is wrong for its own reasons."""
    Path("a.yaml").write_text(SMALL, "utf-8")
    assert load(Path("a.yaml")).label == "Pictures"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
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
            "{{env.KEY}}",
            "{{env.KEYS}}",
            [
                "31: authentication.value: nothing is bound to 'env.KEYS'; binds says what is; "
                "did you mean 'env.KEY'?"
            ],
        ),
        ("port: 8080", "port: 0", ["35: port: must be at least 1, not 0"]),
        ("port: 9090", "port: 8080", ["53: port: 8080 stands twice"]),
        ("pictures-mcp", "pictures-rest", ["52: namespace: 'pictures-rest' stands twice"]),
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
                "48: with.id: 'rest.id' is not an input here",
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
            ["20: inputParameters: 'body' stands twice"],
        ),
        (
            "      - name: read",
            "      - name: read\n        outputParameters: [{name: a, type: string, value: ']['}]",
            ["26: value: not a JSONPath: expected '$', found ']'"],
        ),
        ("mapping: $.", "mapping: a.b", ["50: mapping: not a JSONPath: expected '$', found 'a'"]),
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
    ],
)
def test_file_that_is_wrong(old: str, new: str, found: list[str]) -> None:
    """Every error names file, line and key."""
    assert old in SMALL
    Path("a.yaml").write_text(SMALL.replace(old, new, 1), "utf-8")
    with pytest.raises(CapabilityError) as refused:
        load(Path("a.yaml"))
    assert list(refused.value.findings) == [f"a.yaml:{line}" for line in found]


HEAD = "naftiko: 1.0.0-alpha2\ncapability:\n"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("- 1\n", "a.yaml:1: must be a mapping, not a list"),
        ("text\n", "a.yaml:1: must be a mapping, not 'text'"),
        ("naftiko: 1.0.0-alpha1\ncapability: []\n", "a.yaml:2: capability: must be a mapping, not a list"),
        (f"{HEAD}  exposes: 5\n", "a.yaml:3: capability.exposes: must be a list, not 5"),
        (f"{HEAD}  exposes: [5]\n", "a.yaml:3: capability.exposes[0]: must be a mapping, not 5"),
        (
            f"{HEAD}  consumes:\n  - inputParameters: [{{name: []}}]\n",
            "a.yaml:4: name: must be a text, not a list",
        ),
        (
            f"{HEAD}  aggregates:\n  - functions:\n    - steps:\n      - {{name: a, with: 5}}\n",
            "a.yaml:6: with: must be a mapping, not 5",
        ),
    ],
)
def test_file_of_another_shape(text: str, finding: str) -> None:
    """As any other mistake; there is nothing to look at in it."""
    path = Path("a.yaml")
    path.write_text(text, "utf-8")
    with pytest.raises(CapabilityError) as refused:
        load(path)
    assert list(refused.value.findings) == [finding]


def text_of_notes(capability: Capability) -> list[str]:
    """The notes of a file."""
    return [str(note) for note in capability.notes]


NOT_SERVED = "part of the format, not served by leomock"


@pytest.mark.parametrize(
    "first_line", ["naftiko: 1.0.0-alpha1", "ikanos: 1.0.0-alpha4", "ikanos: 1.0.0-beta4"]
)
def test_every_version_is_read_under_both_names(first_line: str) -> None:
    """What the format says is the same for what is served."""
    assert small(("naftiko: 1.0.0-alpha2", first_line)).notes == ()


@pytest.mark.parametrize("first_line", ["naftiko: 0.5", "ikanos: 1.0.0-beta5"])
def test_other_version_is_one_line(first_line: str) -> None:
    """Nothing that follows from it is said."""
    name, _, version = first_line.partition(": ")
    given = version if version == "0.5" else f"'{version}'"
    with pytest.raises(UnservedError) as refused:
        small(("naftiko: 1.0.0-alpha2", first_line), ("label:", "lable:"))
    assert refused.value.findings == (
        f"a.yaml:1: {name}: the version is {given}, which is not known here; leomock reads 1.0.0-alpha1 to "
        "1.0.0-beta4",
    )


def test_words_of_the_format_itself() -> None:
    """`token` for the key, with or without a namespace; `info` may be left out; paths may be `x/{{y}}`."""
    whole = SMALL[SMALL.index("info:") : SMALL.index("binds:")]
    for token in ("{{env.KEY}}", "{{KEY}}"):
        capability = small(
            ("value: '{{env.KEY}}'", f"token: '{token}'"),
            (whole, ""),
            ("path: /pictures/{id}", "path: pictures/{{id}}"),
        )
        assert capability.upstreams[0].variable == "PICTURES_KEY"
        assert (capability.label, capability.operations[1].path) == ("pictures", "/pictures/{id}")
        assert capability.notes == ()


def test_lists_as_mappings_and_display() -> None:
    """Later versions name entries by keys."""
    text = SMALL.replace("label: Pictures", "display: Pictures").replace(
        "naftiko: 1.0.0-alpha2", "ikanos: 1.0.0-beta4"
    )
    start = text.index("    tools:")
    text = text[:start] + (
        "    tools:\n      read:\n        description: Reads a picture.\n        call: pictures.read\n"
        "        inputParameters:\n          id: {type: string, description: Its id.}\n"
        "        with: {id: 'pictures-mcp.id'}\n"
    )
    Path("a.yaml").write_text(text, "utf-8")
    capability = load(Path("a.yaml"))
    (tool,) = capability.adapters[1].offers
    assert (capability.label, tool.name, tool.arguments({"id": "x"})) == ("Pictures", "read", {"id": "x"})


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (
            "        call: pictures.create",
            "        steps: [{name: x, type: script}]\n        name: x",
            f"40: steps of type script: {NOT_SERVED}",
        ),
        (
            "    port: 8080",
            "    port: 8080\n    authentication: {type: oauth2}",
            f"33: authentication of an adapter of type oauth2: {NOT_SERVED}",
        ),
        (
            "      type: bearer\n      value: '{{env.KEY}}'",
            "      type: digest\n      username: x\n      password: x",
            "30: authentication of type digest: the fake needs none, and --upstream real sends none: ignored",
        ),
        (
            "  keys:",
            "  location: file:///x\n  keys:",
            "7: binds.location: keys are read from the environment: ignored",
        ),
    ],
)
def test_feature_that_is_not_served_is_one_line(old: str, new: str, note: str) -> None:
    """The rest of the file is served, and nothing that follows from it is said."""
    capability = small((old, new))
    assert [line.partition(": ")[2] for line in text_of_notes(capability)] == [note.partition(": ")[2]]
    assert sum(len(adapter.offers) for adapter in capability.adapters) >= 2


def test_file_of_which_nothing_is_served() -> None:
    """One line for each feature, with the number of places."""
    text = SMALL.replace(
        "        call: pictures.create\n        with:\n          body: rest.body\n",
        "        steps: [{name: x, type: script}]\n",
    )
    text = text.replace(
        "        call: pictures.read\n        with: {id: rest.id}\n        outputParameters:\n"
        "        - type: object\n          mapping: $.\n",
        "        steps: [{name: x, type: script}]\n",
    ).replace("type: mcp", "type: control")
    Path("a.yaml").write_text(text, "utf-8")
    with pytest.raises(UnservedError) as refused:
        load(Path("a.yaml"))
    assert [line.partition(": ")[2] for line in refused.value.findings] == [
        f"steps of type script: {NOT_SERVED} (2 times)",
        f"adapters of type control: {NOT_SERVED}",
    ]


def test_file_that_cannot_be_read() -> None:
    """Nothing there, nothing in it."""
    with pytest.raises(CapabilityError) as refused:
        load(Path("missing.yaml"))
    assert str(refused.value) == "missing.yaml: cannot be read: No such file or directory"
    Path("a.yaml").write_text("")
    with pytest.raises(CapabilityError) as refused:
        load(Path("a.yaml"))
    assert str(refused.value) == "a.yaml:1: is empty; a capability has at least naftiko and capability"
