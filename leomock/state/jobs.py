"""Work that takes time: from PENDING to its end, settled when somebody looks."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from leomock.settings import JobPace
from leomock.state.clock import Clock
from leomock.state.scenario import Outcome
from leomock.state.table import Row

COMPLETE = Outcome()


@dataclass(slots=True)
class Job:
    """A row that is PENDING, how it will end, and what it waits for: a moment, reads, or a word."""

    row: Row
    outcome: Outcome
    due: float | None = None
    reads_left: int | None = None


class Jobs:
    """The jobs of a world.

    A job is due at a moment (`seconds:S`), after a number of reads (`polls:N`), at once (`immediate`), or
    when a test says so (`manual`); an outcome that takes time is always due at a moment. `ended` is told each
    row with the moment at which its job ended. With `slots`, only so many jobs run at a time and the others
    wait for a slot.
    """

    def __init__(
        self, pace: JobPace, clock: Clock, ended: Callable[[Row, float], None], slots: int | None = None
    ) -> None:
        self._pace = pace
        self._clock = clock
        self._ended = ended
        self._slots = slots
        self._slots_free: list[float] = []  # a heap: when each slot that was taken is free again
        self._started = 0
        self._due: list[tuple[float, int, str]] = []  # a heap: moment, order of starting, id
        self._jobs: dict[str, Job] = {}
        self._arranged: tuple[Outcome, float | None] = (COMPLETE, None)

    def __len__(self) -> int:
        return len(self._jobs)

    @contextmanager
    def arranged(self, outcome: Outcome | None, seconds: float | None) -> Iterator[None]:
        """Jobs that start meanwhile end in this way, and take so many seconds instead of their pace."""
        self._arranged = (outcome or COMPLETE, seconds)
        try:
            yield
        finally:
            self._arranged = (COMPLETE, None)

    def start(self, row: Row) -> None:
        """Begin work on a row."""
        row["status"] = "PENDING"
        outcome, seconds = self._arranged
        job = self._jobs[row["id"]] = Job(row, outcome)
        if seconds is None and self._pace.kind == "seconds":
            seconds = self._pace.amount
        if seconds is not None:
            self._schedule(job, seconds)
        elif self._pace.kind == "immediate":
            self.finish(row["id"])
        elif self._pace.kind == "polls":
            job.reads_left = int(self._pace.amount)

    def next_due(self) -> float | None:
        """The moment at which the next job ends by itself, or None."""
        while self._due and self._due[0][2] not in self._jobs:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def settle(self) -> list[str]:
        """Let everything happen that is due by now, in the order it falls due; returns the ids."""
        settled: list[str] = []
        if self._due:
            now = self._clock.now()
            while self._due and self._due[0][0] <= now:
                moment, _, id = heapq.heappop(self._due)
                if self._end(id, moment):
                    settled.append(id)
        return settled

    def was_read(self, row: Row) -> None:
        """Count a read of a row, before it is answered: with `polls:N` the first N answers are PENDING."""
        job = self._jobs.get(row["id"])
        if job is None or job.reads_left is None:
            return
        if job.reads_left == 0:
            self.finish(row["id"])
        else:
            job.reads_left -= 1

    def finish(self, id: str) -> bool:
        """End a job now, as it was going to end; False when there is none with this id."""
        return self._end(id, self._clock.now())

    def drop(self, id: str) -> None:
        """Forget a job: its row is gone."""
        self._jobs.pop(id, None)

    def pending(self) -> list[str]:
        """The ids of what is not finished, oldest first."""
        return list(self._jobs)

    def as_json(self) -> list[dict[str, object]]:
        """The jobs as JSON values, oldest first."""
        return [
            {
                "id": id,
                "status": job.outcome.status,
                "images": job.outcome.images,
                "nsfw": job.outcome.nsfw,
                "due": job.due,
                "reads_left": job.reads_left,
            }
            for id, job in self._jobs.items()
        ]

    def resume(self, row: Row, outcome: Outcome, due: float | None, reads_left: int | None) -> None:
        """Go on with a job from a snapshot."""
        self._jobs[row["id"]] = Job(row, outcome, due, reads_left)
        if due is not None:
            self._started += 1
            heapq.heappush(self._due, (due, self._started, row["id"]))

    def _schedule(self, job: Job, seconds: float) -> None:
        begin = self._clock.now()
        if self._slots is not None:
            if len(self._slots_free) >= self._slots:
                begin = max(begin, heapq.heappop(self._slots_free))
            heapq.heappush(self._slots_free, begin + seconds)
        self._started += 1
        job.due = begin + seconds
        heapq.heappush(self._due, (job.due, self._started, job.row["id"]))

    def _end(self, id: str, moment: float) -> bool:
        job = self._jobs.pop(id, None)
        if job is None:
            return False
        job.row["status"] = job.outcome.status
        if job.outcome.images is not None:
            job.row["images"] = min(job.outcome.images, job.row["num_images"])
        if job.outcome.nsfw:
            job.row["nsfw"] = job.outcome.nsfw
        self._ended(job.row, moment)
        return True
