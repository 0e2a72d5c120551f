"""Run all phases of a check against one server and report the findings."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import requests
from schemathesis.core.errors import NoLinksFound
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.errors import UnhealthyAPIError, UnresponsiveOperationError
from schemathesis.engine.run import TESTING_PHASES

from leomock.contract.check.allowances import id_of
from leomock.contract.check.findings import Groups, allowed, exceeded, finding_of
from leomock.contract.check.journeys import NAMES, FailFast, Journeys
from leomock.contract.check.loading import Loaded
from leomock.contract.check.shorten import Shortener
from leomock.contract.check.target import READING, CheckError, RequestBudgetExceeded, named
from leomock.contract.reports.model import Finding, Report
from leomock.openapi.documents import operations_of

Say = Callable[[str], object]
PHASES = tuple(phase.value for phase in TESTING_PHASES)


def check(
    loaded: Loaded,
    operations: Sequence[str],
    *,
    say: Say = lambda line: None,
    phases: Sequence[str] = PHASES,
    journeys: Sequence[str] | None = None,
    explain_allowances: bool = False,
    found: Callable[[Finding], object] = lambda finding: None,
    fail_fast: bool = False,
) -> Report:
    """Check the operations of a loaded schema in all phases, and run the journeys (None: all that apply).

    `found` is called for each finding as soon as it is found. A run that is interrupted, runs out of time or
    stops at its first finding (`fail_fast`) reports its findings up to that point. Raises CheckError if the
    run cannot continue for another reason.
    """
    operations = loaded.there(operations)
    run = _Run(loaded, say, found, fail_fast=fail_fast)
    try:
        run.journeys.run(operations, journeys)
        if not run.journeys.unfinished:
            run.phases(operations, phases)
    except FailFast:
        run.ended = "after the first finding (--fail-fast)"
    except RequestBudgetExceeded:
        pass
    except KeyboardInterrupt:
        run.ended = "interrupted"
    if run.ended != "interrupted" and not loaded.published:
        run.shorten()
    run.close()
    ledger = loaded.ledger
    findings = [
        *run.journeys.findings,
        *run.findings,
        *(
            finding_of(group, loaded.versions, loaded.target.api_key, published=loaded.published)
            for group in run.groups
        ),
        *exceeded(ledger.allowances, ledger.used, loaded.max_examples),
        *run.unfinished(),
    ]
    if explain_allowances:
        for allowance in ledger.allowances:
            used = [
                (op, count) for (name, op), count in sorted(ledger.used.items()) if name == allowance.name
            ]
            if used:
                findings.append(allowed(allowance, used))
    return Report(
        "leomock check",
        findings,
        facts=run.facts(operations),
        # Operations that were left out have not passed.
        checked=[*(id for id in operations if id in run.by_operation), *run.journeys.done],
        fail_on="error",
        durations={**run.seconds, **run.journeys.seconds},
        interrupted=run.ended == "interrupted",
    )


@contextmanager
def _failures_of_threads() -> Iterator[list[BaseException]]:
    """Yield the errors that end threads of schemathesis, which silently leaves their operations out."""
    failures: list[BaseException] = []
    usual = threading.excepthook

    def note(args: threading.ExceptHookArgs) -> None:
        if args.thread is None or not args.thread.name.startswith("schemathesis") or not args.exc_value:
            usual(args)
        else:
            failures.append(args.exc_value)

    threading.excepthook = note
    try:
        yield failures
    finally:
        threading.excepthook = usual


class _Run:
    def __init__(
        self, loaded: Loaded, say: Say, found: Callable[[Finding], object], *, fail_fast: bool
    ) -> None:
        self.loaded = loaded
        self.say = say
        self.ended = ""
        self.seconds: dict[str, float] = {}
        self._found = found
        self._fail_fast = fail_fast
        self.journeys = Journeys(loaded.target, say=say, found=self._tell)
        self.groups = Groups()
        self.findings: list[Finding] = []
        self.cases: Counter[str] = Counter()
        self.by_operation: Counter[str] = Counter()
        self._began = time.monotonic()

    def _tell(self, finding: Finding) -> None:
        self._found(finding)
        if self._fail_fast and finding.level == "error":
            raise FailFast

    def close(self) -> None:
        """Say why the run ended early, if it did."""
        target = self.loaded.target
        if not self.ended and target.out_of_time:
            self.ended = f"after {target.max_seconds:g} seconds (--max-time)"
        elif not self.ended and target.exhausted:
            self.ended = f"after {target.requests} requests, the most that were allowed"

    def shorten(self) -> None:
        """Let each finding show the shortest call that repeats it."""
        shortener = Shortener(self.loaded.target)
        for group in self.groups:
            shortener.shorten(group)

    def unfinished(self) -> list[Finding]:
        """Return a finding if time ran out before all journeys; such a run proves too little to pass."""
        names, target = self.journeys.unfinished, self.loaded.target
        if not names or not target.out_of_time:
            return []
        return [
            Finding(
                rule="out-of-time",
                description="The check ends within its time.",
                level="error",
                message=f"{len(names)} of {len(NAMES)} journeys were not run: the {target.max_seconds:g} "
                "seconds of --max-time were used up",
                where=names[0],
                details=(f"not run: {', '.join(names)}",),
                suggestion="Give the check more time, or see above why the server is slow.",
            )
        ]

    # --- phases --------------------------------------------------------------------------------------------

    def phases(self, operations: Sequence[str], phases: Sequence[str]) -> None:
        """Run phases of schemathesis, one version after the other."""
        target = self.loaded.target
        documented = {
            entry["operationId"]
            for schema in self.loaded.schemas.values()
            for item in schema.raw_schema["paths"].values()
            for _, entry in operations_of(item)
        }
        wanted = documented.intersection(operations)
        if not wanted:
            raise CheckError("leomock check: none of these operations is in the published document")
        if not target.writes:
            wanted = {id for id in wanted if self.loaded.versions.operations[id].method in READING}
            if not wanted:
                raise CheckError(
                    "leomock check: none of these operations only reads; "
                    "--allow-writes lets a check write to a host that is not this machine"
                )
        for version, schema in self.loaded.schemas.items():
            if wanted.isdisjoint(self.loaded.versions[version].operations):
                continue
            selected = schema.include(lambda context: id_of(context.operation) in wanted)
            selected.config.phases.update(phases=list(phases))
            with _failures_of_threads() as failures:
                for event in from_schema(selected).execute():
                    self._take(event, version)
            if failures:
                told = f"{type(failures[0]).__name__}: {failures[0]}"
                raise CheckError(f"leomock check: the run broke off: {told}") from failures[0]
            if target.exhausted:
                break

    def _take(self, event: Any, version: str) -> None:
        if isinstance(event, events.ScenarioFinished):
            self._scenario(event, version)
        elif isinstance(event, events.FatalError):
            raise CheckError(f"leomock check: the run broke off: {event.exception}")
        elif isinstance(event, events.NonFatalError):
            self._error(event, version)
        elif isinstance(event, events.Interrupted) and not self.loaded.target.exhausted:
            raise KeyboardInterrupt

    def _scenario(self, event: Any, version: str) -> None:
        recorder = event.recorder
        before = len(self.groups)
        self.seconds[event.label or ""] = self.seconds.get(event.label or "", 0.0) + event.elapsed_time
        for id, checks in recorder.checks.items():
            for node in checks:
                if node.status == Status.FAILURE and node.failure_info:
                    self.groups.add(
                        node.name,
                        node.failure_info.failure,
                        recorder.cases[id].value,
                        recorder.interactions[id],
                        event.phase.value,
                    )
        calls = len(recorder.interactions)
        self.cases[event.phase.value] += calls
        for node in recorder.cases.values():
            self.by_operation[id_of(node.value.operation)] += 1
        if event.label and calls:
            groups = list(self.groups)
            new = len(groups) - before
            for group in groups[before:]:
                self._tell(
                    finding_of(
                        group,
                        self.loaded.versions,
                        self.loaded.target.api_key,
                        published=self.loaded.published,
                    )
                )
            self.say(
                f"{event.phase.value:9} {version} {event.label}: {calls} calls, {new or 'no'} new findings"
            )

    def _error(self, event: Any, version: str) -> None:
        if isinstance(event.value, RequestBudgetExceeded) or self.loaded.target.exhausted:
            return
        if isinstance(event.value, NoLinksFound):
            self.say(f"stateful  {version} left out: no operation of these leads to another")
            return
        if isinstance(event.value, CheckError):
            raise event.value
        label = event.label if " " in event.label else "a generated call"
        told = " ".join(str(event.value).split())
        self.loaded.target.ensure_still_there(label, _reason(event.value))
        if not isinstance(event.value, _NO_ANSWER):
            raise CheckError(f"leomock check: the run broke off at {event.label}: {told}") from event.value
        self.findings.append(
            Finding(
                rule="no-answer",
                description="Every call gets an answer that HTTP can read.",
                level="error",
                message=f"{event.label}: {_reason(event.value)}",
                where=self._operation(event.label, version),
                details=(f"the HTTP client says: {told[:500]}",),
            )
        )

    def _operation(self, label: str, version: str) -> str:
        for operation in self.loaded.versions[version].operations.values():
            if label == f"{operation.method} {operation.path}":
                return operation.id
        return label

    def facts(self, operations: Sequence[str]) -> dict[str, str]:
        """Return the facts to report beside the findings."""
        loaded = self.loaded
        used = loaded.ledger.used
        reasons = len({name for name, _ in used})
        counts = [self.by_operation[id] for id in operations if id in self.by_operation]
        facts = {
            "Server": loaded.target.url,
            "Document": "published" if loaded.published else "published, with specs/overlay.json",
            "Operations": f"{len(counts)} of {len(loaded.versions.operations)}",
            "Calls": ", ".join(f"{count} {phase}" for phase, count in self.cases.items() if count) or "none",
            "Calls an operation": f"{min(counts)} to {max(counts)}" if counts else "none",
            "Journeys": f"{len(self.journeys.done)} of {len(NAMES)}",
            "Seed": str(loaded.seed),
            "Seconds": f"{time.monotonic() - self._began:.1f}",
            "Answered by allowances": f"{sum(used.values())} findings, {reasons} reasons",
        }
        for version, why in loaded.left_out.items():
            facts[named(version).capitalize()] = why
        if loaded.ledger.known.wrong_key == "accepted":
            facts["Keys"] = "the server takes any key"
        if self.ended:
            facts["Ended"] = self.ended
        for name, why in self.journeys.left_out.items():
            if loaded.target.writes:
                facts[f"Left out: {name}"] = why
        if not loaded.target.writes:
            facts["Left out"] = "everything that writes (--allow-writes)"
        return facts


_NO_ANSWER = (requests.RequestException, UnhealthyAPIError, UnresponsiveOperationError)


def _reason(error: Exception) -> str:
    """Say in plain English why a call got no response."""
    if isinstance(error, requests.Timeout | UnresponsiveOperationError):
        return "no answer came in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the answer breaks off, or its encoding is wrong"
    return "the connection ended without an answer"
