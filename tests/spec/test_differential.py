"""The fast path and the referee accept and refuse the same requests.

Each was written without the other: leomock's parser over jsonschema-rs, openapi-core over jsonschema. Values
on which they differ for a good reason are not drawn; each such place says why.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from leomock.addresses import Addresses
from leomock.errors import ApiError
from leomock.recordings import Recorded
from leomock.spec.compile import Spec
from leomock.spec.parse import Request, parse
from leomock.spec.referee import Referee
from leomock.spec.refs import Json, resolve

SERVER = "http://leomock.test/api/rest/v1"
ADDRESSES = Addresses.under("http://leomock.test")
HEADERS = {"Authorization": "Bearer key", "Content-Type": "application/json"}

SPEC = Spec()
DOCUMENT = SPEC.document(SERVER)
REFEREE = Referee(DOCUMENT)
UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


# --- the two verdicts -------------------------------------------------------------------------------------


def fast_path(method: str, path: str, query: str = "", body: bytes = b"") -> str | None:
    """Why leomock's parser refuses a request, None if it does not."""
    request = Request(method, [unquote(step) for step in path.strip("/").split("/")], ADDRESSES, query, body)
    operation, captured = SPEC.route(method, request.segments)
    try:
        parse(operation, captured, request)
    except ApiError as refusal:
        return refusal.text
    return None


def differ(referee: Referee, method: str, path: str, query: str = "", body: bytes = b"") -> str:
    """Both verdicts on a request on which they differ, nothing if they agree."""
    refusal = fast_path(method, path, query, body)
    url = f"{SERVER}{path}{'?' if query else ''}{query}"
    findings = referee.judge_request(Recorded(method, url, HEADERS, body))
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


def values(schema: Json) -> st.SearchStrategy[Any]:
    """What a schema allows."""
    schema = resolve(DOCUMENT, schema)
    if id(schema) not in _MADE:
        allowed = _values(schema)
        _MADE[id(schema)] = st.none() | allowed if schema.get("nullable") else allowed
    return _MADE[id(schema)]


_MADE: dict[int, st.SearchStrategy[Any]] = {}  # by the id of the schema, which DOCUMENT keeps alive


def _values(schema: Json) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if "properties" in schema:
        return objects(schema)
    if kind == "array":
        return st.lists(values(schema["items"]), max_size=LARGEST_LIST)
    if kind == "string":
        return st.uuids().map(str) if schema.get("format") == "uuid" else TEXT
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
    more = draw(st.lists(st.sampled_from(sorted(properties)), max_size=2))
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
    for value in schema.get("enum", ()):
        if isinstance(value, str):
            found += [value, value.lower(), f"{value} "]
        elif value is not None:
            found += [value, value + 0.01]
    return found


@st.composite
def changed(draw: st.DrawFn, value: Any, schema: Json, top: bool = False) -> Any:
    """A value that was changed somewhere, which may leave it valid."""
    schema = resolve(DOCUMENT, schema)
    if "properties" in schema and draw(st.integers(0, 5)):
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
def bodies(draw: st.DrawFn, operation: str, focus: str) -> Any:
    """A body for an operation: a valid one, changed at one property and perhaps somewhere else."""
    schema = body_schema(DOCUMENT, operation)
    part = schema["properties"][focus]
    body = draw(objects(schema))
    body[focus] = draw(values(part) | changed(None, part))
    return draw(changed(body, schema, top=True)) if draw(st.integers(0, 3)) == 3 else body


def body_schema(document: Json, operation: str) -> Json:
    found = SPEC.operations[operation]
    entry = document["paths"][found.path][found.method.lower()]
    return resolve(document, entry["requestBody"]["content"]["application/json"]["schema"])


WITH_BODY = ("createGeneration", "uploadInitImage", "uploadCanvasInitImage")
PLACES = [(id, name) for id in WITH_BODY for name in body_schema(DOCUMENT, id)["properties"]]


def differ_on(operation: str, body: Any, referee: Referee = REFEREE) -> str:
    found = SPEC.operations[operation]
    return differ(referee, found.method, found.path, body=json.dumps(body).encode())


