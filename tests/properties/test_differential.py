"""The fast path and the referee accept and refuse the same requests.

Each was written without the other: leomock's parser over jsonschema-rs, openapi-core over jsonschema. Values
on which they differ for a good reason are not drawn; each such place says why.
"""

from __future__ import annotations

import copy
import json
import os
import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from leomock.contract.conformance import Referee
from leomock.files.recordings.model import RecordedExchange
from leomock.leonardo.errors import ApiError
from leomock.leonardo.hosts import Addresses
from leomock.openapi.documents import Json, resolve, specs_folder
from leomock.openapi.request_parser import Request, parse
from leomock.openapi.spec import Spec

ADDRESSES = Addresses.under("http://leomock.test")
HEADERS = {"Authorization": "Bearer key", "Content-Type": "application/json"}


class Version:
    """One version of the API, as both sides know it."""

    def __init__(self, name: str, spec: Spec) -> None:
        self.server = f"http://leomock.test/api/rest/{name}"
        self.spec = spec
        self.document = spec.document(self.server)
        self.referee = Referee(self.document)


VERSION_1 = Version("v1", Spec())
VERSIONS = (VERSION_1, Version("v2", Spec(specs_folder() / "v2")))
OPERATIONS = {id: operation for version in VERSIONS for id, operation in version.spec.operations.items()}
VERSION_OF = {id: version for version in VERSIONS for id in version.spec.operations}
UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


# --- the two verdicts -------------------------------------------------------------------------------------


def fast_path(spec: Spec, method: str, path: str, query: str = "", body: bytes = b"") -> str | None:
    """Why leomock's parser refuses a request, None if it does not."""
    request = Request(method, [unquote(step) for step in path.strip("/").split("/")], ADDRESSES, query, body)
    try:
        operation, captured = spec.route(method, request.segments)
        parse(operation, captured, request)
    except ApiError as refusal:
        return refusal.text
    return None


def differ(
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    version: Version = VERSION_1,
    referee: Referee | None = None,
    coerced: bytes | None = None,
) -> str:
    """Both verdicts on a request on which they differ, nothing if they agree."""
    refusal = fast_path(version.spec, method, path, query, body)
    url = f"{version.server}{path}{'?' if query else ''}{query}"
    findings = (referee or version.referee).judge_request(
        RecordedExchange(method, url, HEADERS, coerced or body)
    )
    if (refusal is None) == (not findings):
        return ""
    asked = f"{method} {path}{'?' if query else ''}{query} {body!r}"
    return f"{asked}\nfast path: {refusal or 'accepts it'}\nreferee: {'; '.join(findings) or 'accepts it'}"


# --- bodies, from the schemas of the document -------------------------------------------------------------

TEXT = st.text(
    # A lone surrogate can be written in JSON as an escape only; orjson refuses the escape, Python's json
    # does not, and RFC 8259 leaves it open.
    st.characters(exclude_categories=["Cs"]),
    max_size=8,
)
# No float that is a whole number stands where an integer belongs: 512.0 is an integer to JSON Schema
# 2020-12 and to GraphQL, as in leomock, and was none to draft 4, which openapi-core goes by.
OTHERS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 5, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**64, -(2**64)]),
    st.sampled_from([0.5, -0.5, 1.5, 1.0000000000000002, 5e-324, 512.5]),
    st.sampled_from(["", "1", "true", "null", "png", "PNG", "DYNAMIC", UUID, "\0", "é", "\U0001d4b3"]),
    TEXT,
    st.sampled_from([[], {}, [None], [[]], [{}], [""], {"": None}, {"weight": 1}]),
)
# The parser passes over keys that GraphQL could not name, as the real service does, and the document
# forbids all it does not name: at the top of a body only names are drawn.
NAMES = st.from_regex(r"[_A-Za-z][_0-9A-Za-z]{0,5}", fullmatch=True)
LARGEST_LIST = 3
ITEMS = "[]"
Steps = tuple[str, ...]  # names of properties, ITEMS for the items of a list


