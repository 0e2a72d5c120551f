"""Judge a client by the journal: what it did wrong, why that matters and what to do instead.

A rule is one function. It yields what the journal proves and stays silent if another explanation would leave
the same journal behind; its docstring says what it cannot see."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape  # xml.sax.saxutils would import urllib.request, which programs may not use
from typing import Any

from leomock.openapi.suggest import suggestion
from leomock.state.journal import Exchange
from leomock.state.outbox import Event
from leomock.verdict.evidence import Evidence, credit_cost
from leomock.verdict.registry import RULES
from leomock.verdict.wording import count_noun


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake of a client.

    `exchanges` lists the numbers of those that prove it, oldest first; empty if webhook events prove it.
    `what` says what happened, `why` explains why it matters, and `remedy` says what to do instead.
    """

    rule: str
    exchanges: tuple[int, ...]
    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return _report([self])

    def as_json(self) -> dict[str, Any]:
        """Return the finding as JSON values, in field order."""
        return {
            "rule": self.rule,
            "exchanges": list(self.exchanges),
            "what": self.what,
            "why": self.why,
            "remedy": self.remedy,
        }


def check_rules(names: Iterable[str]) -> frozenset[str]:
    """Return the names of rules. Raises ValueError for an unknown name."""
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in RULES:
            near = suggestion(str(name), RULES) or f"; there are {', '.join(RULES)}"
            raise ValueError(f"the verdict has no rule {name!r}{near}")
    return frozenset(names)


def _report(findings: Sequence[Finding]) -> str:
    """Return the findings of one rule as text: each occurrence, then the reason and remedy once."""
    first = findings[0]
    what = "\n  ".join(finding.what for finding in findings)
    return f"{first.rule}: {what}\n  Why it matters: {first.why}\n  What to do: {first.remedy}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings about a client, in chronological order.

    `exchanges` and `events` are how many were judged. `credits` is the sum of the costs that the API
    reported; refunds for failed generations are not subtracted. `forgotten` exchanges could not be judged. A
    verdict is truthy if it is `clean`, so that `assert fake.verdict()` does what it says.
    """

    findings: list[Finding]
    exchanges: int = 0
    events: int = 0
    credits: int = 0
    forgotten: int = 0

    @property
    def clean(self) -> bool:
        """True if there are no findings."""
        return not self.findings

    def __bool__(self) -> bool:
        return self.clean

    def __str__(self) -> str:
        judged = count_noun(self.exchanges, "exchange")
        if self.events:
            judged += f" and {count_noun(self.events, 'webhook event')}"
        found = count_noun(len(self.findings), "finding") if self.findings else "nothing to object to"
        if not (self.findings or self.exchanges or self.events):
            found = "nothing to judge"
        lines = [f"leomock: {found} in {judged}; {count_noun(self.credits, 'credit')} spent."]
        if self.forgotten:
            lines.append(
                f"The journal has forgotten {count_noun(self.forgotten, 'older exchange')}, which "
                "nobody judged."
            )
        by_rule: dict[str, list[Finding]] = {}
        for finding in self.findings:
            by_rule.setdefault(finding.rule, []).append(finding)
        return "\n\n".join(["\n".join(lines), *map(_report, by_rule.values())])

    def without(self, ignored: Iterable[str]) -> Verdict:
        """Return this verdict without the findings of some rules. Raises ValueError for an unknown rule."""
        names = check_rules(ignored)
        return replace(self, findings=[each for each in self.findings if each.rule not in names])

    def only(self, rules: Iterable[str]) -> Verdict:
        """Return this verdict with only the findings of some rules. Raises ValueError for an unknown rule."""
        names = check_rules(rules)
        return replace(self, findings=[each for each in self.findings if each.rule in names])

    def assert_clean(self, *, ignore: Iterable[str] = ()) -> None:
        """Raise AssertionError, with the whole verdict as its text, if there are findings.

        Findings of the rules in `ignore` do not count, for tests that make a mistake on purpose.
        """
        __tracebackhide__ = True
        verdict = self.without(ignore)
        if not verdict.clean:
            raise AssertionError(str(verdict))

    def junit(self) -> str:
        """Return the verdict as a JUnit report: a test case for each rule."""
        failures = []
        for name in RULES:
            found = [finding for finding in self.findings if finding.rule == name]
            text = escape(_report(found), quote=False) if found else ""
            message = escape(found[0].what) if found else ""
            inner = f'<failure message="{message}">{text}</failure>' if found else ""
            failures.append(f'  <testcase classname="leomock.verdict" name="{name}">{inner}</testcase>')
        failed = len({finding.rule for finding in self.findings})
        head = f'<testsuite name="leomock verdict" tests="{len(RULES)}" failures="{failed}">'
        body = "\n".join(failures)
        return f'<?xml version="1.0" encoding="utf-8"?>\n{head}\n{body}\n</testsuite>\n'

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return {
            "clean": self.clean,
            "exchanges": self.exchanges,
            "events": self.events,
            "credits": self.credits,
            "forgotten": self.forgotten,
            "findings": [finding.as_json() for finding in self.findings],
        }


def verdict(
    exchanges: Sequence[Exchange],
    *,
    events: Sequence[Event] = (),
    forgotten: int = 0,
    budget: int | None = None,
) -> Verdict:
    """Judge a client by the exchanges of one key, oldest first, and the events that were sent to its webhook.

    `forgotten` is how many older exchanges the journal has lost; a verdict says so. `budget` is how many
    credits the client may spend.
    """
    evidence = Evidence(exchanges, events, budget)
    findings = [
        Finding(rule.name, tuple(each.number for each in seen.exchanges), seen.what, rule.why, rule.remedy)
        for rule in RULES.values()
        for seen in rule.judge(evidence)
    ]
    findings.sort(key=lambda finding: finding.exchanges[0] if finding.exchanges else math.inf)
    spent = sum(credit_cost(exchange) or 0 for exchange in evidence.exchanges)
    return Verdict(findings, len(evidence.exchanges), len(evidence.events), spent, forgotten)
