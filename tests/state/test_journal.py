"""What the journal keeps, and how it is read."""

from __future__ import annotations

import json
import re
import threading
from typing import Any
from unittest.mock import ANY

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leomock.state import journal as journal_module
from leomock.state.clock import EPOCH
from leomock.state.journal import Exchange, Headers, Journal
from leomock.state.matching import ABSENT, Difference, differences, status_test
from leomock.state.redaction import one_line, shortened

KEY = "3f2a8c1e-0000-4000-8000-000000000000"
PATH = "/api/rest/v1/generations"


def add(journal: Journal, **given: Any) -> int:
    usual: dict[str, Any] = {
        "moment": EPOCH,
        "channel": "api",
        "operation": "createGeneration",
        "method": "POST",
        "path": PATH,
        "query": "",
        "request_headers": [(b"authorization", f"Bearer {KEY}".encode()), (b"host", b"localhost:8090")],
        "request_body": b'{"prompt": "a cat", "num_images": 4}',
        "status": 200,
        "response_headers": [(b"content-type", b"application/json; charset=utf-8")],
        "response_body": b'{"sdGenerationJob": {"generationId": "1"}}',
    }
    return journal.add(**usual | given)


def only(**given: Any) -> Exchange:
    """The exchange that was added like this."""
    journal = Journal(longest_body=given.pop("longest_body", 65536))
    add(journal, **given)
    (exchange,) = journal
    return exchange


def numbers(exchanges: list[Exchange]) -> list[int]:
    return [exchange.number for exchange in exchanges]


# --- keeping ------------------------------------------------------------------------------------------------


def test_exchange_says_all_that_was_added() -> None:
    """Headers are text, everything else is as it was given."""
    exchange = only(
        rules=("slow",), explain="because", milliseconds=1.25, breakage="stall", delay=0.5, query="a=1"
    )
    assert exchange == Exchange(
        number=1,
        moment=EPOCH,
        channel="api",
        operation="createGeneration",
        method="POST",
        path=PATH,
        query="a=1",
        request_headers={"authorization": "Bearer 3f2a…", "host": "localhost:8090"},
        request_body=b'{"prompt": "a cat", "num_images": 4}',
        status=200,
        response_headers={"content-type": "application/json; charset=utf-8"},
        response_body=b'{"sdGenerationJob": {"generationId": "1"}}',
        rules=["slow"],
        explain="because",
        milliseconds=1.25,
        breakage="stall",
        delay=0.5,
        cut=False,
        request_size=36,
        response_size=42,
    )


def test_exchange_reads_its_bodies() -> None:
    """As JSON, where they are."""
    exchange = only(response_body=b"<html>")
    assert exchange.request_json == {"prompt": "a cat", "num_images": 4}
    assert exchange.response_json is None


def test_exchange_was_created_by_the_clock_of_the_world() -> None:
    """ISO 8601, in UTC."""
    assert only().created == "2024-04-20T14:33:28.258Z"


def test_body_too_long_is_cut() -> None:
    """The rest of it is nowhere; the size says how long it was."""
    exchange = only(request_body=b"x" * 11, response_body=b"y" * 10, longest_body=10)
    assert (exchange.cut, exchange.request_body, exchange.request_size) == (True, b"x" * 10, 11)
    assert (exchange.response_body, exchange.response_size) == (b"y" * 10, 10)
    assert only(response_body=b"y" * 11, longest_body=10).cut


def test_body_as_long_as_may_be_is_whole() -> None:
    """It is the very object that was given."""
    body = b"x" * 10
    exchange = only(request_body=body, response_body=b"", longest_body=10)
    assert exchange.request_body is body
    assert not exchange.cut


def test_journal_that_is_full_forgets_the_oldest() -> None:
    """It says how many; the numbers go on."""
    journal = Journal(size=3)
    for _ in range(5):
        add(journal)
    assert len(journal) == 3
    assert numbers(list(journal)) == [3, 4, 5]
    assert journal.forgotten == 2


def test_clear_forgets_all() -> None:
    """The numbers go on, so that `since` keeps its meaning."""
    journal = Journal(size=2)
    for _ in range(3):
        add(journal)
    journal.clear()
    assert (len(journal), list(journal), journal.forgotten) == (0, [], 0)
    add(journal)
    assert numbers(list(journal)) == [4]
    assert journal.forgotten == 0