def values(schema: Json) -> st.SearchStrategy[Any]:
    """What a schema allows."""
    if id(schema) not in _MADE:
        allowed = _values(schema)
        _MADE[id(schema)] = st.none() | allowed if schema.get("nullable") else allowed
    return _MADE[id(schema)]


_MADE: dict[int, st.SearchStrategy[Any]] = {}  # by the id of the schema, which `body_schema` keeps alive


def _values(schema: Json) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if "oneOf" in schema:
        return st.one_of(*map(values, schema["oneOf"]))
    if "properties" in schema:
        return objects(schema)
    if kind == "array":
        return st.lists(values(schema["items"]), max_size=LARGEST_LIST)
    if kind == "string":
        if schema.get("format") == "uuid":
            return st.uuids().map(str)
        return TEXT.map(schema["pattern"].lstrip("^").__add__) if "pattern" in schema else TEXT
    if kind == "boolean":
        return st.booleans()
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf", 1)
    if kind == "number":
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    if kind == "integer":
        bounds = [None if limit is None else limit // step for limit in (low, high)]
        return st.integers(*bounds).map(lambda number: number * step)
    return OTHERS


@st.composite
def objects(draw: st.DrawFn, schema: Json) -> Json:
    """All required properties and some others, each of a value that it allows."""
    properties, required = schema["properties"], schema.get("required", [])
    more = draw(st.lists(st.sampled_from(sorted(properties)), max_size=2)) if properties else []
    return {
        name: draw(values(properties[name])) for name in {**dict.fromkeys(required), **dict.fromkeys(more)}
    }


def edges(schema: Json) -> list[Any]:
    """What lies on the limits of a schema and right beside them."""
    found: list[Any] = []
    step = schema.get("multipleOf", 1)
    for limit in ("minimum", "maximum"):
        if limit in schema:
            edge = schema[limit]
            found += [edge, edge - step, edge + step, edge - 1, edge + 1]
            if schema["type"] == "number":
                found += [edge - 1e-9, edge + 1e-9]
    if "maxLength" in schema:
        found += [letter * (schema["maxLength"] + n) for letter in ("x", "\U0001d4b3") for n in (0, 1)]
    if schema.get("format") == "uuid":
        found += [UUID, UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}", f"{UUID}\n"]
    elif "pattern" in schema:
        beginning = schema["pattern"].lstrip("^")
        found += [beginning, beginning[:-1], f" {beginning}", f"\n{beginning}", beginning.upper()]
    for value in schema.get("enum", ()):
        if isinstance(value, str):
            found += [value, value.lower(), f"{value} "]
        elif value is not None:
            found += [value, value + 0.01]
    return found


@st.composite
def changed(draw: st.DrawFn, value: Any, schema: Json, top: bool = False) -> Any:
    """A value that was changed somewhere, which may leave it valid."""
    if "oneOf" in schema:
        schema = draw(st.sampled_from(schema["oneOf"]))
    if schema.get("properties") and draw(st.integers(0, 5)):
        value = dict(value) if isinstance(value, dict) else draw(objects(schema))
        match draw(st.sampled_from(["inside", "inside", "inside", "without", "unknown"])):
            case "inside":
                name = draw(st.sampled_from(sorted(schema["properties"])))
                part = schema["properties"][name]
                value[name] = draw(changed(value.get(name), part))
            case "without" if value:
                del value[draw(st.sampled_from(sorted(value)))]
            case _:
                value[draw(NAMES if top else NAMES | TEXT)] = draw(OTHERS)
        return value
    if "items" in schema and draw(st.integers(0, 3)):
        items = list(value) if isinstance(value, list) else []
        place = draw(st.integers(0, len(items)))
        items[place : place + 1] = [draw(changed(items[place] if items[place:] else None, schema["items"]))]
        return items
    near = edges(schema)
    return draw(st.sampled_from(near) | OTHERS if near else OTHERS)


@st.composite
def bodies(draw: st.DrawFn, operation: str, focus: Steps) -> Any:
    """A body for an operation: a valid one, changed at one place and perhaps somewhere else."""
    schema = body_schema(operation)
    body = draw(changed_at(schema, focus))
    if draw(st.integers(0, 3)) == 3:
        body = draw(changed(body, schema, top=True))
    return body


@st.composite
def changed_at(draw: st.DrawFn, schema: Json, steps: Steps) -> Any:
    """A valid value but for one place inside it."""
    if not steps:
        return draw(values(schema) | changed(None, schema))
    step, *rest = steps
    if step == ITEMS:
        return [draw(changed_at(schema["items"], tuple(rest)))]
    value = draw(objects(schema))
    value[step] = draw(changed_at(schema["properties"][step], tuple(rest)))
    return value


def body_of(document: Json, operation: str) -> Json:
    """The schema of a body as it stands in a document, its own reference followed."""
    found = OPERATIONS[operation]
    entry = document["paths"][found.path][found.method.lower()]
    return resolve(document, entry["requestBody"]["content"]["application/json"]["schema"])


@cache
def body_schema(operation: str) -> Json:
    """The schema of a body without references."""
    document = VERSION_OF[operation].document

    def inlined(node: Any) -> Any:
        if isinstance(node, list):
            return [inlined(part) for part in node]
        if isinstance(node, dict):
            return {name: inlined(part) for name, part in resolve(document, node).items()}
        return node

    schema: Json = inlined(body_of(document, operation))
    return schema


WITH_BODY = tuple(id for id, operation in OPERATIONS.items() if "requestBody" in operation.entry)


def places(schema: Json, steps: Steps = ()) -> Iterator[tuple[Steps, Json]]:
    """Every place in a schema, and the schema that governs it."""
    if steps:
        yield steps, schema
    for name, part in schema.get("properties", {}).items():
        yield from places(part, (*steps, name))
    if "items" in schema:
        yield from places(schema["items"], (*steps, ITEMS))


PLACES = [(id, steps) for id in WITH_BODY for steps, _ in places(body_schema(id))]


def path_of(operation: str) -> str:
    """A path that leads to an operation."""
    return re.sub(r"{\w+}", UUID, OPERATIONS[operation].path)


def differ_on(operation: str, body: Any, referee: Referee | None = None) -> str:
    found, version = OPERATIONS[operation], VERSION_OF[operation]
    raw = json.dumps(body).encode()
    coerced = json.dumps(with_lists(body, body_schema(operation))).encode()
    return differ(found.method, path_of(operation), "", raw, version, referee, coerced)


def with_lists(value: Any, schema: Json) -> Any:
    """The value with each single one where a list is declared in a list, as GraphQL reads it.

    The document allows lists only, so that the referee judges this.
    """
    if "items" in schema and value is not None:
        items = value if isinstance(value, list) else [value]
        return [with_lists(item, schema["items"]) for item in items]
    if "properties" in schema and isinstance(value, dict):
        parts = schema["properties"]
        return {name: with_lists(each, parts.get(name, {})) for name, each in value.items()}
    return value


def test_body_is_looked_at_for_all_operations() -> None:
    """27 of the first version and two of the second take one."""
    assert len(WITH_BODY) == 29
    assert {id for id, _ in PLACES} == set(WITH_BODY)


@settings(max_examples=max(1, settings().max_examples // 5))
@pytest.mark.parametrize(("operation", "focus"), PLACES, ids=[".".join([id, *steps]) for id, steps in PLACES])
@given(st.data())
def test_body(operation: str, focus: Steps, data: st.DataObject) -> None:
    """Whatever stands at a property of a body, both say the same of it."""
    body = data.draw(bodies(operation, focus))
    difference = differ_on(operation, body)
    assert not difference, difference


@pytest.mark.parametrize(
    # What is not an object is not variables, which is refused only where some are wanted.
    "operation",
    [id for id in WITH_BODY if body_schema(id).get("required")],
)
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b'""', b"1", b"{", b"{}", b"NaN", b"\xff", b'{"prompt": NaN}', b"x=1"),
        *(b'{"prompt": "\xff"}', '{"prompt": "x"}'.encode("utf-16"), b'\xef\xbb\xbf{"prompt": "x"}'),
        *(b'{"prompt": "x", "guidance_scale": 1e999}', b'{"prompt": "x", "guidance_scale": Infinity}'),
        *(b'{"prompt": "x",}', b'{"prompt": "\x01"}', b'{"prompt": "x"} {}', b"[" * 3000 + b"]" * 3000),
    ],
    ids=lambda body: repr(body)[:30],
)
def test_body_that_is_no_json_object(operation: str, body: bytes) -> None:
    """What is not JSON, or JSON and no object, is refused by both."""
    method, path, version = OPERATIONS[operation].method, path_of(operation), VERSION_OF[operation]
    assert not differ(method, path, body=body, version=version)
    assert fast_path(version.spec, method, path, body=body) is not None


