"""Jobs: work that takes time, from PENDING to its end, settled when a client reads it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from leomock.leonardo.basis import Chosen, based_on
from leomock.state.clock import Clock, duration, timestamp
from leomock.state.limits import IMAGES, Queue
from leomock.state.scenario import Outcome
from leomock.state.settings import JobCompletion
from leomock.state.table import Row

COMPLETE = Outcome()


@dataclass(slots=True)
class Job:
    """A PENDING row, its outcome, and what it waits for: a time (`due`), reads (`reads_left`), or `finish`.

    `price` is in credits. Work begins at `begins`, when a slot is free. `rules` are the names of the scenario
    rules that decided the outcome.
    """

    row: Row
    outcome: Outcome
    queue: Queue = IMAGES
    price: int = 0
    begins: float = 0.0
    due: float | None = None
    reads_left: int | None = None
    rules: str = ""


@based_on(
    Chosen("how long a job takes is a setting: it is only documented that real jobs take a few seconds")
)
class Jobs:
    """The jobs of a world.

    A job is due at a moment (`seconds:S`), after a number of reads (`polls:N`), at once (`immediate`), or
    when a test calls `finish` (`manual`); an outcome with a duration is always due at a moment. `ended` is
    called with each job and the moment of its end. If they are `limited`, a queue runs only as many jobs at a
    time as it has slots, and the others wait.
    """

    def __init__(
        self, pace: JobCompletion, clock: Clock, ended: Callable[[Job, float], None], limited: bool = False
    ) -> None:
        self._pace = pace
        self._clock = clock
        self._ended = ended
        self._limited = limited
        self._slots_free: dict[
            Queue, list[float]
        ] = {}  # heaps: the times at which the slots in use become free
        self._started = 0
        self._due: list[tuple[float, int, str]] = []  # a heap: moment, order of starting, id
        self._jobs: dict[str, Job] = {}
        self._override: tuple[Outcome, float | None, str] = (COMPLETE, None, "")
        # Names of the scenarios that the current call asks for; they also apply to its job's event.
        self.requested = ""

    def __len__(self) -> int:
        return len(self._jobs)

    @contextmanager
    def override_outcome(
        self, outcome: Outcome | None, seconds: float | None, rules: str = ""
    ) -> Iterator[None]:
        """Give jobs that start inside `with` this outcome and duration.

        `rules` names the scenario rules that ask for it.
        """
        self._override = (outcome or COMPLETE, seconds, rules if outcome else "")
        try:
            yield
        finally:
            self._override = (COMPLETE, None, "")

    def start(self, row: Row, queue: Queue = IMAGES, price: int = 0, slow: float = 1) -> None:
        """Begin work on a row; `slow` is the duration as a multiple of an image's."""
        row["status"] = "PENDING"
        outcome, seconds, rules = self._override
        id = str(row["id"])
        if self.requested:
            row["scenarios"] = self.requested
        job = self._jobs[id] = Job(row, outcome, queue, price, rules=rules)
        if seconds is None and self._pace.kind == "seconds":
            seconds = self._pace.amount * slow
        if seconds is not None:
            self._schedule(job, seconds)
        elif self._pace.kind == "immediate":
            self.finish(id)
        elif self._pace.kind in ("polls", "first"):
            job.reads_left = int(self._pace.amount)
            if self._pace.kind == "first":
                self._schedule(job, self._pace.seconds * slow)

    def waiting(self, queue: Queue) -> int:
        """Return the number of unfinished jobs of a queue."""
        return sum(job.queue is queue for job in self._jobs.values())

    def unfinished_of(self, model: str) -> int:
        """Return the number of unfinished jobs of a version 2 model."""
        return sum(job.row.get("model") == model for job in self._jobs.values())

    def is_queued(self, row: Row) -> bool:
        """Return whether the job of a row waits for a slot."""
        job = self._jobs.get(str(row["id"]))
        return job is not None and job.begins > self._clock.now()

    def next_due(self) -> float | None:
        """Return the time at which the next job ends by itself, or None."""
        while self._due and self._due[0][2] not in self._jobs:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def settle(self) -> list[Row]:
        """End the jobs that are due, in the order of their due times, and return their rows."""
        settled: list[Row] = []
        if self._due:
            now = self._clock.now()
            while self._due and self._due[0][0] <= now:
                moment, _, id = heapq.heappop(self._due)
                if row := self._end(id, moment):
                    settled.append(row)
        return settled

    def was_read(self, row: Row) -> bool:
        """Count a read of a row and return whether the row is still PENDING.

        With `polls:N` the first N answers are PENDING.
        """
        job = self._jobs.get(str(row["id"]))
        if job is None:
            return False
        if job.reads_left is None or job.begins > self._clock.now():
            return True
        if job.reads_left == 0:
            self.finish(str(row["id"]))
            return False
        job.reads_left -= 1
        return True

    def waits_for(self, row: Row) -> str:
        """Say what ends the pending job of a row, such as "done in 2 s"; empty if it has none."""
        job = self._jobs.get(str(row["id"]))
        if job is None:
            return ""
        reads = self._reads_of(job)
        if job.due is not None:
            now = self._clock.now()
            place = "waits for a free slot, " if job.begins > now else ""
            frozen = "" if self._clock.rate else ", once the clock is advanced (it is frozen)"
            after = f"{reads}, or in" if reads else "done in"
            return f"{place}{after} {duration(max(job.due - now, 0.001))}{frozen}"
        return reads or "done when the test calls finish()"

    @staticmethod
    def _reads_of(job: Job) -> str:
        if job.reads_left is None:
            return ""
        if not job.reads_left:
            return "done at the next read"
        return f"done after {job.reads_left} more read{'' if job.reads_left == 1 else 's'}"

    def seconds_left(self, id: str) -> float | None:
        """Seconds of the clock until a job ends or gets its slot.

        0 if it has ended or if the next reads end it, None if only a call of `finish` does.
        """
        job = self._jobs.get(id)
        if job is None:
            return 0.0
        now = self._clock.now()
        if job.reads_left is not None:
            return max(0.0, job.begins - now)
        return None if job.due is None else max(0.0, job.due - now)

    def finish(self, id: str, status: Literal["COMPLETE", "FAILED"] | None = None) -> bool:
        """End a job now, with `status` or its planned outcome; False if no pending job has this id."""
        if status and (job := self._jobs.get(id)):
            job.outcome = job.outcome._replace(status=status)
        return self._end(id, self._clock.now()) is not None

    def drop(self, row: Row) -> None:
        """Forget the job of a removed row."""
        self._jobs.pop(str(row["id"]), None)

    def pending(self) -> list[str]:
        """Return the ids of the unfinished jobs, oldest first."""
        return list(self._jobs)

    def as_json(self) -> list[dict[str, object]]:
        """Return the jobs as JSON values, oldest first."""
        return [
            {
                "id": id,
                "queue": job.queue.name,
                "price": job.price,
                "begins": job.begins,
                "status": job.outcome.status,
                "images": job.outcome.images,
                "nsfw": job.outcome.nsfw,
                "no_url": job.outcome.no_url,
                "due": job.due,
                "reads_left": job.reads_left,
                "rules": job.rules,
            }
            for id, job in self._jobs.items()
        ]

    def resume(self, job: Job) -> None:
        """Restore a job from a snapshot."""
        self._jobs[str(job.row["id"])] = job
        if job.due is not None:
            self._started += 1
            heapq.heappush(self._due, (job.due, self._started, str(job.row["id"])))

    def _schedule(self, job: Job, seconds: float) -> None:
        begin = self._clock.now()
        if self._limited:
            taken = self._slots_free.setdefault(job.queue, [])
            if len(taken) >= job.queue.slots:
                begin = max(begin, heapq.heappop(taken))
            heapq.heappush(taken, begin + seconds)
        self._started += 1
        job.begins, job.due = begin, begin + seconds
        heapq.heappush(self._due, (job.due, self._started, str(job.row["id"])))

    def _end(self, id: str, moment: float) -> Row | None:
        job = self._jobs.pop(id, None)
        if job is None:
            return None
        if self._limited and job.due is not None and moment < job.due:
            # A read ended it early: its slot is free from now on.
            taken = self._slots_free.get(job.queue, [])
            if job.due in taken:
                taken[taken.index(job.due)] = moment
                heapq.heapify(taken)
        job.row["status"] = job.outcome.status
        if job.rules and job.outcome.status == "FAILED":
            job.row["failed_by"] = job.rules
        if "updatedAt" in job.row:
            job.row["updatedAt"] = timestamp(moment)
        if job.outcome.images is not None and "num_images" in job.row:
            job.row["images"] = min(job.outcome.images, job.row["num_images"])
        if job.outcome.nsfw:
            job.row["nsfw"] = job.outcome.nsfw
        if job.outcome.no_url:
            job.row["no_url"] = job.outcome.no_url
        self._ended(job, moment)
        return job.row