def test_reading_goes_on_while_others_add() -> None:
    """A reader sees the journal as it was when it began."""
    journal = Journal(size=50)
    done = threading.Event()

    def adding() -> None:
        while not done.is_set():
            add(journal)

    thread = threading.Thread(target=adding)
    thread.start()
    try:
        for _ in range(200):
            seen = numbers(list(journal))
            assert seen == list(range(seen[0], seen[0] + len(seen))) if seen else True
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("sizes", [{"size": 0}, {"longest_body": -1}])
def test_journal_refuses_a_size_that_keeps_nothing(sizes: dict[str, int]) -> None:
    """Says what would work."""
    size, longest = sizes.get("size", 1000), sizes.get("longest_body", 65536)
    text = f"Journal(size={size}, longest_body={longest}): at least 1 and 0"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Journal(size, longest)


# --- keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ((b"authorization", b"Bearer " + KEY.encode()), "Bearer 3f2a…"),
        ((b"authorization", b"bearer  " + KEY.encode() + b" "), "bearer 3f2a…"),
        ((b"Authorization", b"Bearer " + KEY.encode()), "Bearer 3f2a…"),
        (("AUTHORIZATION", "Bearer " + KEY), "Bearer 3f2a…"),
        (("aUthorization", "Bearer " + KEY), "Bearer 3f2a…"),
        ((b"authorization", KEY.encode()), "3f2a…"),
        ((b"authorization", KEY.encode() + b" Bearer"), "3f2a…"),
        ((b"authorization", b"Bearer"), "Bea…"),
        ((b"authorization", b""), "…"),
        ((b"authorization", b"Bearer a"), "Bearer …"),
        ((b"proxy-authorization", b"Basic dXNlcjpwYXNz"), "Basic dXNl…"),
        ((b"x-api-key", KEY.encode()), "3f2a…"),
        ((b"cookie", b"session=secret"), "sess…"),
    ],
)
def test_key_is_shortened(header: tuple[bytes | str, bytes | str], shown: str) -> None:
    """However it was sent."""
    assert list(only(request_headers=[header]).request_headers.values()) == [shown]


def test_key_is_not_even_kept() -> None:
    """What is nowhere cannot leak."""
    journal = Journal()
    add(journal, request_headers=[(b"authorization", f"Bearer {KEY}".encode())])
    add(journal, request_headers=[("Authorization", f"Bearer {KEY}")])
    assert KEY not in repr(vars(journal))


def test_key_is_never_shown_whole() -> None:
    """Not even a short one; what steers a terminal is escaped."""
    keys = ("", "a", "ab", "abcd", "abcdefgh", KEY, "\x1b[31mabcd")
    assert [shortened(key) for key in keys] == ["…", "…", "a…", "ab…", "abcd…", "3f2a…", r"\x1b[31…"]
    assert one_line("a\nb") == r"a\nb"