@pytest.mark.parametrize("body", [b'{"prompt": "x", "prompt": 1}', b'{"prompt": 1, "prompt": "x"}'])
def test_body_with_a_key_twice(body: bytes) -> None:
    """Of a key that stands twice both take the last."""
    assert not differ("POST", "/generations", body=body)


# --- paths and queries ------------------------------------------------------------------------------------

IN_PATHS = {
    id: variable
    for id, operation in OPERATIONS.items()
    for variable in operation.variables.values()
    if variable.location == "path"
}
WITH_UUID = [id for id, variable in IN_PATHS.items() if variable.schema.get("format") == "uuid"]
WITH_NUMBER = [id for id, variable in IN_PATHS.items() if variable.schema["type"] == "integer"]


def path_with(operation: str, value: str) -> str:
    """The path of an operation with a value in it."""
    return re.sub(r"{\w+}", lambda _: quote(value, safe=""), OPERATIONS[operation].path)


def test_path_is_looked_at_for_all_operations() -> None:
    """Ids are UUIDs or numbers, but for those of datasets that are uploaded to, which are any text."""
    assert set(IN_PATHS) - {*WITH_UUID, *WITH_NUMBER} == {"uploadDatasetImage", "uploadDatasetImageFromGen"}
    assert WITH_NUMBER == ["getElementById", "deleteElementById"]


