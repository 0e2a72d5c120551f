"""Plan how many leomocks a day of CI jobs needs.

`python -m bench.plan 20` replays a day of 20,000 CI jobs in virtual time and prints how many shards are
enough (processes of `leomock serve --workers`, or leomocks behind a proxy), how much memory they take, and
which bound a larger day meets first.

To find out what a job calls, and when, it runs once against a leomock whose clock is advanced by hand, so
that jobs complete as `--pace` says. `make bench` has measured what a call costs.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeAlias

import orjson

from bench.figures import NAME, Figures
from leomock.leonardo.hosts import Addresses
from leomock.openapi.request_parser import Request
from leomock.operations.dispatch import Dispatcher
from leomock.state.ids import user_id_of
from leomock.state.render_cache import RENDERED
from leomock.state.settings import DEFAULT_JOBS, SettingError, Settings

RESULTS = Path(__file__).with_name("results")
DAY = 24 * 3600
# The share of a day's jobs that begin in each hour: two teams' working days, and some at night.
HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 10, 9, 7, 8, 10, 10, 9, 7, 5, 4, 3, 2, 1, 1)
MOST_SHARDS = 256
# Larger days are not replayed to find the bound that is met first.
MOST_JOBS = 200_000
# A shard that is busier than this has no room for a minute above the average of its hour.
MOST_BUSY = 0.7
LONGEST_WAIT = 1.0
# Polls of one generation; a job whose generation never completes is a mistake in the pace.
MOST_POLLS = 10_000
DEFAULTS = Settings()

# What to do about a bound if more shards do not help.
HINTS = {
    "CPU": "share the calls of the busiest API key out to several keys",
    "waiting": "share the calls of the busiest API key out to several keys",
    "memory": "allow more (--memory), or keep fewer API keys (--max-worlds)",
    "keys": "keep more API keys (--max-worlds)",
}


class PlanError(Exception):
    """The plan cannot be made; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a kind of CI job does: generations one after the other, each with `pictures` pictures.

    It reads a generation every `poll` seconds until it is complete; 0 stands for a webhook and one read.
    `share` is its part of all jobs. `think` is the time between two generations, in seconds.
    """

    name: str
    share: int
    generations: int
    poll: float
    pictures: int
    think: float


PATTERNS = (
    Pattern("steady", share=50, generations=20, poll=1, pictures=1, think=2),
    Pattern("hasty", share=20, generations=10, poll=0.2, pictures=0, think=0.5),
    Pattern("patient", share=20, generations=40, poll=5, pictures=4, think=5),
    Pattern("webhook", share=10, generations=30, poll=0, pictures=1, think=2),
)


class Call(NamedTuple):
    """A call of a job: its moment in seconds from the job's beginning, and `create`, `read` or `picture`."""

    moment: float
    kind: str


