"""What `make bench` measures, as ratios to a bare uvicorn app in the same run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench import figures
from bench.load import load
from bench.plugin import PLUGINS, Costs, costs
from bench.servers import (
    BARE,
    JOURNAL,
    LADEN,
    LEOMOCK,
    PLAIN,
    PROMPT,
    QUIET,
    Server,
    fifty_rules,
    first_answer,
    running,
)
from leomock.server.workers.ownership import Ownership

RESULTS = Path(__file__).with_name("results") / "latest.json"
SATURATED = 0.9
# A server that got less of a core than this was held up by other programs or by the load generator.
BUSY = 0.85
FEWEST_ROUNDS = 3
# What the pytest plugin may cost, in milliseconds.
BUDGETS = {
    "start": ("added to pytest's start (CPU)", 15),
    "first": ("first fixture (CPU)", 150),
    "further": ("further fixture", 1),
    "stop": ("stop of the fixture", 10),
}
EXTRA_ROUNDS = 2


class Plan(NamedTuple):
    """How often and how long."""

    rounds: int
    seconds: float
    starts: int
    rows: int
    few_rows: int = 100
    warm_up: int = 2_000


FULL = Plan(rounds=6, seconds=1.5, starts=9, rows=100_000)
QUICK = Plan(rounds=3, seconds=0.4, starts=3, rows=10_000)


class Line(NamedTuple):
    """One line of the table; a target of None is a number for information."""

    name: str
    value: float | None
    target: float | None = None
    at_least: bool = True
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value reaches the target; None without one."""
        if self.target is None or self.value is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


