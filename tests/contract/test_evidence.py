"""Facts about the real service: each is followed, or says why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leomock.contract.evidence import check
from leomock.leonardo.basis import DECISIONS, Evidence, Observed, statements
from leomock.leonardo.evidence import (
    ABSENT,
    FactError,
    all_facts,
    as_yaml,
    at_path,
    evidence_folder,
    fact,
    is_of_type,
    parse_fact,
    read_facts,
)
from leomock.openapi.spec import Versions
from leomock.operations.handlers.load import load

FACT = {
    "id": "a-fact",
    "says": "A generation that is not there is null.",
    "about": "version 1",
    "mark": "observed",
    "source": "a friend",
    "date": "2026-01",
    "request": "GET /api/rest/v1/generations/0f7f39a5-5d3c-4f0d-9d84-33a6c9e9d6ad",
    "answer": {"status": 200, "nulls": ["generations_by_pk"]},
}


@pytest.mark.parametrize("id", [path.stem for path in sorted(evidence_folder().glob("*.yaml"))])
def test_fact_is_followed_or_says_why_not(id: str) -> None:
    """An excuse for a difference that is no longer there fails as well: remove `differs` from the file."""
    found = check(fact(id))
    if reason := fact(id).differs:
        assert found, f"specs/evidence/{id}.yaml: the fake follows this fact now; remove differs: {reason}"
    else:
        assert found == []


def test_facts_that_behaviours_name_are_there() -> None:
    """Otherwise the first request for a basis would fail."""
    load(Versions().operations)
    named = {
        each.id for decision in DECISIONS.values() for each in decision.basis if isinstance(each, Evidence)
    }
    assert named
    assert named - {each.id for each in all_facts()} == set()


def test_basis_comes_from_the_fact() -> None:
    found = statements("operation:createGenerationSyncV2")
    [stated] = [each for each in found if isinstance(each, Observed) and "generateSync" in each.source]
    known = fact("sync-cut-out")
    assert (stated.kind, stated.source) == (known.mark, f"{known.says} ({known.source})")


# --- what is compared --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"status": 404}, ["status: 404 expected, found 200"]),
        ({"fields": {"generations_by_pk": 1}}, ["generations_by_pk: 1 expected, found None"]),
        ({"words": {"error": "no"}}, ["error: 'no' expected, found nothing"]),
        ({"nulls": ["$"]}, ["$: None expected, found {'generations_by_pk': None}"]),
        ({"absent": ["generations_by_pk"]}, ["generations_by_pk: nothing expected, found None"]),
        ({"types": {"generations_by_pk": "uuid"}}, ["generations_by_pk: uuid expected, found None"]),
        ({"matches": {"generations_by_pk": "x"}}, ["generations_by_pk: x expected, found None"]),
        ({"headers": {"X-A": "1"}}, ["header X-A: '1' expected, found None"]),
        (
            {"order": {"$": ["generations_by_pk", "b"]}},
            ["$: the names generations_by_pk, b expected in this order, found ['generations_by_pk']"],
        ),
        ({"picture": [1, 1]}, ["picture: (1, 1) expected, found no picture"]),
        ({"headers": {"retry-after": None}, "types": {"$": "object"}}, []),
    ],
)
def test_difference_is_named(answer: dict[str, object], found: list[str]) -> None:
    assert check(parse_fact({**FACT, "answer": answer})) == found


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ({"upload": "uploadInitImage"}, "there is no form to upload with"),
        ({"event": True}, "no webhook was sent"),
        (
            {"request": "GET /api/rest/v1/generations/a", "keep": {"id": "a.b"}},
            "GET /api/rest/v1/generations/a: a.b is not in the answer: {'error': ",
        ),
    ],
)
def test_step_that_fails_is_a_difference(before: dict[str, object], found: str) -> None:
    [difference] = check(parse_fact({**FACT, "before": [before]}))
    assert difference.startswith(found)


def test_name_that_no_step_keeps_is_refused() -> None:
    with pytest.raises(FactError, match=r"^a-fact: no step keeps a value as id$"):
        check(parse_fact({**FACT, "request": "GET /api/rest/v1/generations/${id}"}))


@pytest.mark.parametrize(
    ("value", "type", "fits"),
    [
        (None, "null", True),
        (True, "integer", False),
        (1, "number", True),
        (1.5, "integer", False),
        ("2026-01-01T00:00:00.000", "local time", True),
        ("2026-01-01T00:00:00.000Z", "local time", False),
        ("2026-01-01T00:00:00.000Z", "UTC time", True),
        ("1.5", "digits", True),
        ([], "list", True),
    ],
)
def test_type_of_a_value(value: object, type: str, fits: bool) -> None:
    assert is_of_type(value, type) is fits


def test_path_of_a_value() -> None:
    value = {"a": [{"b": None}]}
    assert at_path(value, "a[0].b") is None
    assert at_path([value], "$[0].a[0]") == {"b": None}
    assert at_path(value, "a[1]") is ABSENT
    assert at_path(value, "a.b") is ABSENT


# --- files ------------------------------------------------------------------------------------------------


def test_file_with_several_facts(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(as_yaml([FACT, {**FACT, "id": "another"}]), "utf-8")
    assert [each.id for each in read_facts(path)] == ["a-fact", "another"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: [", "{path}: not YAML: "),
        ("says: x", 'specs/evidence: mine.yaml #1: the fact: "about" is a required property'),
        ("- 1", 'specs/evidence: mine.yaml #1: the fact: [1] is not of type "object"'),
        (as_yaml([{**FACT, "answer": {"sttus": 1}}]), "specs/evidence: mine.yaml #1: answer: "),
        (as_yaml([{**FACT, "mark": "chosen"}]), "specs/evidence: mine.yaml #1: mark: "),
        (as_yaml([{**FACT, "date": "today"}]), "specs/evidence: mine.yaml #1: date: "),
    ],
)
def test_malformed_file_is_refused(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(FactError, match=f"^{re.escape(error.format(path=path))}"):
        read_facts(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(FactError, match=f"^{re.escape(str(path))}: No such file or directory$"):
        read_facts(path)
    with pytest.raises(FactError, match=r"^specs/evidence/\.\./x\.yaml: there is no such fact$"):
        fact("../x")