@st.composite
def ids(draw: st.DrawFn) -> str:
    """A UUID of any version, whole or with something wrong."""
    id = str(draw(st.uuids()))
    spoil: dict[str, Callable[[], str]] = {
        "nothing": lambda: id,
        "case": id.upper,
        "dashes": lambda: id.replace("-", ""),
        "places of dashes": lambda: f"{id[1:8]}-{id[0]}{id[9:]}",
        "braces": lambda: f"{{{id}}}",
        "urn": lambda: f"urn:uuid:{id}",
        "end": lambda: id + draw(st.sampled_from(["0", "-", " ", "\n", "\r\n", "\0", "/", "é", "%"])),
        "start": lambda: draw(st.sampled_from(["0", " ", "\n", "\ufeff"])) + id,
        "short": lambda: id[: draw(st.integers(1, 35))],
        "letter": lambda: id[:3] + draw(st.sampled_from("gG \u0660\uff11-_.:%")) + id[4:],
        "other": lambda: draw(TEXT.filter(bool)),
    }
    return spoil[draw(st.sampled_from(list(spoil)))]()


@settings(max_examples=settings().max_examples * 4)
@given(st.sampled_from(WITH_UUID), ids())
def test_id_in_a_path(operation: str, id: str) -> None:
    """Both take the same texts for ids."""
    assert not differ(OPERATIONS[operation].method, path_with(operation, id)), id


NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), 2**63, 2**64, 10**18, 10**19, 10**20]),
).map(str)
NO_NUMBERS = st.one_of(
    # Not drawn, since openapi-core asks Python's int(), which takes them all: +1, 007, " 1", 1_0, digits
    # that are not ASCII. Nor 1.0 and 1e3: whole numbers to leomock (see OTHERS), and no integers to int().
    # Nor nothing at all, which is null to leomock and so the default.
    st.sampled_from(
        ["x", "1.5", "-1.5", "1e-3", "0x1", "--1", "1-", "1,2", "null", "true", "NaN", "inf", "[1]"]
    ),
    st.from_regex(r"[a-z]{1,5}", fullmatch=True),
)