# --- reading anything ---------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters())  # surrogates as well
ANY_HEADERS = st.lists(
    st.tuples(
        st.one_of(st.binary(), ANY_TEXT, st.sampled_from([b"authorization", "Cookie", b"content-type"])),
        st.one_of(st.binary(), ANY_TEXT),
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ANY_BODY = st.one_of(
    st.binary(), st.text().map(str.encode), JSON.map(lambda value: json.dumps(value).encode())
)


@given(ANY_HEADERS, ANY_BODY, ANY_HEADERS, ANY_BODY, ANY_TEXT, ANY_TEXT, st.integers(0, 20))
def test_reading_never_fails(
    request_headers: Headers,
    request_body: bytes,
    response_headers: Headers,
    response_body: bytes,
    path: str,
    query: str,
    longest_body: int,
) -> None:
    """Whatever came and whatever was answered, it can be written as JSON."""
    exchange = only(
        request_headers=request_headers,
        request_body=request_body,
        response_headers=response_headers,
        response_body=response_body,
        path=path,
        query=query,
        explain=path,
        longest_body=longest_body,
    )
    assert exchange.cut == (max(len(request_body), len(response_body)) > longest_body)
    assert orjson.loads(orjson.dumps(exchange.as_json()))["number"] == 1


@given(st.sampled_from(["authorization", "Authorization", "AUTHORIZATION", "cookie", "x-api-key"]), st.data())
def test_key_is_never_readable(name: str, data: st.DataObject) -> None:
    """Under any spelling and scheme there are four of its letters at most."""
    key = data.draw(st.text("0123456789abcdef", min_size=8))
    scheme = data.draw(st.sampled_from(["", "Bearer ", "bearer  ", "Token ", "Strange "]))
    header: tuple[bytes | str, bytes | str] = (name, scheme + key)
    if data.draw(st.booleans()):
        header = (name.encode(), (scheme + key).encode())
    (value,) = only(request_headers=[header]).request_headers.values()
    assert value in (f"{scheme.strip()} {key[:4]}…".strip(), f"{(scheme + key)[:4]}…")


def test_headers_that_came_twice_are_joined() -> None:
    """Names are in lower case."""
    headers = [(b"Accept", b"a"), (b"accept", b"b"), ("X-Name", "\xe9")]
    assert only(request_headers=headers).request_headers == {"accept": "a, b", "x-name": "\xe9"}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", {}),
        (b'{"a": 1}', {"json": {"a": 1}}),
        (b"null", {"json": None}),
        (b"a=1", {"text": "a=1"}),
        (b"\xff\xd8", {"base64": "/9g="}),
        (b"a\0", {"base64": "YQA="}),
    ],
)
def test_body_in_json_is_under_one_name(body: bytes, shown: dict[str, object]) -> None:
    """`json`, `text` or `base64`; nothing for an empty one."""
    half = only(response_body=body).as_json()["response"]
    assert half == {
        "headers": {"content-type": "application/json; charset=utf-8"},
        "size": len(body),
        **shown,
    }


@pytest.mark.parametrize(
    ("depth", "name"), [(63, "json"), (64, "json"), (65, "text"), (1000, "text"), (2000, "text")]
)
@pytest.mark.parametrize("nest", ["[%s]", '{"a": %s}', "[%s, []]"])
def test_body_nested_too_deeply_is_text(depth: int, name: str, nest: str) -> None:
    """One such request must not keep all others from being read."""
    begin, _, end = nest.partition("%s")
    # The innermost has no neighbour, which would lie one deeper.
    body = begin * depth + "1" + end.replace(", []", "") + end * (depth - 1)
    exchange = only(request_body=body.encode())
    shown = exchange.as_json()
    assert name in shown["request"]
    assert (exchange.request_json is not None) == (name == "json")
    assert orjson.dumps(shown)
    assert json.dumps(shown)


def test_body_of_many_small_objects_is_json() -> None:
    """Only depth counts."""
    value = [{"a": [index]} for index in range(100)]
    assert only(request_body=json.dumps(value).encode()).request_json == value


def test_exchange_in_json_is_complete() -> None:
    """All of its fields, the two messages apart."""
    exchange = only(
        breakage="stall",
        delay=0.5,
        rules=["slow"],
        milliseconds=1.23456,
        request_body="né".encode(),
        longest_body=2,
    )
    assert exchange.as_json() == {
        "number": 1,
        "created": "2024-04-20T14:33:28.258Z",
        "channel": "api",
        "operation": "createGeneration",
        "method": "POST",
        "path": PATH,
        "query": "",
        "status": 200,
        "rules": ["slow"],
        "breakage": "stall",
        "delay": 0.5,
        "explain": "",
        "milliseconds": 1.235,
        "cut": True,
        "request": {
            "headers": {"authorization": "Bearer 3f2a…", "host": "localhost:8090"},
            "size": 3,
            "text": "n",
        },
        "response": {
            "headers": {"content-type": "application/json; charset=utf-8"},
            "size": 42,
            "text": '{"',
        },
    }


def test_exchange_on_a_line() -> None:
    """Without what would break it."""
    assert str(only()) == f"#1 POST {PATH} createGeneration 200 | generation 1…"
    exchange = only(operation="", channel="cdn", path="/cdn/a\nb", status=404, explain="not\x1b here")
    assert str(exchange) == r"#1 POST /cdn/a\nb cdn 404 | not\x1b here"


