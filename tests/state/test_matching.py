"""Patterns that a user may send or write."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leomock.state.journal import Journal
from leomock.state.matching import LinearPattern, Wildcard


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "", True),
        ("/v1/*", "/v1/generations", True),
        ("/v1/*", "/v2/generations", False),
        ("*/generations/*", "/v1/generations/5", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("ab*bc", "abc", False),
        ("a**b", "ab", True),
        ("a.c", "abc", False),
        ("a", "aa", False),
    ],
)
def test_wildcard_matches_whole_text(pattern: str, text: str, fits: bool) -> None:
    assert Wildcard(pattern).matches(text) is fits


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_wildcard_agrees_with_fnmatch(pattern: str, text: str) -> None:
    assert Wildcard(pattern).matches(text) is fnmatch.fnmatchcase(text, pattern)


def test_hostile_wildcard_is_matched_in_linear_time() -> None:
    """With backtracking this takes longer than the age of the universe."""
    journal = Journal()
    journal.add(
        moment=0.0,
        channel="api",
        operation="",
        method="GET",
        path="/" + "a" * 50_000,
        query="",
        request_headers=(),
        request_body=b"",
        status=404,
        response_headers=(),
        response_body=b"",
    )
    assert journal.select(path="*a" * 10_000 + "*b") == []
    assert len(journal.select(path="*a" * 10_000 + "*")) == 1


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "(a|aa)+$"])
def test_hostile_regular_expression_is_searched_in_linear_time(pattern: str) -> None:
    assert not LinearPattern(pattern).search("a" * 100_000 + "!")


def test_pattern_that_needs_backtracking_is_refused() -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the text is compared whole
        LinearPattern(r"(a)\1")
    assert str(refused.value) == (
        "it is too large, or uses look-around or a back-reference, which cannot be searched in linear time"
    )


def test_patterns_are_equal_by_their_text() -> None:
    assert LinearPattern("a") == LinearPattern("a")
    assert LinearPattern("a") != LinearPattern("b")
    assert repr(LinearPattern("a")) == "LinearPattern('a')"
