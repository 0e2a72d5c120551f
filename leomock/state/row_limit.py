"""Limit the number of rows that all keys together may keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from leomock.leonardo.errors import TOO_MANY_ROWS

if TYPE_CHECKING:
    from leomock.state.world import World

# The most rows that one call adds.
ROWS_PER_CALL = 2


class RowLimit:
    """The `most` rows (generations, uploads and all others) that several worlds may keep together.

    Counting is slow with many keys, so the rows are counted again only after as many calls as there was room
    for. Until then, rows restored from snapshots may exceed the limit.
    """

    def __init__(self, most: int, worlds: Iterable[World]) -> None:
        self._most = most
        self._worlds = worlds
        self._room = 0

    def check(self, operation: str) -> None:
        """Note that a call is going to add rows. Raises ApiError if there is no room."""
        if self._room <= 0:
            self._room = self._most - sum(
                len(table) for world in self._worlds for table in world.tables().values()
            )
            if self._room <= 0:
                raise TOO_MANY_ROWS(
                    limit=self._most,
                    explain=f"{operation}: {self._most} rows are kept for all API keys (leomock serve "
                    "--max-rows changes the limit); delete some, or reset a key",
                )
        self._room -= ROWS_PER_CALL
