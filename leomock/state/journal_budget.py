"""Limit the total size of the journals of all keys."""

from __future__ import annotations

import threading
import weakref
from typing import Protocol

# Journals that exceed `_START` of the limit are shortened to `_END`, so that this happens rarely.
_START, _END = 7 / 8, 3 / 4


class Shrinkable(Protocol):
    """A journal: it has a size in bytes, and drops its oldest exchanges to get smaller."""

    @property
    def size(self) -> int:
        """The size of the exchanges in bytes."""
        ...

    def shrink(self, size: int) -> None:
        """Drop the oldest exchanges until at most `size` bytes are left."""
        ...


class JournalBudget:
    """Keeps journals within `most` bytes together by shortening the largest ones.

    Journals that nobody uses any more do not count. Any thread may call any method.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._journals: weakref.WeakSet[Shrinkable] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._upper = 0  # at least as much as the journals take

    def add(self, journal: Shrinkable) -> None:
        """Count a journal from now on."""
        with self._lock:
            self._journals.add(journal)

    def grow(self, size: int) -> None:
        """Note that a journal grew by at most `size` bytes, and shorten the largest ones if need be."""
        with self._lock:
            self._upper += size
            if self._upper <= self._most:
                return
            journals = list(self._journals)
            self._upper = sum(journal.size for journal in journals)
            if self._upper > self._most * _START:
                cap = _cap([journal.size for journal in journals], int(self._most * _END))
                for journal in journals:
                    journal.shrink(cap)
                self._upper = sum(journal.size for journal in journals)


def _cap(sizes: list[int], total: int) -> int:
    """Return the largest cap for which the sizes, each cut down to it, add up to at most `total`."""
    left = total
    for number, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - number)
        if size > share:
            return share
        left -= size
    return max(sizes, default=0)
