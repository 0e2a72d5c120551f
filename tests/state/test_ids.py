"""Ids from the seed."""

from __future__ import annotations

import uuid
from random import Random
from typing import Literal

import pytest

from leomock.state.ids import MOST_PARTS, Ids, stable


def ids(version: Literal["v4", "v6"] = "v4", seed: int = 1, moment: float = 1713623608.258) -> Ids:
    return Ids(Random(seed), version, lambda: moment)


def test_ids_depend_on_the_seed_alone() -> None:
    """The same seed gives the same ids."""
    assert ids(seed=1).new() == ids(seed=1).new()
    assert ids(seed=1).new() != ids(seed=2).new()


def test_ids_are_version_4() -> None:
    """With the variant that the published pattern asks for."""
    made = uuid.UUID(ids().generation())
    assert (made.version, made.variant) == (4, uuid.RFC_4122)


def test_ids_of_version_6_ascend_within_one_moment() -> None:
    """Time stands still, the ids do not."""
    source = ids("v6")
    made = [source.generation() for _ in range(100)]
    assert made == sorted(made)
    assert {(uuid.UUID(id).version, uuid.UUID(id).variant) for id in made} == {(6, uuid.RFC_4122)}


@pytest.mark.parametrize("version", ["v4", "v6"])
def test_part_leads_back_to_its_whole(version: Literal["v4", "v6"]) -> None:
    """The ids of pictures need no rows; they are version 4."""
    source = ids(version)
    whole = source.generation()
    parts = source.parts(whole, MOST_PARTS)
    assert len({*parts, whole}) == MOST_PARTS + 1
    for index, part in enumerate(parts):
        assert uuid.UUID(part).version == 4
        assert (whole, index) in list(source.wholes(part))


def test_stable_bytes_tell_parts_apart() -> None:
    """Not what a concatenation would give; strange text is fine."""
    assert stable("a", "bc") != stable("ab", "c")
    assert stable(1) != stable("1")
    assert stable("\ud800") == stable("\ud800")
