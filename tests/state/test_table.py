"""Rows by id, newest first."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from leomock.state.table import Table, new_row


def test_table_pages_from_the_newest() -> None:
    """Offset and limit count from the end."""
    table = Table()
    for n in range(5):
        table.add({"id": str(n)})
    assert [row["id"] for row in table.page(0, 2)] == ["4", "3"]
    assert [row["id"] for row in table.page(3, 10)] == ["1", "0"]
    assert table.page(5, 1) == table.page(0, 0) == []


def test_table_remove_closes_the_gap() -> None:
    """A removed row is nowhere, and can be added anew."""
    table = Table()
    rows = [table.add({"id": str(n)}) for n in range(3)]
    assert table.remove("1") is rows[1]
    assert table.remove("1") is None
    assert table.get("1") is None
    assert [row["id"] for row in table.page(0, 9)] == ["2", "0"]
    table.add({"id": "1"})
    assert [row["id"] for row in table.page(0, 9)] == ["1", "2", "0"]
    assert len(table) == 3


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9))), st.integers(0, 12), st.integers(0, 12))
def test_table_is_a_list_with_ids(steps: list[tuple[bool, int]], offset: int, limit: int) -> None:
    """Whatever is added and removed, it behaves as a plain list would."""
    table, plain = Table(), []
    for add, number in steps:
        id = str(number)
        if add and id not in plain:
            table.add({"id": id})
            plain.append(id)
        elif not add:
            assert (table.remove(id) is not None) == (id in plain)
            plain = [other for other in plain if other != id]
    assert [row["id"] for row in table.page(offset, limit)] == plain[::-1][offset : offset + limit]
    assert len(table) == len(plain)
    found = {id: table.get(id) for id in map(str, range(10))}
    assert {id: row["id"] for id, row in found.items() if row} == {id: id for id in plain}


def test_row_is_a_small_dict_of_its_own() -> None:
    """It takes half as much as a plain dict, and a change of one row changes no other of its kind."""
    fields = {f"field{number}": number for number in range(20)}
    first, second, *_, last = (new_row("tests", fields) for _ in range(20))
    assert 2 * sys.getsizeof(last) <= sys.getsizeof(dict(fields))
    first["more"] = 1
    second["field0"] = 2
    assert (first, second, last) == ({**fields, "more": 1}, {**fields, "field0": 2}, fields)
    assert list(first) == [*fields, "more"]
