"""Work that takes time: from PENDING to its end, settled when somebody looks."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from leomock.settings import JobPace
from leomock.state.clock import Clock
from leomock.state.table import Row


class Jobs:
    """The rows of a world that are PENDING, and when each will be COMPLETE.

    A job is due at a moment (`seconds:S`), after a number of reads (`polls:N`), at once (`immediate`), or
    when a test says so (`manual`).
    """

    def __init__(self, pace: JobPace, clock: Clock, settled: Callable[[Row], None] | None = None) -> None:
        self._pace = pace
        self._clock = clock
        self._settled = settled
        self._started = 0
        self._due: list[tuple[float, int, str]] = []  # a heap: moment, order of starting, id
        self._pending: dict[str, Row] = {}
        self._reads_left: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def start(self, row: Row) -> None:
        """Begin work on a row."""
        row["status"] = "PENDING"
        id = row["id"]
        self._pending[id] = row
        if self._pace.kind == "immediate":
            self.finish(id)
        elif self._pace.kind == "polls":
            self._reads_left[id] = int(self._pace.amount)
        elif self._pace.kind == "seconds":
            self._started += 1
            heapq.heappush(self._due, (self._clock.now() + self._pace.amount, self._started, id))

    def settle(self) -> None:
        """Let everything happen that is due by now, in the order it falls due."""
        if self._due:
            now = self._clock.now()
            while self._due and self._due[0][0] <= now:
                self.finish(heapq.heappop(self._due)[2])

    def was_read(self, row: Row) -> None:
        """Count a read of a row, before it is answered: with `polls:N` the first N answers are PENDING."""
        left = self._reads_left.get(row["id"])
        if left == 0:
            self.finish(row["id"])
        elif left is not None:
            self._reads_left[row["id"]] = left - 1

    def finish(self, id: str, status: str = "COMPLETE") -> bool:
        """End a job now; False when there is none with this id."""
        row = self._pending.pop(id, None)
        self._reads_left.pop(id, None)
        if row is None:
            return False
        row["status"] = status
        if self._settled:
            self._settled(row)
        return True

    def drop(self, id: str) -> None:
        """Forget a job: its row is gone."""
        self._pending.pop(id, None)
        self._reads_left.pop(id, None)

    def pending(self) -> list[str]:
        """The ids of what is not finished, oldest first."""
        return list(self._pending)