class Sample(NamedTuple):
    """One round on one server; `cpu` is the server's seconds of CPU per request."""

    rate: float
    cpu: float | None
    server_share: float | None
    generator_share: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run of half a minute; noisier")
    parser.add_argument(
        "part", nargs="?", choices=["plugin", "workers", "figures"], help="only this part; all without"
    )
    given = parser.parse_args()
    plan = QUICK if given.quick else FULL
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bench = Bench(plan)
    try:
        getattr(bench, given.part or "run")()
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except Exception as error:
        print(f"\nbench: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(table(bench.lines))
    bench.save(RESULTS.with_name(f"{given.part}.json") if given.part else RESULTS)
    return 0


class Bench:
    """One run of everything."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lines: list[Line] = []
        self.samples: dict[str, Any] = {}
        self._generator: list[float] = []
        self._began = time.perf_counter()

    def run(self) -> None:
        """Measure everything, one thing after the other."""
        self.starts()
        self.plugin()
        with ExitStack() as stack:
            bare, few, many = (stack.enter_context(running(c)) for c in (BARE, QUIET, QUIET))
            logged = stack.enter_context(running(LEOMOCK, show_errors=False))
            fill(few, self.plan.few_rows)
            id, user = known(few)
            page = f"/generations/user/{user}?offset=0&limit=10"
            self.against_bare("read", bare, few, "GET", f"/generations/{id}", target=0.75, most_cpu=1.3)
            self.against_bare("list of 10", bare, few, "GET", page, target=0.5, most_cpu=1.9)
            self.memory(many)
            self.pages(few, many, user)
            # Creates come last, since every one makes the heap of its server larger.
            with running(QUIET) as fresh:
                self.against_bare(
                    "create", bare, fresh, "POST", "/generations", PROMPT, target=0.55, most_cpu=1.8
                )
            self.against_bare("create, log line on", bare, logged, "POST", "/generations", PROMPT)
        self.rules_and_journal()
        self.workers()
        self.figures()
        self.progress("")
        highest = max(self._generator)
        note = "no bottleneck" if highest < SATURATED else "SATURATED: trust the ratios of CPU a request"
        self.lines.append(Line("load generator, highest CPU share", highest, detail=note))
        self.lines.append(machine())

    def starts(self) -> None:
        """Time from launch to the first answer; the first launches only warm the disk."""
        first_answer(BARE), first_answer(QUIET)
        times: list[tuple[float, float]] = []
        for n in range(self.plan.starts):
            self.progress(f"first answer after launch, {n + 1}/{self.plan.starts}")
            times.append((first_answer(BARE), first_answer(QUIET)))
        bare, ours = (median(column) for column in zip(*times, strict=True))
        ratio = median(ours / bare for bare, ours in times)
        detail = f"{ours * 1000:.0f} ms of {bare * 1000:.0f} ms"
        self.samples["first answer after launch"] = times
        self.lines.append(Line("first answer after launch", ratio, 2.5, at_least=False, detail=detail))

    def plugin(self) -> None:
        """Measure what the pytest plugin costs, compared with others; the first round only warms the disk."""
        costs()
        rounds: list[dict[str, Costs]] = []
        for n in range(self.plan.starts):
            self.progress(f"pytest plugins, {n + 1}/{self.plan.starts}")
            rounds.append(costs())
        self.samples["pytest plugins"] = rounds
        for field, (name, budget) in BUDGETS.items():
            for plugin in PLUGINS:
                every = [getattr(measured[plugin], field) for measured in rounds]
                target = budget if plugin == "leomock" else None
                detail = f"{len(every)} rounds, {min(every):.2f} to {max(every):.2f}"
                line = Line(f"{name}, {plugin}, ms", median(every), target, at_least=False, detail=detail)
                self.lines.append(line)

    def against_bare(
        self,
        name: str,
        bare: Server,
        ours: Server,
        method: str,
        path: str,
        body: bytes = b"",
        target: float | None = None,
        most_cpu: float | None = None,
    ) -> None:
        """The rate of a request on leomock over the rate of the same bytes on the bare app."""
        pairs = self.rounds(
            name,
            lambda: self.sample(bare, bare.request(method, path, body)),
            lambda: self.sample(ours, ours.request(method, path, body)),
        )
        bares, ourselves, note = trusted(*pairs)
        rates = [our.rate / its.rate for its, our in zip(bares, ourselves, strict=True)]
        detail = f"{middle(ourselves, 'rate'):,.0f}/s of {middle(bares, 'rate'):,.0f}/s"
        detail += f"; {note}; {min(rates):.2f} to {max(rates):.2f}"
        self.lines.append(Line(f"{name}, requests/s", median(rates), target, detail=detail))
        self.lines.append(by_cpu(f"{name}, CPU a request", *pairs, most_cpu))

    def memory(self, server: Server) -> None:
        """Growth of the server with every generation that it keeps."""
        rows = self.plan.rows
        name = f"memory per generation, {rows:,} of them"
        self.progress(name)
        fill(server, self.plan.warm_up)
        before = server.resident()
        fill(server, rows)
        after = server.resident()
        if before is None or after is None:
            self.lines.append(Line(f"{name}, KB", None, 1.5, at_least=False, detail="no /proc here"))
            return
        each = (after - before) / rows / 1024
        detail = f"{before / 2**20:.1f} MB to {after / 2**20:.1f} MB"
        self.samples[name] = [before, after]
        self.lines.append(Line(f"{name}, KB", each, 1.5, at_least=False, detail=detail))

    def pages(self, few: Server, many: Server, user: str) -> None:
        """The time of a page of 10 in a long table over its time in a short one."""
        few_rows, rows = self.plan.few_rows, self.plan.rows
        short = few.request("GET", f"/generations/user/{user}?offset=0&limit=10")
        for offset in (0, rows - 10):
            name = f"page at {rows:,} rows to {few_rows}, offset {offset:,}"
            path = f"/generations/user/{user}?offset={offset}&limit=10"
            if len(many.ask("GET", path)["generations"]) != 10:
                raise RuntimeError(f"GET {path} is no page of 10")
            long = many.request("GET", path)
            pairs = self.rounds(name, partial(self.sample, few, short), partial(self.sample, many, long))
            shorts, longs, note = trusted(*pairs)
            ratio = median(s.rate / m.rate for s, m in zip(shorts, longs, strict=True))
            detail = f"{1e6 / middle(longs, 'rate'):.0f} us of {1e6 / middle(shorts, 'rate'):.0f} us"
            detail += f"; {note}"
            self.lines.append(Line(name, ratio, 1.3, at_least=False, detail=detail))

    def rules_and_journal(self) -> None:
        """The rate of creates with 50 rules to look at and a full journal, over the rate without."""
        name = "create, 50 rules and a full journal"
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            file = Path(folder, "fifty.yaml")
            file.write_text(fifty_rules())
            plain, laden = (stack.enter_context(running(c)) for c in (PLAIN, [*LADEN, str(file)]))
            for server in (plain, laden):
                fill(server, JOURNAL)
            pairs = self.rounds(
                name,
                lambda: self.sample(plain, plain.request("POST", "/generations", PROMPT)),
                lambda: self.sample(laden, laden.request("POST", "/generations", PROMPT)),
            )
        without, with_them, note = trusted(*pairs)
        ratio = median(w.rate / o.rate for o, w in zip(without, with_them, strict=True))
        detail = f"{middle(with_them, 'rate'):,.0f}/s of {middle(without, 'rate'):,.0f}/s; {note}"
        self.lines.append(Line(f"{name}, requests/s", ratio, 0.85, detail=detail))
        self.lines.append(by_cpu(f"{name}, CPU a request", *pairs))

    def workers(self) -> None:
        """The rate of creates on two workers over that of one process, with a key for each of them."""
        name = "create, --workers 2 to one process"
        keys = keys_of_workers(2)
        with running(QUIET) as one, running([*QUIET, "--workers", "2"]) as two:
            core = separate(one, two)
            pairs = self.rounds(
                name,
                lambda: self.sample(one, *(creating(one, key) for key in keys), core=core),
                lambda: self.sample(two, *(creating(two, key) for key in keys), core=core),
            )
            detours = self.rounds(
                f"{name}, the first request with another key",
                lambda: self.sample(two, creating(two, keys[0])),
                lambda: self.sample(two, creating(two, keys[0]), opening=creating(two, keys[1])),
            )
        ones, twos = pairs
        ratio = median(t.rate / o.rate for o, t in zip(ones, twos, strict=True))
        detail = f"{middle(twos, 'rate'):,.0f}/s of {middle(ones, 'rate'):,.0f}/s"
        if core is None:
            detail += (
                f"; NOT TO BE TRUSTED: {os.cpu_count()} processors for two workers and the load generator"
            )
        target = None if core is None else 1.7
        self.lines.append(Line(f"{name}, requests/s", ratio, target, detail=detail))
        self.lines.append(by_cpu(f"{name}, CPU a request", *pairs))
        self.lines.append(by_cpu("create, by a detour to its worker, CPU a request", *detours))

    def figures(self) -> None:
        """The figures that `bench.plan` calculates with."""
        self.progress(figures.NAME)
        with running(QUIET) as server:
            found = figures.measure(server, self.plan.rows // 10)
        self.samples[figures.NAME] = found._asdict()
        self.lines.append(Line(figures.NAME, None, detail=found.described()))

    def rounds(
        self, name: str, first: Callable[[], Sample], second: Callable[[], Sample]
    ) -> tuple[list[Sample], list[Sample]]:
        """Alternate between the servers, so that a slow moment affects both; run longer on a busy machine."""
        one: list[Sample] = []
        other: list[Sample] = []
        while len(one) < self.plan.rounds or (
            len(one) < self.plan.rounds + EXTRA_ROUNDS and len(saturated(one, other)) < FEWEST_ROUNDS
        ):
            self.progress(f"{name}, round {len(one) + 1}")
            one.append(first())
            other.append(second())
        self.samples[name] = [one, other]
        return one, other

    def sample(
        self, server: Server, *requests: bytes, core: int | None = None, opening: bytes = b""
    ) -> Sample:
        """Load a server for one round."""
        before = server.cpu()
        outcome = load(server.port, *requests, seconds=self.plan.seconds, core=core, opening=opening)
        after = server.cpu()
        used = None if before is None or after is None else after - before
        self._generator.append(outcome.cpu / outcome.seconds)
        return Sample(
            rate=outcome.requests / outcome.seconds,
            cpu=None if used is None else used / outcome.requests,
            server_share=None if used is None else used / outcome.seconds,
            generator_share=outcome.cpu / outcome.seconds,
        )

    def progress(self, text: str) -> None:
        """Say on stderr what is being measured."""
        if sys.stderr.isatty():
            line = f"{time.perf_counter() - self._began:4.0f} s  {text}" if text else ""
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif text:
            print(f"{time.perf_counter() - self._began:4.0f} s  {text}", file=sys.stderr, flush=True)

    def save(self, path: Path) -> None:
        """Write a file in `results`: the lines of the table, and every round behind them."""
        names = ("leomock", "uvicorn", "starlette", "uvloop", "httptools")
        document = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "seconds": round(time.perf_counter() - self._began, 1),
            "plan": self.plan._asdict(),
            "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
            "versions": {"python": platform.python_version()} | {name: version(name) for name in names},
            "lines": [{**line._asdict(), "met": line.met} for line in self.lines],
            "samples": self.samples,
        }
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n")
        print(f"\n{document['seconds']} s; every round is in {path}")


def saturated(first: list[Sample], second: list[Sample]) -> list[tuple[Sample, Sample]]:
    """Return the rounds in which both servers had a core to themselves; other ratios of rates mean little."""
    pairs = zip(first, second, strict=True)
    return [p for p in pairs if all(s.server_share is None or s.server_share >= BUSY for s in p)]


def trusted(first: list[Sample], second: list[Sample]) -> tuple[list[Sample], list[Sample], str]:
    """Return the rounds that count, and a note on their number."""
    kept = saturated(first, second)
    if len(kept) < FEWEST_ROUNDS:
        return first, second, f"{len(first)} rounds, NOT TO BE TRUSTED: the machine was busy"
    return [one for one, _ in kept], [other for _, other in kept], f"{len(kept)} of {len(first)} rounds"


def by_cpu(name: str, bare: list[Sample], ours: list[Sample], most: float | None = None) -> Line:
    """Return the ratio of CPU time per request, user and system, which other programs hardly affect."""
    pairs = [(b.cpu, o.cpu) for b, o in zip(bare, ours, strict=True) if b.cpu and o.cpu]
    if not pairs:
        return Line(name, None, most, at_least=False, detail="no /proc here")
    shares = [s.server_share or 0.0 for s in (*bare, *ours)]
    detail = f"{middle(ours, 'cpu') * 1e6:.1f} us of {middle(bare, 'cpu') * 1e6:.1f} us"
    detail += f"; servers had {min(shares):.0%} to {max(shares):.0%} of a core"
    return Line(name, median(o / b for b, o in pairs), most, at_least=False, detail=detail)


def machine() -> Line:
    """Return how busy the machine was: the number of runnable processes, averaged over the last minute."""
    name = "load average of the machine, last minute"
    if not hasattr(os, "getloadavg"):
        return Line(name, None, detail="not known on this system")
    detail = f"{os.cpu_count()} processors; about 2 on an otherwise idle machine"
    return Line(name, os.getloadavg()[0], detail=detail)


def middle(samples: list[Sample], field: str) -> float:
    """The median of one field."""
    return float(median(getattr(sample, field) for sample in samples))


def keys_of_workers(workers: int) -> list[str]:
    """A key of each worker, in their order."""
    ownership = Ownership(workers, seed=0)
    found: dict[int, str] = {}
    for number in count():
        found.setdefault(ownership.of_key(f"bench-{number}"), f"bench-{number}")
        if len(found) == workers:
            return [found[worker] for worker in range(workers)]
    raise AssertionError("unreachable")


def creating(server: Server, key: str) -> bytes:
    return server.request("POST", "/generations", PROMPT, key)


def separate(*servers: Server) -> int | None:
    """Pin servers to processors; return the one left for the load generator, or None."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 4:  # two workers, their parent and the generator
        return None
    for server in servers:
        server.pin(cores[:-1])
    return cores[-1]


def fill(server: Server, rows: int) -> None:
    load(server.port, server.request("POST", "/generations", PROMPT), count=rows)


def known(server: Server) -> tuple[str, str]:
    """The id of a COMPLETE generation with four pictures, and the id of its user."""
    id = server.ask("POST", "/generations", PROMPT)["sdGenerationJob"]["generationId"]
    row = server.ask("GET", f"/generations/{id}")["generations_by_pk"]
    if row["status"] != "COMPLETE" or len(row["generated_images"]) != 4:
        raise RuntimeError(f"no COMPLETE generation with 4 pictures: {row}")
    return id, row["generated_images"][0]["url"].partition("/users/")[2].partition("/")[0]


def table(lines: list[Line]) -> str:
    rows = [("measure", "value", "target", "met", "")]
    for line in lines:
        target = "" if line.target is None else f"{'>=' if line.at_least else '<='} {line.target:.2f}"
        value = "-" if line.value is None else f"{line.value:.2f}"
        rows.append((line.name, value, target, {None: "", True: "yes", False: "NO"}[line.met], line.detail))
    w = [max(len(row[n]) for row in rows) for n in range(4)]
    return "\n".join(
        f"{name:{w[0]}}  {value:>{w[1]}}  {target:{w[2]}}  {met:{w[3]}}  {detail}".rstrip()
        for name, value, target, met, detail in rows
    )


if __name__ == "__main__":
    sys.exit(main())