@settings(max_examples=max(1, settings().max_examples // 2))
@pytest.mark.parametrize(("operation", "focus"), PLACES)
@given(st.data())
def test_body(operation: str, focus: str, data: st.DataObject) -> None:
    """Whatever stands at a property of a body, both say the same of it."""
    body = data.draw(bodies(operation, focus))
    difference = differ_on(operation, body)
    assert not difference, difference


@pytest.mark.parametrize("operation", WITH_BODY)
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
    found = SPEC.operations[operation]
    assert not differ(REFEREE, found.method, found.path, body=body)
    assert fast_path(found.method, found.path, body=body) is not None


@pytest.mark.parametrize("body", [b'{"prompt": "x", "prompt": 1}', b'{"prompt": 1, "prompt": "x"}'])
def test_body_with_a_key_twice(body: bytes) -> None:
    """Of a key that stands twice both take the last."""
    assert not differ(REFEREE, "POST", "/generations", body=body)


# --- paths and queries ------------------------------------------------------------------------------------

WITH_ID = [
    *(("GET", "/generations/"), ("DELETE", "/generations/"), ("GET", "/init-image/")),
    *(("DELETE", "/init-image/"), ("GET", "/generations/user/")),
]


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
@given(st.sampled_from(WITH_ID), ids())
def test_id_in_a_path(asked: tuple[str, str], id: str) -> None:
    """Both take the same texts for ids."""
    method, path = asked
    assert not differ(REFEREE, method, path + quote(id, safe="")), id


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


@given(
    st.fixed_dictionaries(
        # Each name once (leomock takes the last of several, openapi-core the first), and no other: the
        # document cannot forbid unknown names in a query, and the real service refuses them.
        {},
        optional={"offset": NUMBERS | NO_NUMBERS, "limit": NUMBERS | NO_NUMBERS},
    )
)
def test_query_of_a_page(query: dict[str, str]) -> None:
    """Both take the same texts for offset and limit."""
    assert not differ(REFEREE, "GET", f"/generations/user/{UUID}", urlencode(query)), query


# --- it can fail ------------------------------------------------------------------------------------------

LIMITS = ("minimum", "maximum", "multipleOf", "maxLength", "required")
Rule = tuple[str, str, tuple[str, ...]]


def rules() -> list[Rule]:
    """What the document demands of bodies: operation, property, the steps to the keyword.

    In a short run one rule of each kind and depth stands for the others.
    """
    found: list[Rule] = []

    def demands(schema: Json) -> list[str]:
        # An enum leaves nothing to be said by other limits, and either leaves little to the type.
        limits = ["enum"] if "enum" in schema else [keyword for keyword in LIMITS if keyword in schema]
        return [
            *(limits or ["type"]),
            *(["nullable"] if schema.get("nullable") else []),
            *(["additionalProperties"] if schema.get("additionalProperties") is False else []),
        ]

    def walk(schema: Json, operation: str, focus: str, steps: tuple[str, ...]) -> None:
        schema = resolve(DOCUMENT, schema)
        found.extend((operation, focus, (*steps, keyword)) for keyword in demands(schema))
        for name, part in schema.get("properties", {}).items():
            walk(part, operation, focus, (*steps, "properties", name))
        if "items" in schema:
            walk(schema["items"], operation, focus, (*steps, "items"))

    for operation, focus in PLACES:
        walk(body_schema(DOCUMENT, operation)["properties"][focus], operation, focus, ("properties", focus))
    if "LEOMOCK_EXAMPLES" in os.environ:
        return found
    return list(
        {
            (operation, len(steps), steps[-1]): (operation, focus, steps) for operation, focus, steps in found
        }.values()
    )


def without(rule: Rule) -> Json:
    """The document without one rule."""
    operation, _, (*steps, keyword) = rule
    document = copy.deepcopy(DOCUMENT)
    part = body_schema(document, operation)
    for step in steps:
        part = resolve(document, part[step])
    del part[keyword]
    return document


def smallest_difference(operation: str, focus: str, referee: Referee, *phases: Phase) -> Any:
    return find(
        bodies(operation, focus),
        lambda body: bool(differ_on(operation, body, referee)),
        settings=settings(max_examples=3000, database=None, phases=phases or tuple(Phase)),
        random=random.Random(0),
    )


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: ".".join([rule[0], *rule[2]]))
def test_difference_is_found_where_one_side_lacks_a_rule(rule: Rule) -> None:
    """No rule of the document is out of reach of what is drawn."""
    operation, focus, _ = rule
    assert smallest_difference(operation, focus, Referee(without(rule)), Phase.generate) is not None


def test_difference_shows_both_verdicts() -> None:
    """The report has the request, as small as can be, and what either side says."""
    referee = Referee(without(("createGeneration", "num_images", ("properties", "num_images", "maximum"))))
    body = smallest_difference("createGeneration", "num_images", referee)
    assert differ_on("createGeneration", body, referee) == (
        'POST /generations b\'{"prompt": "", "num_images": 9}\'\n'
        "fast path: Too many images\n"
        "referee: accepts it"
    )
