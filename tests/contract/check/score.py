"""Write docs/reference/check.md: the promises, the planted faults, and one finding in every format.

python -m tests.contract.check.score
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from leomock import Fake
from leomock.contract.check.journeys import BASES, DESCRIPTIONS, Journeys
from leomock.contract.check.target import Target
from leomock.contract.reports.model import Report
from leomock.contract.reports.writers import WRITERS
from tests.contract.check.mutants import MUTANTS, UNBREAKABLE, VERSIONS
from tests.contract.check.promises import PROBE_MUTANTS, RESOURCE_MUTANTS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "check.md"
FORMATS = {
    "text": "text",
    "json": "json",
    "markdown": "markdown",
    "sarif": "json",
    "junit": "xml",
    "github": "text",
    "html": "html",
}
EXAMPLE = "dataset: name is not kept"
# Measured by hand: a test that measures time would fail on a busy machine.
TIMES = """\
Against leomock's own fake, `--profile quick` takes 7 s of CPU time for its journeys and 371 generated
calls, and `--profile full` takes 49 s for its journeys and 8,897 generated calls (November 2026, Python 3.11,
two cores shared with other programs; the fake's own CPU time is included).""".splitlines()


def page() -> str:
    """The whole page."""
    planted = Counter(m.found_by.split()[0] for m in (*RESOURCE_MUTANTS, *PROBE_MUTANTS))
    total = len(RESOURCE_MUTANTS) + len(PROBE_MUTANTS) + len(MUTANTS)
    lines = [
        "# What a check promises to find",
        "",
        "<!-- Written by `python -m tests.contract.check.score`; do not edit. -->",
        "",
        "The check itself is tested with faults that are planted into a correct fake, one at a time. Most of",
        "them are generated from the list of promises and the model of every resource.",
        f"**{total} of {total} planted faults are found**; each has a test that fails if it is not found.",
        "(`answer-time` has a separate test.)",
        f"Generated calls find {len(MUTANTS)} of them. Every check of schemathesis finds at least one,",
        "except:",
        "",
        *(f"* `{check}`: {why}." for check, why in UNBREAKABLE.items()),
        "",
        "Every message that a journey can report is reported for at least one of these faults",
        "(`make contract` lists the exceptions).",
        "",
        *TIMES,
        "",
        "| rule | promise | basis | faults planted |",
        "|---|---|---|---|",
    ]
    for rule, promise in DESCRIPTIONS.items():
        basis = BASES.get(rule, "documented: the strict contract").partition(":")[0]
        lines.append(f"| `{rule}` | {promise} | {basis} | {planted[rule]} |")
    lines += ["", "## One finding in every format", "", f"The fault: {EXAMPLE}.", ""]
    report = example()
    for name, language in FORMATS.items():
        lines += [f"### {name}", "", f"````{language}", WRITERS[name](report).rstrip(), "````", ""]
    return "\n".join(lines).rstrip() + "\n"


def example() -> Report:
    """The report of one planted fault."""
    mutant = next(mutant for mutant in RESOURCE_MUTANTS if mutant.name == EXAMPLE)
    fake = Fake(auth="strict", clock="frozen")
    fake.app = mutant.wrap(fake.app)
    target = Target(fake.url, fake.api_key, transport=fake.transport, patience=0)
    journeys = Journeys(target, say=lambda line: None, found=lambda finding: None)
    journeys.run(list(VERSIONS.operations), [mutant.journey])
    fake.close()
    return Report("leomock check", journeys.findings, checked=journeys.done)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
