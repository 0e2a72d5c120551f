"""Rows by id, newest first."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
Id = str | int  # those of elements are numbers


class Table:
    """Keeps rows (dicts in the API's own field names, each with its `id`) in the order they came.

    Adding and reading cost the row, a page costs the page, and removing shifts what came later.
    """

    __slots__ = ("_added", "_by_id", "_numbers", "_rows")

    def __init__(self) -> None:
        self._by_id: dict[Id, tuple[int, Row]] = {}
        self._rows: list[Row] = []
        self._numbers = array("Q")  # the number of each of _rows, ascending
        self._added = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        """The rows, oldest first."""
        return iter(self._rows)

    def add(self, row: Row) -> Row:
        """Keep a new row."""
        self._by_id[row["id"]] = (self._added, row)
        self._rows.append(row)
        self._numbers.append(self._added)
        self._added += 1
        return row

    def get(self, id: Id) -> Row | None:
        """The row with this id, or None."""
        found = self._by_id.get(id)
        return None if found is None else found[1]

    def remove(self, id: Id) -> Row | None:
        """Take the row with this id out and return it, or None."""
        found = self._by_id.pop(id, None)
        if found is None:
            return None
        place = bisect_left(self._numbers, found[0])
        del self._numbers[place]
        return self._rows.pop(place)

    def page(self, offset: int, limit: int) -> list[Row]:
        """At most `limit` rows, newest first, after skipping `offset`."""
        stop = len(self._rows) - offset
        return self._rows[max(0, stop - limit) : max(0, stop)][::-1]
