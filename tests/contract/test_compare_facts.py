"""The facts about the real service as recorded journeys: the first cases of `leomock compare`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from leomock import Fake
from leomock.contract.compare import compare
from leomock.contract.evidence import Asker
from leomock.files.recordings.model import Recording
from leomock.files.recordings.read import from_journal
from leomock.leonardo.evidence import Fact, all_facts, fact

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]$]+)")
# Facts that a recording cannot show, each with the reason.
NOT_SHOWN = {
    "upload-without-a-length": "compare sends the form again, with its length",
    "kling-3-0-sizes-of-the-guide": "the fake answers an object where the fact has a list",
    "v2-lucid-origin-prompt-length": "the same",
    "blueprint-bad-request": "the same",
    "ltx-2-3-enhance-beside-a-frame": "the same",
    "seedream-5-pro-enhance-auto": "the same",
    "v2-models": "the answer is longer than a journal keeps",
}


def is_recordable(one: Fact) -> bool:
    """True for a fact that states values of an answer, which a fake with its usual settings is asked for."""
    said, last = one.answer, one.steps[-1]
    states = said.fields or said.nulls or said.absent or said.words or said.status
    is_asked = last.request and not any(step.event for step in one.steps)
    return bool(states and is_asked and not one.settings and not one.scenario and one.id not in NOT_SHOWN)


RECORDABLE = [one.id for one in all_facts() if is_recordable(one)]


def recorded(one: Fact) -> Recording:
    """The journey of a fact as another fake was asked, with the values that the fact states at its end."""
    with Fake(seed=9, clock="frozen", jobs="manual") as fake:
        asker = Asker(fake, one)
        for step in one.steps:
            asker.take(step)
        said = asker.filled_received()
        exchanges = list(from_journal([exchange.as_json() for exchange in fake.requests], "it.har").exchanges)
    last = exchanges[-1]
    body = last.response_body
    if values := {**said.fields, **said.words, **dict.fromkeys(said.nulls)} | dict.fromkeys(said.absent, ...):
        tree = json.loads(body)
        for path, value in values.items():
            put(tree, path, value)
        body = json.dumps(tree).encode()
    exchanges[-1] = replace(last, status=said.status or last.status, response_body=body)
    return Recording("it.har", tuple(exchanges))


def put(tree: Any, path: str, value: Any) -> None:
    """Put a value at a path, or remove what is there if the value is an ellipsis."""
    *above, last = [int(step[1]) if step[1] else step[2] for step in _STEP.finditer(path)] or [""]
    for step in above:
        tree = tree[step]
    if value is ...:
        tree.pop(last, None)
    elif last != "":  # a path to the whole answer sets nothing: other paths state its values
        tree[last] = value


@pytest.mark.parametrize("id", RECORDABLE)
def test_fact_is_compared_as_it_is_followed(id: str) -> None:
    """Nothing differs where the fake follows the fact, and something where it has an excuse."""
    findings = compare([recorded(fact(id))]).findings
    assert bool(findings) == bool(fact(id).differs), findings


def test_most_facts_can_be_recorded() -> None:
    assert len(RECORDABLE) >= 50
    assert any(fact(id).differs for id in RECORDABLE)
