"""Run the life cycles of all resources and the probes, and turn broken promises into findings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import httpx

from leomock.contract.check.lives import Life, live
from leomock.contract.check.probes import PROBES
from leomock.contract.check.properties import PROPERTIES
from leomock.contract.check.resources import RESOURCES, Resource
from leomock.contract.check.target import READING, RequestBudgetExceeded, Target
from leomock.contract.check.visit import OTHER_FORM, Broken, Problem, Skipped, Step, Visit, hidden
from leomock.contract.reports.model import Finding
from leomock.openapi.spec import Versions

Say = Callable[[str], object]
# The maximum number of calls shown in a finding, enough to reproduce it; repeated polls count too.
LONGEST_STORY = 12
_VISIT_RULES = {
    "answer-time": "Responses arrive in time.",
    "key-not-shown": "No response shows the API key.",
    "no-server-error": "The server does not fail.",
    "content-type": "Responses are JSON and say so.",
    "answer-json": "Responses are JSON.",
    "answer-shape": "Responses have the shape that the strict contract defines.",
    "life": "A resource can be created, read, listed and deleted.",
}
DESCRIPTIONS = (
    _VISIT_RULES
    | {f"property-{promise.name}": promise.expects for promise in PROPERTIES}
    | {f"probe-{probe.name}": probe.expects for probe in PROBES}
)
BASES = {f"property-{p.name}": f"{p.basis}: {p.source}" for p in PROPERTIES} | {
    f"probe-{p.name}": f"{p.basis}: {p.source}" for p in PROBES
}
NAMES = (*(f"life {resource.name}" for resource in RESOURCES), *(probe.name for probe in PROBES))


class FailFast(Exception):
    """End the run after its first finding."""


class Journeys:
    """Life cycles and probes run against one target.

    `findings` grows during the run, and `found` is called for each finding. `done`, `left_out` and `seconds`
    record which journeys ran, which did not, and how long they took.
    """

    def __init__(self, target: Target, *, say: Say, found: Callable[[Finding], object]) -> None:
        self.target = target
        self.findings: list[Finding] = []
        self.done: list[str] = []
        self.left_out: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self.unfinished: list[str] = []
        self._say = say
        self._found = found

    def run(self, operations: Sequence[str], names: Iterable[str] | None = None) -> None:
        """Run the journeys whose operations are all in `operations`; None means all journeys."""
        wanted = self._wanted(set(operations), None if names is None else set(names))
        if not self.target.writes:
            self.left_out |= dict.fromkeys(wanted, "it writes")
            return
        with Visit(self.target, on_broken=self._take) as visit:
            for position, name in enumerate(wanted):
                try:
                    self._one(visit, name)
                except RequestBudgetExceeded:
                    self.unfinished = wanted[position:]
                    return

    def _wanted(self, operations: set[str], names: set[str] | None) -> list[str]:
        lives = {f"life {resource.name}": resource.operations for resource in RESOURCES}
        ways = lives | {probe.name: probe.operations for probe in PROBES}
        return [
            name for name, way in ways.items() if (names is None or name in names) and set(way) <= operations
        ]

    def _one(self, visit: Visit, name: str) -> None:
        began, before = time.monotonic(), len(self.findings)
        try:
            _JOURNEYS[name](visit)
        except Skipped as skipped:
            self.left_out[name] = str(skipped)
            self._say(f"journey   {name}: left out: {skipped}")
            return
        except httpx.HTTPError as error:
            told = str(error) or "the connection ended without an answer"
            self.target.ensure_still_there(_label(error) or name, told)
            operation = visit.operation_of(error) or name
            visit.report("no-server-error", operation, f"the server broke off: {told}")
        self.done.append(name)
        self.seconds[name] = time.monotonic() - began
        count = len(self.findings) - before
        self._say(f"journey   {name}: {f'{count} findings' if count else 'ok'}")

    def _take(self, broken: Broken) -> None:
        finding = finding_of(broken, self.target)
        self.findings.append(finding)
        self._found(finding)


def _label(error: httpx.HTTPError) -> str:
    """Return the method and address of the call that failed, if the error knows it."""
    try:
        return f"{error.request.method} {error.request.url}"
    except RuntimeError:
        return ""


def _life(visit: Visit, resource: Resource) -> None:
    life = Life(resource)
    try:
        live(visit, life)
    except Problem as problem:
        visit.report("life", resource.create.operation, str(problem))
    except OTHER_FORM:
        visit.report_other_form("life", resource.create.operation)
    finally:
        # What was seen before a problem is evidence as well.
        _judge(visit, life)


def _judge(visit: Visit, life: Life) -> None:
    every = visit.steps
    for promise in PROPERTIES:
        rule = f"property-{promise.name}"
        try:
            for operation, stage, message in promise.judge(life):
                visit.steps = list(life.marks.get(stage, every))
                visit.report(rule, operation, message)
        except (Problem, *OTHER_FORM):
            visit.report_other_form(rule, life.resource.create.operation)
    visit.steps = every


def _life_of(resource: Resource) -> Callable[[Visit], None]:
    return lambda visit: _life(visit, resource)


def _probe_of(position: int) -> Callable[[Visit], None]:
    def run(visit: Visit) -> None:
        visit.begin()
        PROBES[position].run(visit)

    return run


_JOURNEYS: dict[str, Callable[[Visit], None]] = {
    **{f"life {resource.name}": _life_of(resource) for resource in RESOURCES},
    **{probe.name: _probe_of(position) for position, probe in enumerate(PROBES)},
}


def finding_of(broken: Broken, target: Target) -> Finding:
    """Turn a broken promise into a finding: the sentence, the basis, and the calls that reproduce it."""
    versions = Versions()
    operation = versions.operations.get(broken.operation)
    message = broken.message
    is_named = operation and (operation.path in message or message.startswith(f"{operation.method} /"))
    label = f"{operation.method} {operation.path}: " if operation and not is_named else ""
    details = [BASES.get(broken.rule, "documented: the strict contract (leomock openapi --strict)")]
    details += story(broken.steps, target)
    return Finding(
        rule=broken.rule,
        description=DESCRIPTIONS.get(broken.rule, "The server keeps its promises."),
        level=broken.level,
        message=f"{label}{message}",
        where=broken.operation,
        file=operation.file if operation else "",
        details=tuple(details),
        properties={"operation": broken.operation, "calls": len(broken.steps)},
    )


def story(steps: Sequence[Step], target: Target) -> list[str]:
    """Return the calls that reproduce a finding, with the beginning of each response.

    Of repeated reads and of refused writes only the last appears. A long journey is reduced to its writes and
    its last calls, since the other calls cannot affect the finding.
    """
    lines: list[str] = []
    kept = _without_repeats(steps)
    if len(kept) > LONGEST_STORY:
        last = kept[-4:]
        writing = [pair for pair in kept[:-4] if pair[0].method != "GET"][: LONGEST_STORY - 4]
        kept = [*writing, *last]
    for step, times in kept:
        again = f" ({times} times)" if times > 1 else ""
        lines.append(step.curl(target.keys))
        lines.append(f"  came: {hidden(step.came, target.keys)}{again}")
    return lines


def _without_repeats(steps: Sequence[Step]) -> list[tuple[Step, int]]:
    kept: list[tuple[Step, int]] = []
    for step in steps:
        last, times = kept[-1] if kept else (None, 0)
        is_read = step.method in READING
        if last and (last.url, last.method) == (step.url, step.method) and (is_read or last.status >= 400):
            kept[-1] = (step, times + 1 if is_read else 1)
        else:
            kept.append((step, 1))
    return kept
