"""Rows by id, newest first."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

Row = dict[str, Any]
Id = str | int  # the ids of elements are numbers

# A class for each kind of row: CPython keeps the names of attributes once for all instances of a class.
_KINDS: defaultdict[str, type] = defaultdict(lambda: type("Kind", (), {}))


def new_row(kind: str, fields: Mapping[str, Any]) -> Row:
    """Return a dict of fields that keeps their names together with other rows, for half the memory."""
    row: Row = vars(_KINDS[kind]())
    for name, value in fields.items():  # `update` would give the row names of its own
        row[name] = value
    return row


class Table:
    """Rows (dicts with the API's field names, each with an `id`) in the order of insertion.

    Adding and reading take constant time, a page takes time proportional to its length, and removing shifts
    the later rows; reading one of those takes a search from then on.
    """

    __slots__ = ("_added", "_number_of", "_numbers", "_rows")

    def __init__(self) -> None:
        self._number_of: dict[Id, int] = {}
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
        self._number_of[row["id"]] = self._added
        self._rows.append(row)
        self._numbers.append(self._added)
        self._added += 1
        return row

    def get(self, id: Id) -> Row | None:
        """Return the row with this id, or None."""
        number = self._number_of.get(id)
        return None if number is None else self._rows[self._place(number)]

    def remove(self, id: Id) -> Row | None:
        """Remove the row with this id and return it, or None."""
        number = self._number_of.pop(id, None)
        if number is None:
            return None
        place = self._place(number)
        del self._numbers[place]
        return self._rows.pop(place)

    def page(self, offset: int, limit: int) -> list[Row]:
        """Return at most `limit` rows, newest first, after skipping `offset`."""
        stop = len(self._rows) - offset
        return self._rows[max(0, stop - limit) : max(0, stop)][::-1]

    def _place(self, number: int) -> int:
        """Return the index in _rows for an insertion number: equal to it if no earlier row was removed."""
        numbers = self._numbers
        if number < len(numbers) and numbers[number] == number:
            return number
        return bisect_left(numbers, number)