# --- selecting ----------------------------------------------------------------------------------------------


@pytest.fixture
def journal() -> Journal:
    journal = Journal()
    add(journal)
    add(journal, operation="getGenerationById", method="GET", path=f"{PATH}/1", request_body=b"")
    add(journal, status=400, request_body=b'{"prompt": "a dog", "controlnets": [{"weight": 0.5}]}')
    add(journal, operation="", channel="cdn", method="GET", path="/cdn/1.jpg", status=404, rules=["broken"])
    return journal


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"operation": "createGeneration"}, [1, 3]),
        ({"operation": ""}, [4]),
        ({"status": 400}, [3]),
        ({"status": "400"}, [3]),
        ({"status": "4xx"}, [3, 4]),
        ({"status": "4XX"}, [3, 4]),
        ({"method": "get"}, [2, 4]),
        ({"path": PATH}, [1, 3]),
        ({"path": f"{PATH}/*"}, [2]),
        ({"path": "*"}, [1, 2, 3, 4]),
        ({"path": "*.jpg"}, [4]),
        ({"path": "/cdn/1?jpg"}, []),
        ({"path": ""}, []),
        ({"rule": "broken"}, [4]),
        ({"body": {"prompt": "a dog"}}, [3]),
        ({"body": {"prompt": re.compile("^a")}, "status": 200}, [1]),
        ({"body": {"controlnets.0.weight": 0.5}}, [3]),
        ({"body": {"controlnets": [{"weight": ANY}]}}, [3]),
        ({"since": 2}, [3, 4]),
        ({"since": 4}, []),
        ({"limit": 2}, [3, 4]),
        ({"limit": 0}, []),
        ({"limit": 9}, [1, 2, 3, 4]),
        ({"operation": "createGeneration", "since": 1, "limit": 5}, [3]),
    ],
)
def test_select_gives_what_fits(journal: Journal, criteria: dict[str, Any], found: list[int]) -> None:
    """All that is given must hold; oldest first."""
    assert numbers(journal.select(**criteria)) == found


