"""Rows by id, newest first."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
Id = str | int  # the ids of elements are numbers


class Table:
    """Rows (dicts with the API's field names, each with an `id`) in the order of insertion.

    Adding and reading take constant time, a page takes time proportional to its length, and removing shifts
    the later rows.
    """

    __slots__ = ("_added", "_by_id", "_numbers", "_rows")

    def __init__(self) -> None:
        self._by_id: dict[Id, tuple[int, Row]] = {}
        self._rows: list[Row] = []
        self._numbers = array("Q")  # the insertion number of each of _rows, ascending
        self._added = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the rows, oldest first."""
        return iter(self._rows)

    def add(self, row: Row) -> Row:
        """Add a row and return it."""
        self._by_id[row["id"]] = (self._added, row)
        self._rows.append(row)
        self._numbers.append(self._added)
        self._added += 1
        return row

    def get(self, id: Id) -> Row | None:
        """Return the row with this id, or None."""
        found = self._by_id.get(id)
        return None if found is None else found[1]

    def remove(self, id: Id) -> Row | None:
        """Remove the row with this id and return it, or None."""
        found = self._by_id.pop(id, None)
        if found is None:
            return None
        place = bisect_left(self._numbers, found[0])
        del self._numbers[place]
        return self._rows.pop(place)

    def page(self, offset: int, limit: int) -> list[Row]:
        """Return at most `limit` rows, newest first, after skipping `offset`."""
        stop = len(self._rows) - offset
        return self._rows[max(0, stop - limit) : max(0, stop)][::-1]
