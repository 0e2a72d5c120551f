"""A check finds every fault that is put in, and nothing where there is none."""

from __future__ import annotations

import pytest

from leomock import Fake
from leomock.contract.check.loading import Loaded
from leomock.contract.check.run import check
from leomock.contract.check.target import Target
from leomock.contract.reports.model import Report
from tests.contract.check.mutants import MUTANTS, VERSIONS, Mutant


def run(mutant: Mutant, *, sound: bool = False) -> Report:
    """A check of the mutant's operations: of its one probe, or of the phases that see one answer."""
    fake = Fake(auth="strict")
    if not sound:
        fake.app = mutant.wrap(fake.app)
    target = Target(fake.url, fake.api_key, app=fake.app, transport=fake.transport)
    # A quarter of the reads names nothing, and what is drawn varies with what else is imported.
    loaded = Loaded(target, max_examples=20, versions=VERSIONS)
    probe = mutant.found_by.removeprefix("probe-")
    journey = probe != mutant.found_by
    report = check(
        loaded,
        mutant.operations.split(),
        phases=[] if journey else ["coverage", "fuzzing"],
        probes=[probe] if journey else [],
    )
    fake.close()
    return report


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_fault_is_found(mutant: Mutant) -> None:
    """By the check or probe that is there for it."""
    report = run(mutant)
    assert mutant.found_by in {finding.rule for finding in report.findings}, report.findings
    assert report.failed


SOUND = {
    (mutant.operations, mutant.found_by.startswith("probe-") and mutant.found_by): mutant
    for mutant in MUTANTS
}


@pytest.mark.parametrize(
    "mutant", SOUND.values(), ids=lambda mutant: f"{mutant.operations} {mutant.found_by}"
)
def test_nothing_is_found_without_the_fault(mutant: Mutant) -> None:
    """The same run finds nothing on the sound fake."""
    assert run(mutant, sound=True).findings == []
