"""The bound on the journals of all keys together."""

from __future__ import annotations

import gc

from leomock.state.journal import Journal
from leomock.state.journal_budget import JournalBudget
from leomock.state.settings import Settings
from leomock.state.worlds import Worlds


def _add(journal: Journal, size: int) -> int:
    return journal.add(
        moment=0.0,
        channel="api",
        operation="",
        method="POST",
        path="/",
        query="",
        request_headers=(),
        request_body=b"x" * size,
        status=200,
        response_headers=(),
        response_body=b"",
    )


def test_journals_stay_within_the_budget_together() -> None:
    budget = JournalBudget(100_000)
    journals = [Journal(budget=budget) for _ in range(5)]
    for _ in range(40):
        for journal in journals:
            _add(journal, 2000)
            assert sum(each.size for each in journals) <= 100_000
    assert all(len(journal) > 3 for journal in journals)


def test_largest_journal_is_shortened_first() -> None:
    budget = JournalBudget(100_000)
    quiet, loud = Journal(budget=budget), Journal(budget=budget)
    first = _add(quiet, 2000)
    for _ in range(100):
        _add(loud, 2000)
    assert [exchange.number for exchange in quiet] == [first]
    assert 10 < len(loud) < 50


def test_journal_that_is_no_longer_used_does_not_count() -> None:
    budget = JournalBudget(100_000)
    old, new = Journal(budget=budget), Journal(budget=budget)
    for _ in range(30):
        _add(old, 2000)
    del old
    gc.collect()
    for _ in range(30):
        _add(new, 2000)
    assert len(new) == 30


def test_worlds_share_one_budget() -> None:
    worlds = Worlds(Settings(journals_bytes=50_000))
    for _ in range(30):
        for key in ("a", "b", "c"):
            _add(worlds.of(key).journal, 2000)
    assert sum(world.journal.size for world in worlds) <= 50_000
    worlds.of("a").reset()
    _add(worlds.of("a").journal, 2000)
    assert sum(world.journal.size for world in worlds) <= 50_000