def test_select_makes_only_what_fits_readable(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone on this machine may ask for the calls of all keys, which have thousands of them."""
    made: list[int] = []
    readable = journal_module._exchange

    def counted(entry: journal_module._Entry) -> Exchange:
        made.append(entry[0])
        return readable(entry)

    monkeypatch.setattr(journal_module, "_exchange", counted)
    assert journal.select(path="*a" * 200 + "*b") == []
    assert made == []
    assert numbers(journal.select(limit=1)) == made == [journal.last]


@pytest.mark.parametrize("status", ["4x", "xx", "", "4000", -1, "²", "20 "])
def test_select_refuses_a_status_that_cannot_be_meant(journal: Journal, status: int | str) -> None:
    """Says what would work."""
    text = f"status={status!r}: use a number such as 404, or a class such as '4xx'"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        journal.select(status=status)


def test_select_refuses_a_negative_limit(journal: Journal) -> None:
    """Says what would work."""
    with pytest.raises(ValueError, match=r"^limit=-1: use 0 or more$"):
        journal.select(limit=-1)


def test_status_of_a_cut_connection_fits_none_but_itself() -> None:
    """Nothing was answered: 0."""
    assert status_test(0)(0)
    assert status_test(None)(0)
    assert not status_test("4xx")(0)


# --- differing ----------------------------------------------------------------------------------------------


@given(JSON)
def test_json_does_not_differ_from_itself(value: Any) -> None:
    """Whatever it is."""
    assert list(differences(value, value)) == []


@given(st.dictionaries(st.text(), JSON, min_size=1), st.data())
def test_json_does_not_differ_from_a_part_of_it(value: dict[str, Any], data: st.DataObject) -> None:
    """Objects may have more."""
    part = {name: value[name] for name in data.draw(st.sets(st.sampled_from(sorted(value))))}
    assert list(differences(part, value)) == []


@pytest.mark.parametrize(
    ("wanted", "found", "differing"),
    [
        ({"a": 1}, {"a": 2}, [Difference("a", 1, 2)]),
        ({"a": 1}, {}, [Difference("a", 1, ABSENT)]),
        ({"a": None}, {}, [Difference("a", None, ABSENT)]),
        ({"a": ANY}, {}, [Difference("a", ANY, ABSENT)]),
        ({"a": None}, {"a": None}, []),
        ({"a": ANY}, {"a": None}, []),
        ({"a": 1}, {"a": True}, [Difference("a", 1, True)]),
        ({"a": False}, {"a": 0}, [Difference("a", False, 0)]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": "1"}, {"a": 1}, [Difference("a", "1", 1)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, [Difference("a.b", 1, 3), Difference("a.c", 2, ABSENT)]),
        ({"a.b": 1}, {"a": {"b": 1}}, []),
        ({"a.b": 1}, {"a.b": 1, "a": {"b": 2}}, []),
        ({"a.1": 2}, {"a": [1, 2]}, []),
        ({"a.2": 2}, {"a": [1, 2]}, [Difference("a.2", 2, ABSENT)]),
        ({"a.-1": 2}, {"a": [1, 2]}, [Difference("a.-1", 2, ABSENT)]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, [Difference("a.1.b", 2, 3)]),
        ({"a": [1]}, {"a": [1, 2]}, [Difference("a", [1], [1, 2])]),
        ({"a": (1, 2)}, {"a": [1, 2]}, []),
        ({"a": {"b": 1}}, {"a": 1}, [Difference("a", {"b": 1}, 1)]),
        ({"a": 1}, [1], [Difference("", {"a": 1}, [1])]),
        ([1, 2], [1, 3], [Difference("1", 2, 3)]),
    ],
)
def test_differences_are_all_named(wanted: Any, found: Any, differing: list[Difference]) -> None:
    """By the way that leads to them."""
    assert list(differences(wanted, found)) == differing


@pytest.mark.parametrize(("found", "fits"), [("a cat", True), ("a dog", False), (1, False), (None, False)])
def test_pattern_is_searched_in_a_string(found: object, fits: bool) -> None:
    """In nothing else."""
    assert (not list(differences({"a": re.compile("cat")}, {"a": found}))) == fits


def test_left_before_the_answer() -> None:
    """Is told as a breakage, of that exchange alone, as long as it is kept."""
    journal = Journal(size=2)
    first = add(journal)
    second = add(journal)
    journal.mark_disconnected(first)
    journal.mark_disconnected(second)
    assert [exchange.breakage for exchange in journal] == ["client_disconnected", "client_disconnected"]
    add(journal)
    assert [exchange.breakage for exchange in journal] == ["client_disconnected", ""]


def test_last_number() -> None:
    """Stays what it was when the journal is cleared."""
    journal = Journal(size=2)
    assert journal.last == 0
    for _ in range(3):
        add(journal)
    assert journal.last == 3
    journal.clear()
    assert journal.last == 3


def _kept(journal: Journal, body: bytes) -> int:
    return journal.add(
        moment=0.0,
        channel="api",
        operation="",
        method="POST",
        path="/",
        query="",
        request_headers=(),
        request_body=body,
        status=200,
        response_headers=(),
        response_body=b"",
    )


def test_journal_is_bounded_by_bytes_as_well() -> None:
    """The newest is kept even if it is larger than that."""
    journal = Journal(1000, most_bytes=10_000)
    for _ in range(50):
        _kept(journal, b"x" * 3000)
    assert [exchange.number for exchange in journal] == [49, 50]
    assert journal.forgotten == 48
    _kept(journal, b"x" * 20_000)
    assert [exchange.number for exchange in journal] == [51]
    journal.clear()
    for _ in range(2):
        _kept(journal, b"x" * 3000)
    assert len(journal) == 2


def test_body_that_answers_share_counts_once() -> None:
    journal = Journal(1000, most_bytes=200_000)
    for _ in range(100):
        journal.add(
            moment=0.0,
            channel="api",
            operation="",
            method="GET",
            path="/",
            query="",
            request_headers=(),
            request_body=b"",
            status=200,
            response_headers=(),
            response_body=b"x" * 50_000,
        )
    assert len(journal) == 100
