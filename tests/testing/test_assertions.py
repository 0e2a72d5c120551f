"""What tests claim about calls; every message as it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leomock.state.clock import EPOCH
from leomock.state.journal import Exchange
from leomock.testing.assertions import LONGEST_LINE, assert_called, assert_not_called

PATH = "/api/rest/v1/generations"
KNOWN = ("createGeneration", "getGenerationById", "getUserSelf")


def call(number: int, body: object = None, operation: str = "createGeneration", **given: Any) -> Exchange:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    usual: dict[str, Any] = {"method": "POST", "path": PATH, "request_body": raw}
    return Exchange(number, EPOCH, given.pop("channel", "api"), operation, **usual | given)


def read(number: int, **given: Any) -> Exchange:
    return call(number, None, "getGenerationById", method="GET", path=f"{PATH}/1", **given)


CAT = call(1, {"prompt": "a cat", "num_images": 4})
DOG = call(3, {"prompt": "a dog", "num_images": "2"}, status=400, query="limit=10&tag=a&tag=b&all=true")
CAME = [CAT, read(2), DOG, call(4, None, "", channel="cdn", method="GET", path="/cdn/1.jpg")]


def text_of(claim: Callable[..., object], *args: Any, **given: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        claim(*args, **given)
    return str(caught.value)


def miss_of(found: object, wanted: dict[str, Any]) -> str:
    """The lines on the nearest call."""
    text = text_of(assert_called, [call(1, found)], "createGeneration", body=wanted)
    return text.split("\n\n")[1].removeprefix("The nearest is #1:\n  ")


# --- fitting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criteria", "fitting"),
    [
        ({}, [1, 3]),
        ({"times": 2}, [1, 3]),
        ({"at_least": 2}, [1, 3]),
        ({"at_most": 2}, [1, 3]),
        ({"at_least": 1, "at_most": 2}, [1, 3]),
        ({"times": 1, "body": {"num_images": 4}}, [1]),
        ({"body": {"prompt": re.compile("dog$")}}, [3]),
        ({"body": {"prompt": ANY}}, [1, 3]),
        ({"status": 400}, [3]),
        ({"status": "2xx"}, [1]),
        ({"query": {"limit": 10}}, [3]),
        ({"query": {"limit": "10", "all": True}}, [3]),
        ({"query": {"tag": ["a", "b"]}}, [3]),
        ({"query": {"limit": [10]}}, [3]),
        ({"query": {"limit": re.compile("^1")}}, [3]),
        ({"times": 0, "body": {"num_images": 5}}, []),
        ({"at_least": 0, "at_most": 1, "body": {"num_images": 5}}, []),
    ],
)
def test_assert_called_gives_the_calls_that_fit(criteria: dict[str, Any], fitting: list[int]) -> None:
    """In their order; a generator of exchanges will do."""
    found = assert_called(iter(CAME), "createGeneration", known_operations=KNOWN, **criteria)
    assert [exchange.number for exchange in found] == fitting


def test_assert_not_called_is_silent_when_nothing_fits() -> None:
    """Neither that operation, nor one like that."""
    assert_not_called(CAME, "getUserSelf", known_operations=KNOWN)
    assert_not_called(CAME, "createGeneration", body={"num_images": 5})


# --- messages -----------------------------------------------------------------------------------------------


def test_message_when_nothing_came() -> None:
    """At all."""
    assert text_of(assert_called, [], "createGeneration") == (
        "leomock: createGeneration: expected at least 1 call, got 0.\n\nNothing came at all."
    )


def test_message_when_others_came() -> None:
    """They are listed with their operations, or the channel that they came through."""
    assert text_of(assert_called, CAME, "getUserSelf") == (
        "leomock: getUserSelf: expected at least 1 call, got 0.\n"
        "\n"
        "What came instead:\n"
        '  #1 createGeneration POST /api/rest/v1/generations 200 {"prompt": "a cat", "num_images": 4}\n'
        "  #2 getGenerationById GET /api/rest/v1/generations/1 200\n"
        "  #3 createGeneration POST /api/rest/v1/generations?limit=10&tag=a&tag=b&all=true 400 "
        '{"prompt": "a dog", "num_images": "…\n'
        "  #4 cdn GET /cdn/1.jpg 200"
    )


def test_message_when_no_call_fits() -> None:
    """The nearest is the one that differs least."""
    wanted = {"prompt": "a cat", "num_images": 2}
    assert text_of(assert_called, CAME, "createGeneration", body=wanted) == (
        "leomock: createGeneration: expected at least 1 call with body "
        '{"prompt": "a cat", "num_images": 2}, got 0 (and 2 that differ).\n'
        "\n"
        "The nearest is #1:\n"
        "  num_images: expected 2, got 4\n"
        "\n"
        "Calls of createGeneration:\n"
        '  #1 POST /api/rest/v1/generations 200 {"prompt": "a cat", "num_images": 4}\n'
        "  #3 POST /api/rest/v1/generations?limit=10&tag=a&tag=b&all=true 400 "
        '{"prompt": "a dog", "num_images": "2"}'
    )


def test_message_when_too_few_fit() -> None:
    """Those that do are marked."""
    assert text_of(
        assert_called, [CAT, call(2, {})], "createGeneration", times=2, body={"num_images": 4}
    ) == (
        'leomock: createGeneration: expected exactly 2 calls with body {"num_images": 4}, '
        "got 1 (and 1 that differs).\n"
        "\n"
        "The nearest is #2:\n"
        "  num_images: expected 4, missing\n"
        "\n"
        "Calls of createGeneration (* fits):\n"
        '  * #1 POST /api/rest/v1/generations 200 {"prompt": "a cat", "num_images": 4}\n'
        "    #2 POST /api/rest/v1/generations 200 {}"
    )


def test_message_when_every_criterion_is_missed() -> None:
    """Status first, then the query, then the body."""
    criteria = {"status": "4xx", "query": {"limit": 10, "tag": "a"}, "body": {"num_images": 2}}
    assert text_of(
        assert_called, [call(1, {}, query="limit=5&tag=a&tag=b")], "createGeneration", **criteria
    ) == (
        'leomock: createGeneration: expected at least 1 call with status 4xx and query {"limit": "10", '
        '"tag": "a"} and body {"num_images": 2}, got 0 (and 1 that differs).\n'
        "\n"
        "The nearest is #1:\n"
        "  status: expected 4xx, got 200\n"
        '  query limit: expected "10", got "5"\n'
        '  query tag: expected "a", got ["a", "b"] (an array, not a string)\n'
        "  num_images: expected 2, missing\n"
        "\n"
        "Calls of createGeneration:\n"
        "  #1 POST /api/rest/v1/generations?limit=5&tag=a&tag=b 200 {}"
    )


def test_message_when_too_many_came() -> None:
    """The newest ten are listed."""
    assert text_of(assert_called, [read(n) for n in range(1, 13)], "getGenerationById", at_most=3) == (
        "leomock: getGenerationById: expected 1 to 3 calls, got 12.\n"
        "\n"
        "Calls of getGenerationById:\n"
        "  … 2 before\n" + "\n".join(f"  #{n} GET /api/rest/v1/generations/1 200" for n in range(3, 13))
    )


def test_message_of_assert_not_called() -> None:
    """What came is listed."""
    assert text_of(assert_not_called, [CAT, read(2)], "getGenerationById") == (
        "leomock: getGenerationById: expected no call, got 1.\n"
        "\n"
        "Calls of getGenerationById:\n"
        "  #2 GET /api/rest/v1/generations/1 200"
    )


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        ({}, "at least 1 call, got 0"),
        ({"times": 1}, "exactly 1 call, got 0"),
        ({"times": 2}, "exactly 2 calls, got 0"),
        ({"at_least": 2}, "at least 2 calls, got 0"),
        ({"at_least": 2, "at_most": 2}, "exactly 2 calls, got 0"),
        ({"at_most": 1}, "exactly 1 call, got 0"),
        ({"at_least": 2, "at_most": 5}, "2 to 5 calls, got 0"),
    ],
)
def test_message_says_how_many_were_expected(limits: dict[str, int], count: str) -> None:
    """A limit from above alone does not mean that none will do."""
    assert text_of(assert_called, [], "getUserSelf", **limits) == (
        f"leomock: getUserSelf: expected {count}.\n\nNothing came at all."
    )


def test_message_when_none_would_have_done() -> None:
    """At least 0 is said aloud."""
    text = text_of(assert_called, [read(1), read(2)], "getGenerationById", at_least=0, at_most=1)
    assert text.startswith("leomock: getGenerationById: expected at most 1 call, got 2.\n\n")


@pytest.mark.parametrize("claim", [assert_called, assert_not_called])
def test_message_on_an_operation_that_does_not_exist(claim: Callable[..., object]) -> None:
    """A typo never makes a test green."""
    assert text_of(claim, CAME, "createGenration", known_operations=KNOWN) == (
        "leomock: there is no operation 'createGenration'; did you mean 'createGeneration'?"
    )
    assert text_of(claim, CAME, "zzz\n", known_operations=iter(KNOWN)) == (
        "leomock: there is no operation 'zzz\\n'; GET /_leomock/openapi.json names them all"
    )


def test_message_when_the_journal_has_forgotten_calls() -> None:
    """Nobody knows whether none came; that one came is known."""
    assert text_of(assert_not_called, CAME, "getUserSelf", forgotten=3) == (
        "leomock: getUserSelf: expected no call, got 0.\n"
        "\n"
        "The journal has forgotten 3 older exchanges, which may have been such calls: clear it earlier, or "
        "make it longer."
    )
    assert text_of(assert_called, [read(2)], "getUserSelf", forgotten=1) == (
        "leomock: getUserSelf: expected at least 1 call, got 0.\n"
        "\n"
        "What came instead:\n"
        "  #2 getGenerationById GET /api/rest/v1/generations/1 200\n"
        "\n"
        "The journal has forgotten 1 older exchange, which may have been such calls: clear it earlier, or "
        "make it longer."
    )
    assert assert_called(CAME, "getGenerationById", forgotten=3) == [CAME[1]]


# --- the words on one difference ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "wanted", "miss"),
    [
        ({"a": 4}, {"a": 2}, "a: expected 2, got 4"),
        ({}, {"a": None}, "a: expected null, missing"),
        ({}, {"a": ANY}, "a: expected <ANY>, missing"),
        ({"a": None}, {"a": 2}, "a: expected 2, got null"),
        ({"a": 2}, {"a": None}, "a: expected null, got 2"),
        ({"a": "2"}, {"a": 2}, 'a: expected 2, got "2" (a string, not a number)'),
        ({"a": 1}, {"a": True}, "a: expected true, got 1 (a number, not a boolean)"),
        ({"a": False}, {"a": 0.5}, "a: expected 0.5, got false (a boolean, not a number)"),
        ({"a": [1]}, {"a": 1}, "a: expected 1, got [1] (an array, not a number)"),
        ({"a": 1}, {"a": {"b": 1}}, 'a: expected {"b": 1}, got 1 (a number, not an object)'),
        ({"a": {"b": 1}}, {"a": [1]}, 'a: expected [1], got {"b": 1} (an object, not an array)'),
        ({"a": [1]}, {"a": [1, 2]}, "a: expected [1, 2], got [1] (1 item, not 2)"),
        ({"a": [1, 2, 3]}, {"a": (1,)}, "a: expected [1], got [1, 2, 3] (3 items, not 1)"),
        ({"a": "cat"}, {"a": re.compile("dog")}, 'a: expected /dog/, got "cat"'),
        ({"a": 1}, {"a": re.compile("1")}, "a: expected /1/, got 1 (a number, not a string)"),
        ({"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"c": 2}]}}, "a.b.0.c: expected 2, got 1"),
        ({"a": {"b": 1}}, {"a.b": 2, "a.c": 3}, "a.b: expected 2, got 1\n  a.c: expected 3, missing"),
        ({"a": "é\x1b"}, {"a": "é"}, r'a: expected "é", got "é\u001b"'),
        ({"a": 1}, {"a": "\u202e"}, r'a: expected "\u202e", got 1 (a number, not a string)'),
        ([1], {"a": 1}, 'body: expected {"a": 1}, got [1] (an array, not an object)'),
        ({"a": "x" * 99}, {"a": 1}, f'a: expected 1, got "{"x" * 58}… (a string, not a number)'),
        ({"a": "x" * 99 + "y"}, {"a": "x" * 99 + "z"}, f'a: expected …{"x" * 15}z", got …{"x" * 15}y"'),
        (b"", {"a": 1}, "body: expected JSON, got nothing"),
        (b"?", {"a": 1}, "body: expected JSON, got 1 byte that is not JSON"),
        (b"a=1", {"a": 1}, "body: expected JSON, got 3 bytes that are not JSON"),
    ],
)
def test_message_words_a_difference(found: object, wanted: dict[str, Any], miss: str) -> None:
    """What was expected, what came, and of what type if that is the point."""
    assert miss_of(found, wanted) == miss


def test_message_on_a_body_that_was_cut() -> None:
    """It cannot be compared."""
    cut = call(1, b'{"prompt": "', request_size=70000, cut=True)
    assert text_of(assert_called, [cut], "createGeneration", body={"prompt": "a"}) == (
        'leomock: createGeneration: expected at least 1 call with body {"prompt": "a"}, '
        "got 0 (and 1 that differs).\n"
        "\n"
        "The nearest is #1:\n"
        "  body: cannot be compared, only 12 of its 70000 bytes were kept\n"
        "\n"
        "Calls of createGeneration:\n"
        "  #1 POST /api/rest/v1/generations 200 (70000 bytes)"
    )


@given(
    st.binary()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode),
    st.dictionaries(st.text(), st.none() | st.integers() | st.text(st.characters()), min_size=1),
    st.text(st.characters()),
)
def test_message_never_fails_or_runs_on(body: bytes, wanted: dict[str, Any], query: str) -> None:
    """Whatever was sent and whatever is wanted: short lines, and none that a client broke."""
    wanted["\0"] = ANY
    text = text_of(
        assert_called, [call(1, body, query=query)], "createGeneration", body=wanted, query={"\0": [1]}
    )
    headline, nearest, listing = text.split("\n\n")
    assert nearest.startswith("The nearest is #1:\n  query ")
    assert listing.count("\n") == 1
    assert all(len(line) <= 2 + LONGEST_LINE for line in listing.splitlines())
    assert all(line.isprintable() for line in text.splitlines())
    assert len(headline) < 400


# --- expectations that cannot be meant ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"times": 1, "at_least": 1}, "use either times, or at_least and at_most"),
        ({"times": 1, "at_most": 1}, "use either times, or at_least and at_most"),
        ({"times": -1}, "times=-1: use 0 or more"),
        ({"at_least": -1}, "at_least=-1: use 0 or more"),
        ({"at_most": 0}, "at_most=0: use 1 or more, assert_not_called, or at_least=0 as well"),
        ({"at_least": 3, "at_most": 2}, "at_least=3, at_most=2: no number of calls is both"),
        ({"status": "4x"}, "status='4x': use a number such as 404, or a class such as '4xx'"),
    ],
)
def test_expectation_that_cannot_be_meant_is_refused(limits: dict[str, Any], text: str) -> None:
    """It is not a failure of what is tested."""
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        assert_called(CAME, "createGeneration", **limits)


@pytest.mark.parametrize(
    "claim",
    [
        lambda: assert_called([], "getUserSelf"),
        lambda: assert_called([], "getUserSelff", known_operations=KNOWN),
        lambda: assert_called([], "getUserSelf", times=-1),
        lambda: assert_called([], "getUserSelf", status="no"),
        lambda: assert_not_called(CAME, "createGeneration"),
        lambda: assert_not_called(CAME, "createGeneration", status="no"),
    ],
)
def test_failure_shows_no_frame_of_ours(claim: Callable[[], object]) -> None:
    """What pytest shows ends at the line of the test."""
    with pytest.raises((AssertionError, ValueError)) as caught:
        claim()
    assert {Path(entry.path) for entry in caught.traceback.filter(caught)} == {Path(__file__)}
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