@given(st.sampled_from(WITH_NUMBER), NUMBERS | NO_NUMBERS)
def test_number_in_a_path(operation: str, number: str) -> None:
    """Both take the same texts for the ids of elements."""
    assert not differ(OPERATIONS[operation].method, path_with(operation, number)), number


WITH_QUERY = {
    id: names
    for id, operation in OPERATIONS.items()
    if (names := [v.name for v in operation.variables.values() if v.location == "query"])
}
CURSORS = ("after", "before")


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """An operation and a query for it."""
    operation = draw(st.sampled_from(list(WITH_QUERY)))
    # Each name once (leomock takes the last of several, openapi-core the first), and no other: the document
    # cannot forbid unknown names in a query, and the real service refuses them.
    drawn = {
        name: TEXT.filter(bool) if name in CURSORS else NUMBERS | NO_NUMBERS for name in WITH_QUERY[operation]
    }
    return operation, draw(st.fixed_dictionaries({}, optional=drawn))


@given(queries())
def test_query_of_a_page(asked: tuple[str, dict[str, str]]) -> None:
    """Both take the same texts for the numbers and cursors of a page."""
    operation, query = asked
    assert not differ("GET", path_of(operation), urlencode(query)), query


def test_query_is_looked_at_for_all_pages() -> None:
    """Six operations have one."""
    assert len(WITH_QUERY) == 6


# --- it can fail ------------------------------------------------------------------------------------------

LIMITS = ("minimum", "maximum", "multipleOf", "maxLength", "pattern", "oneOf", "required")
Rule = tuple[str, Steps, str]


def rules() -> list[Rule]:
    """What the document demands of bodies: operation, place, keyword.

    In a short run one rule of each kind and depth stands for the others of its version.
    """

    def demands(schema: Json) -> list[str]:
        # An enum leaves nothing to be said by other limits, and either leaves little to the type. The pattern
        # of a UUID says again what its format says.
        limits = ["enum"] if "enum" in schema else [keyword for keyword in LIMITS if keyword in schema]
        if schema.get("format") == "uuid":
            limits.remove("pattern")
        return [
            # A list is always a list by then: see `with_lists`. A few values may have any type.
            *(limits or (["type"] if schema.get("type", "array") != "array" else [])),
            *(["nullable"] if schema.get("nullable") else []),
            *(["additionalProperties"] if schema.get("additionalProperties") is False else []),
        ]

    found = [
        (operation, steps, keyword)
        for operation in WITH_BODY
        for steps, schema in places(body_schema(operation))
        for keyword in demands(schema)
    ]
    if "LEOMOCK_EXAMPLES" in os.environ:
        return found
    return list({(VERSION_OF[rule[0]], len(rule[1]), rule[2]): rule for rule in found}.values())


def without(rule: Rule) -> Json:
    """The document without one rule."""
    operation, steps, keyword = rule
    document = copy.deepcopy(VERSION_OF[operation].document)
    part = body_of(document, operation)
    for step in steps:
        part = resolve(document, part["items"] if step == ITEMS else part["properties"][step])
    del part[keyword]
    return document


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: ".".join([rule[0], *rule[1], rule[2]]))
def test_difference_is_found_where_one_side_lacks_a_rule(rule: Rule) -> None:
    """No rule of the document is out of reach of what is drawn."""
    operation, focus, _ = rule
    referee = Referee(without(rule))
    find(
        bodies(operation, focus),
        lambda body: bool(differ_on(operation, body, referee)),
        settings=settings(max_examples=3000, database=None, phases=[Phase.generate]),
        random=random.Random(0),
    )


def test_difference_shows_both_verdicts() -> None:
    """The report has the request, and what either side says."""
    referee = Referee(without(("createGeneration", ("num_images",), "maximum")))
    assert differ_on("createGeneration", {"prompt": "", "num_images": 9}, referee) == (
        'POST /generations b\'{"prompt": "", "num_images": 9}\'\n'
        "fast path: Too many images\n"
        "referee: accepts it"
    )