class Replay:
    """One run of a job against a leomock in this process, whose clock is moved by hand."""

    def __init__(self, pace: str) -> None:
        self._api = Dispatcher(Settings(jobs=pace))
        self._world = self._api.worlds.of("planned")
        self._began = self._world.clock.now()
        self.calls: list[Call] = []

    def run(self, pattern: Pattern) -> list[Call]:
        """Return the calls of a job."""
        for _ in range(pattern.generations):
            self._generate(pattern)
            self._advance(pattern.think)
        return self.calls

    def _generate(self, pattern: Pattern) -> None:
        body = {"prompt": "a lighthouse", "num_images": max(1, pattern.pictures)}
        id = self._call("create", "POST", "generations", body)["sdGenerationJob"]["generationId"]
        if not pattern.poll:
            self._wait_for_event()
        for _ in range(MOST_POLLS):
            row = self._call("read", "GET", f"generations/{id}")["generations_by_pk"]
            if row["status"] != "PENDING":
                break
            self._advance(pattern.poll or 1)
        else:
            raise PlanError(f"a generation is PENDING after {MOST_POLLS} reads; use another --pace")
        self.calls += [Call(self._now(), "picture")] * pattern.pictures

    def _wait_for_event(self) -> None:
        """Let time pass until the job is complete; a pace that only counts reads completes it at the read."""
        due = self._world.next_due()
        if due is not None:
            self._advance(max(0.0, due - self._world.clock.now()))

    def _now(self) -> float:
        return self._world.clock.now() - self._began

    def _advance(self, seconds: float) -> None:
        self._world.clock.advance(seconds)

    def _call(self, kind: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        self.calls.append(Call(self._now(), kind))
        sent = orjson.dumps(body) if body else b""
        addresses = Addresses.under("http://localhost")
        request = Request(method, path.split("/"), addresses, "", sent, "Bearer planned", [], "", "v1")
        reply = self._api.handle(request)
        if reply.status != 200:
            raise PlanError(f"{method} /{path} was answered {reply.status}: {reply.explain or reply.body}")
        return reply.body


class Job(NamedTuple):
    """A CI job of the day: the second in which it begins, its pattern, and a hash of its API key."""

    begins: int
    pattern: int
    key: int


def draw_day(jobs: int, keys: int, random: Random) -> list[Job]:
    """Draw the CI jobs of a day. Every one of `keys` API keys is used by about the same number of jobs."""
    hours = random.choices(range(24), HOURS, k=jobs)
    patterns = random.choices(range(len(PATTERNS)), [each.share for each in PATTERNS], k=jobs)
    hashes = [int(user_id_of(0, f"job-{number}")[:8], 16) for number in range(keys)]
    return [
        Job(hour * 3600 + random.randrange(3600), pattern, hashes[number % keys])
        for number, (hour, pattern) in enumerate(zip(hours, patterns, strict=True))
    ]


class Bound(NamedTuple):
    """A limit of a shard, and how much of it the day uses: 1 means all."""

    name: str
    used: float
    detail: str


class Shards(NamedTuple):
    """What a number of shards has to do on the day, by the one that has most of it."""

    number: int
    busy: float  # share of a core in the busiest minute
    wait: float  # seconds until a call is begun, at most
    bytes: float
    keys: int  # at the same time

    def bounds(self, memory: float, max_worlds: int) -> list[Bound]:
        """Return the bounds, the one that is met first at the beginning."""
        found = [
            Bound("CPU", self.busy / MOST_BUSY, f"{self.busy:.0%} of a core in the busiest minute"),
            Bound("waiting", self.wait / LONGEST_WAIT, f"calls wait for {self.wait:.1f} s"),
            Bound("memory", self.bytes / memory, f"{self.bytes / 2**20:,.0f} MB"),
            Bound(
                "keys", self.keys / max_worlds, f"{self.keys:,} API keys at once, --max-worlds {max_worlds}"
            ),
        ]
        return sorted(found, key=lambda bound: bound.used, reverse=True)


class Day:
    """A day of CI jobs, and what it costs with any number of shards."""

    def __init__(
        self, jobs: Sequence[Job], traces: Sequence[Sequence[Call]], figures: Figures, max_worlds: int
    ) -> None:
        self._jobs = jobs
        self._figures = figures
        self._max_worlds = max_worlds
        self._traces = traces
        cost = {"create": figures.create_cpu, "read": figures.read_cpu, "picture": figures.picture_cpu}
        self._work = [_by_second((call.moment, cost[call.kind]) for call in trace) for trace in traces]
        self._counts = [Counter(call.kind for call in trace) for trace in traces]
        self._length = max(math.ceil(trace[-1].moment) for trace in traces) + 1

    @property
    def jobs(self) -> int:
        """The number of CI jobs of the day."""
        return len(self._jobs)

    @property
    def calls(self) -> int:
        """The number of calls of the day."""
        return sum(len(self._traces[job.pattern]) for job in self._jobs)

    def with_shards(self, count: int) -> Shards:
        """Share the day's jobs out by API key."""
        parts: list[list[Job]] = [[] for _ in range(count)]
        for job in self._jobs:
            parts[job.key % count].append(job)
        loads = [self._load(part) for part in parts]
        return Shards(count, *(max(column) for column in zip(*loads, strict=True)))

    def _load(self, jobs: Sequence[Job]) -> tuple[float, float, float, int]:
        if not jobs:
            return 0.0, 0.0, self._figures.base_bytes, 0
        seconds = [0.0] * (DAY + self._length)
        for job in jobs:
            for second, work in self._work[job.pattern]:
                seconds[job.begins + second] += work
        busy = max(sum(seconds[at : at + 60]) for at in range(0, len(seconds), 60)) / 60
        left = wait = 0.0
        for work in seconds:
            left = max(0.0, left + work - 1)
            wait = max(wait, left)
        return busy, wait, self._bytes(jobs), self._keys_at_once(jobs)

    def _bytes(self, jobs: Sequence[Job]) -> float:
        """The memory after the day, when the newest `max_worlds` API keys are kept."""
        newest: dict[int, Counter[str]] = {}
        for job in sorted(jobs, key=lambda job: job.begins):
            counts = newest.pop(job.key, Counter()) + self._counts[job.pattern]
            newest[job.key] = counts
            if len(newest) > self._max_worlds:
                del newest[next(iter(newest))]
        figures = self._figures
        journalled = sum(min(DEFAULTS.journal, counts.total()) for counts in newest.values())
        created = sum(counts["create"] for counts in newest.values())
        pictures = sum(self._counts[job.pattern]["picture"] for job in jobs)
        return (
            figures.base_bytes
            + len(newest) * figures.key_bytes
            + created * figures.generation_bytes
            + min(DEFAULTS.journals_bytes, journalled * figures.exchange_bytes)
            + min(RENDERED.limit, pictures * figures.picture_bytes)
        )

    def _keys_at_once(self, jobs: Sequence[Job]) -> int:
        changes: list[tuple[float, int, int]] = []
        for job in jobs:
            changes += [
                (job.begins, 1, job.key),
                (job.begins + self._traces[job.pattern][-1].moment, -1, job.key),
            ]
        running: Counter[int] = Counter()
        most = 0
        for _, change, key in sorted(changes, key=lambda each: each[:2]):
            running[key] += change
            if not running[key]:
                del running[key]
            most = max(most, len(running))
        return most


MakeDay: TypeAlias = Callable[[int], Day]


def _by_second(work: Iterable[tuple[float, float]]) -> list[tuple[int, float]]:
    seconds: dict[int, float] = {}
    for moment, cost in work:
        seconds[int(moment)] = seconds.get(int(moment), 0.0) + cost
    return list(seconds.items())


def read_figures(path: Path) -> tuple[Figures, str]:
    """Return the figures in a file of `make bench`, and when they were measured. Raises PlanError."""
    try:
        document = json.loads(path.read_text("utf-8"))
        return Figures(**document["samples"][NAME]), document["at"]
    except OSError as error:
        raise PlanError(
            f"{path}: {error.strerror}; run `make bench` or `python -m bench figures` first"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise PlanError(
            f"{path} has no {NAME}; run `make bench` or `python -m bench figures` again"
        ) from None


def newest_results() -> Path:
    """Return the newest file that has the figures."""
    found = [RESULTS / name for name in ("latest.json", "figures.json") if (RESULTS / name).is_file()]
    return max(found, key=lambda path: path.stat().st_mtime, default=RESULTS / "latest.json")


def plan(day: Day, memory: float, max_worlds: int) -> list[Shards]:
    """Return what some numbers of shards have to do; the last is the smallest that is enough.

    Raises PlanError if `MOST_SHARDS` are not enough.
    """
    tried: dict[int, Shards] = {}

    def is_enough(number: int) -> bool:
        tried[number] = day.with_shards(number)
        return tried[number].bounds(memory, max_worlds)[0].used <= 1

    most = 1
    while not is_enough(most):
        if most >= MOST_SHARDS:
            bound = tried[most].bounds(memory, max_worlds)[0]
            text = f"{most} shards are not enough: {bound.name}, {bound.detail}; {HINTS[bound.name]}"
            raise PlanError(text)
        most *= 2
    too_few = most // 2
    while most - too_few > 1:
        middle = (most + too_few) // 2
        if is_enough(middle):
            most = middle
        else:
            too_few = middle
    return [tried[number] for number in sorted(tried) if number <= most]


def first_exceeded(make_day: MakeDay, jobs: int, shards: int, memory: float, max_worlds: int) -> str:
    """Return a sentence about the bound that a larger day meets first with the same shards."""
    factor = 2
    while jobs * factor <= MOST_JOBS:
        bound = make_day(jobs * factor).with_shards(shards).bounds(memory, max_worlds)[0]
        if bound.used > 1:
            return f"The first bound that a larger day meets: {bound.name}, with {factor} times the jobs."
        factor *= 2
    return f"A larger day, up to {MOST_JOBS:,} jobs, meets no bound."


def report(day: Day, tried: Sequence[Shards], memory: float, max_worlds: int) -> str:
    """Return the plan as text."""
    rows = [("shards", "busiest minute", "longest wait", "memory each", "keys at once", "nearest bound")]
    for shards in tried:
        first = shards.bounds(memory, max_worlds)[0]
        rows.append(
            (
                str(shards.number),
                f"{shards.busy:.0%}",
                f"{shards.wait:.1f} s",
                f"{shards.bytes / 2**20:,.0f} MB",
                f"{shards.keys:,}",
                f"{first.name} ({first.used:.0%} used)",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    enough = tried[-1]
    plural = "shard is" if enough.number == 1 else "shards are"
    return "\n".join(
        [
            f"{day.calls:,} calls in {day.jobs:,} CI jobs, {day.calls / DAY:,.1f} a second on average",
            "",
            *lines,
            "",
            f"{enough.number} {plural} enough, with {enough.number * enough.bytes / 2**20:,.0f} MB together.",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.plan", description=__doc__)
    parser.add_argument("thousands", type=float, help="thousands of CI jobs a day")
    parser.add_argument("--keys", type=int, help="API keys that the jobs share; one for each job by default")
    parser.add_argument(
        "--pace", default=DEFAULT_JOBS, help="as of `leomock serve --jobs`; default %(default)s"
    )
    parser.add_argument("--memory", type=float, default=1024, help="MB that a shard may use; default 1024")
    parser.add_argument(
        "--max-worlds",
        type=int,
        default=DEFAULTS.max_worlds,
        help="as of `leomock serve`; default %(default)s",
    )
    parser.add_argument("--seed", type=int, default=0, help="draw another day")
    parser.add_argument("--results", type=Path, help="a file of `make bench`; the newest one by default")
    given = parser.parse_args(arguments)
    jobs = round(given.thousands * 1000)
    if jobs < 1 or (given.keys is not None and given.keys < 1) or given.memory <= 0 or given.max_worlds < 1:
        parser.error("use numbers above zero")
    try:
        figures, moment = read_figures(given.results or newest_results())
        traces = [Replay(given.pace).run(pattern) for pattern in PATTERNS]
        memory = given.memory * 2**20

        def make_day(jobs: int) -> Day:
            drawn = draw_day(jobs, given.keys or jobs, Random(given.seed))
            return Day(drawn, traces, figures, given.max_worlds)

        day = make_day(jobs)
        tried = plan(day, memory, given.max_worlds)
        exceeded = first_exceeded(make_day, jobs, tried[-1].number, memory, given.max_worlds)
    except (PlanError, SettingError) as error:
        print(f"bench.plan: {error}", file=sys.stderr)
        return 2
    print(f"measured {moment}: {figures.described()}")
    print(report(day, tried, memory, given.max_worlds))
    print(exceeded)
    return 0


if __name__ == "__main__":
    sys.exit(main())
