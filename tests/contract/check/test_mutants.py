"""A check finds every fault that is put in, and nothing where there is none."""

from __future__ import annotations

import json
from random import Random
from typing import Any

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
from leomock.server.webhook_sender import Sender
from tests.contract.check.mutants import MUTANTS, READ, UNBREAKABLE, VERSIONS, Exchange, Mutant, on, row
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
    return journeys_of(fake, [mutant.follows, mutant.journey])


def journeys_of(fake: Fake, names: list[str]) -> list[Finding]:
    """What these journeys find on a fake, which is closed."""
    target = Target(fake.url, fake.api_key, transport=fake.transport, second_key=MADE_UP_KEY, patience=0)
    journeys = Journeys(target, say=lambda line: None, found=lambda finding: None)
    journeys.run(EVERYTHING, names)
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


@pytest.mark.parametrize(
    "settings",
    [{"auth": "real"}, {"unit": "DOLLARS"}, {"ids": "v6"}, {"jobs": "immediate"}, {"webhook_form": "2023"}],
    ids=str,
)
def test_journeys_find_nothing_on_other_sound_servers(settings: Any) -> None:
    """Accounts, keys, ids, jobs and webhooks differ, and so do servers."""
    usual = {"auth": "strict", "api_keys": (MADE_UP_KEY,), "as_of": BEFORE_RETIREMENTS}
    found = journeys_of(Fake(**{**usual, **settings}), list(NAMES))
    assert [finding.message for finding in found] == []


def test_unknown_property_is_a_warning() -> None:
    """In journeys as in generated calls; what is missing beside it is an error that is said first."""
    added = on(READ, row(lambda value: value.update(internal=1)))
    fault = Mutant("an unknown property", READ, "", after=added, journey="life generation")
    report = phases(fault)
    assert {finding.level for finding in (*journey(fault), *report.findings)} == {"warning"}
    assert not report.failed
    lacking = on(READ, row(lambda value: (value.update(internal=1), value.pop("seed"))))
    errors = phases(Mutant("a misspelt property", READ, "", after=lacking)).findings
    assert {finding.level for finding in errors} == {"error"}
    assert all("seed is missing (and 1 more)" in finding.message for finding in errors)


def test_calls_of_a_finding_name_the_key_that_they_need() -> None:
    fault = next(mutant for mutant in RESOURCE_MUTANTS if mutant.name == "init image: another key sees it")
    found = next(finding for finding in journey(fault) if finding.rule == "property-tenants")
    told = "\n".join(found.details)
    assert "$LEONARDO_API_KEY" in told
    assert "$LEONARDO_SECOND_API_KEY" in told
    assert MADE_UP_KEY not in told


def test_life_that_breaks_off_is_judged() -> None:
    """The name is wrong, and an id that nothing has is answered with 404."""

    def two_faults(exchange: Exchange) -> None:
        if exchange.operation == "getDatasetById" and exchange.value is None:
            exchange.say({"error": "none", "path": "$", "code": "not-found"}, 404)
        elif exchange.operation == "getDatasetById":
            exchange.put({**exchange.value, "name": "another"})

    found = journey(Mutant("two faults", "", "", after=two_faults, journey="life dataset"))
    assert {"property-echo", "life"} <= {finding.rule for finding in found}


@pytest.mark.parametrize("seed", range(3))
def test_answers_of_any_form_end_in_findings(seed: int) -> None:
    """Whatever stands where the documents have something else, the journeys go on."""
    random = Random(seed)

    def changed(value: Any) -> Any:
        if random.random() < 0.02:
            return random.choice((None, {}, [], "x", -1.5, True, {"a": {"b": 1}}, [[]], "http://x.test/y"))
        if isinstance(value, dict):
            return {name: changed(part) for name, part in value.items() if random.random() > 0.01}
        return [changed(part) for part in value] if isinstance(value, list) else value

    def any_form(exchange: Exchange) -> None:
        if exchange.operation and exchange.answer:
            exchange.say(changed(json.loads(exchange.answer)))

    fake = Fake(auth="strict", api_keys=(MADE_UP_KEY,), as_of=BEFORE_RETIREMENTS)
    fake.app = Mutant("any form", "", "", after=any_form).wrap(fake.app)
    assert len(journeys_of(fake, list(NAMES))) > 10


@pytest.mark.parametrize(
    ("scenario", "key", "told"),
    [
        ("webhook_lost", "abcd", "the webhook of a generation was posted 0 times, not once"),
        ((), "other", 'came with the authorization "Bearer other", not the bearer that was set'),
        ((), "abcd", ""),
    ],
)
def test_webhooks_are_judged_as_they_arrive(
    scenario: Any, key: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a server on this machine, which can post to the check."""
    post = Sender._post

    async def with_key(sender: Sender, target: Any, *rest: Any) -> Any:
        return await post(sender, target._replace(key=key), *rest)

    monkeypatch.setattr(Sender, "_post", with_key)
    with Fake(auth="strict", scenario=scenario) as fake:
        target = Target(fake.base_url, fake.api_key)
        journeys = Journeys(target, say=lambda line: None, found=lambda finding: None)
        journeys.run(EVERYTHING, ["webhooks"])
    messages = [finding.message for finding in journeys.findings]
    assert any(told in message for message in messages) if told else messages == []


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
