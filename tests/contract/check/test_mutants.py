"""A check finds every fault that is put in, and nothing where there is none."""

from __future__ import annotations

import pytest

from leomock import Fake
from leomock.contract.check.document import document
from leomock.contract.check.findings import CHECKS
from leomock.contract.check.journeys import DESCRIPTIONS, NAMES, Journeys
from leomock.contract.check.loading import Loaded
from leomock.contract.check.run import check
from leomock.contract.check.target import MADE_UP_KEY, Target
from leomock.contract.reports.model import Finding, Report
from leomock.contract.reports.writers import WRITERS
from leomock.openapi.documents import operations_of
from tests.contract.check.mutants import MUTANTS, UNBREAKABLE, VERSIONS, Mutant
from tests.contract.check.promises import PROBE_MUTANTS, RESOURCE_MUTANTS
from tests.contract.check.score import FORMATS, PAGE, page
from tests.fixtures import BEFORE_RETIREMENTS

EVERYTHING = list(VERSIONS.operations)
JOURNEY_MUTANTS = (*RESOURCE_MUTANTS, *PROBE_MUTANTS)


def phases(mutant: Mutant, *, sound: bool = False) -> Report:
    """A check of the mutant's operations in its phases."""
    fake = Fake(auth="strict", as_of=BEFORE_RETIREMENTS)
    if not sound:
        fake.app = mutant.wrap(fake.app)
    target = Target(fake.url, fake.api_key, app=fake.app, transport=fake.transport, patience=0)
    # A quarter of the reads names nothing, and what is drawn varies with what else is imported.
    loaded = Loaded(target, max_examples=60, versions=VERSIONS, as_of=BEFORE_RETIREMENTS)
    report = check(loaded, mutant.operations.split(), phases=mutant.phases, journeys=[])
    fake.close()
    return report


def journey(mutant: Mutant) -> list[Finding]:
    """What the one journey finds that is there for the mutant."""
    fake = Fake(auth="strict", api_keys=(MADE_UP_KEY,), as_of=BEFORE_RETIREMENTS)
    fake.app = mutant.wrap(fake.app)
    target = Target(fake.url, fake.api_key, transport=fake.transport, second_key=MADE_UP_KEY, patience=0)
    journeys = Journeys(target, say=lambda line: None, found=lambda finding: None)
    journeys.run(EVERYTHING, [mutant.journey])
    fake.close()
    return journeys.findings


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_fault_of_one_answer_is_found(mutant: Mutant) -> None:
    report = phases(mutant)
    assert mutant.found_by in {finding.rule for finding in report.findings}, report.findings
    assert report.failed


@pytest.mark.parametrize("mutant", JOURNEY_MUTANTS, ids=lambda mutant: mutant.name)
def test_broken_promise_is_found(mutant: Mutant) -> None:
    findings = journey(mutant)
    assert {finding.rule for finding in findings} & set(mutant.found_by.split()), findings


def test_journeys_find_nothing_on_a_sound_fake() -> None:
    """All journeys are made, none is left out; what plants the faults is there, without a fault."""
    fake = Fake(auth="strict", api_keys=(MADE_UP_KEY,), as_of=BEFORE_RETIREMENTS)
    fake.app = Mutant("none", "", "").wrap(fake.app)
    target = Target(fake.url, fake.api_key, transport=fake.transport, second_key=MADE_UP_KEY, patience=0)
    journeys = Journeys(target, say=lambda line: None, found=lambda finding: None)
    journeys.run(EVERYTHING)
    fake.close()
    assert (journeys.findings, journeys.left_out) == ([], {})
    assert journeys.done == list(NAMES)


SOUND = {mutant.operations: mutant for mutant in MUTANTS}


@pytest.mark.parametrize("mutant", SOUND.values(), ids=lambda mutant: mutant.operations)
def test_phases_find_nothing_without_the_fault(mutant: Mutant) -> None:
    assert phases(mutant, sound=True).findings == []


def test_slow_answer_is_found() -> None:
    """No answer comes in a nanosecond."""
    fake = Fake(auth="strict", as_of=BEFORE_RETIREMENTS)
    target = Target(fake.url, fake.api_key, transport=fake.transport, max_answer_seconds=1e-9)
    journeys = Journeys(target, say=lambda line: None, found=lambda finding: None)
    journeys.run(EVERYTHING, ["life dataset"])
    fake.close()
    assert {finding.rule for finding in journeys.findings} == {"answer-time"}


def test_there_are_enough_mutants() -> None:
    """Names are unique, and every journey and every promise is guarded by a mutant."""
    names = [mutant.name for mutant in (*MUTANTS, *JOURNEY_MUTANTS)]
    assert len(set(names)) == len(names) >= 150
    assert {mutant.journey for mutant in JOURNEY_MUTANTS} == set(NAMES)
    # A test of its own has the other one.
    planted = {mutant.found_by.split()[0] for mutant in JOURNEY_MUTANTS}
    assert planted == DESCRIPTIONS.keys() - {"answer-time"}


def test_every_check_of_a_generated_call_is_guarded() -> None:
    """A mutant breaks it, unless the documents give it nothing to judge."""
    planted = {mutant.found_by for mutant in MUTANTS}
    assert planted | UNBREAKABLE.keys() == {name.replace("_", "-") for name in CHECKS}
    assert planted.isdisjoint(UNBREAKABLE)
    for spec in VERSIONS.values():
        for item in document(spec, "https://x.test")["paths"].values():
            for _, entry in operations_of(item):
                assert not any("headers" in answer for answer in entry["responses"].values())
                assert "header" not in [parameter["in"] for parameter in entry.get("parameters", ())]


def test_page_has_every_format() -> None:
    assert FORMATS.keys() == WRITERS.keys()


def test_page_of_the_score_is_current() -> None:
    """Run `python -m tests.contract.check.score` after a change."""
    assert PAGE.read_text("utf-8") == page()
