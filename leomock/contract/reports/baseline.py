"""Accepted findings, read from a file that gives a reason for each.

A baseline lets `leomock check`, `leomock drift` and `leomock referee` pass on a server or a document that
deviates on purpose. It is a YAML list:

    - rule: sdk-*                # the rule's id; * and ? are wildcards
      where: createGeneration    # optional: the operation or JSON pointer; wildcards as well
      message: "*negativePrompt*" # optional: the finding's first line
      reason: Our gateway removes the negative prompt on purpose (TEAM-42).
      until: 2027-03-31          # optional: the last day on which the entry applies
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from leomock.contract.reports.model import Finding, Report

KEYS = ("rule", "where", "message", "reason", "until")


class BaselineError(ValueError):
    """A baseline file that cannot be used; the text names the file and the entry."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry of a baseline; `rule`, `where` and `message` are patterns."""

    rule: str
    reason: str
    where: str = "*"
    message: str = "*"
    until: datetime.date | None = None

    def matches(self, finding: Finding) -> bool:
        """Return True if the entry accepts a finding."""
        return (
            fnmatchcase(finding.rule, self.rule)
            and fnmatchcase(finding.where, self.where)
            and fnmatchcase(finding.message, self.message)
        )


def read_baseline(path: Path) -> list[Accepted]:
    """Read a baseline file; raise BaselineError if it cannot be read or an entry is incomplete."""
    try:
        rows = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise BaselineError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BaselineError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise BaselineError(f"{path}: a baseline is a list of entries with the keys {', '.join(KEYS)}")
    return [_entry(row, f"{path}: entry {number}") for number, row in enumerate(rows, 1)]


def _entry(row: Any, place: str) -> Accepted:
    if not isinstance(row, dict):
        raise BaselineError(f"{place} is not an object with the keys {', '.join(KEYS)}")
    if unknown := [str(name) for name in row if name not in KEYS]:
        raise BaselineError(f"{place}: unknown key {unknown[0]!r}; the keys are {', '.join(KEYS)}")
    for name in ("rule", "reason"):
        if not str(row.get(name) or "").strip():
            raise BaselineError(f"{place}: {name!r} is missing")
    until = row.get("until")
    if until is not None and type(until) is not datetime.date:
        raise BaselineError(f"{place}: 'until' is {until!r}; write a date such as 2027-03-31")
    texts = {name: str(row[name]) for name in KEYS if name != "until" and row.get(name) is not None}
    return Accepted(**texts, until=until)


def accept(report: Report, entries: Sequence[Accepted], today: datetime.date) -> Report:
    """Return the report with accepted findings turned into notes.

    An entry that matches no finding becomes a warning, and so does one whose last day has passed: it
    no longer accepts anything. Neither fails a run unless warnings do.
    """
    findings, used = [], set()
    for finding in report.findings:
        entry = next((entry for entry in entries if _applies(entry, finding, today)), None)
        if entry is None:
            findings.append(finding)
            continue
        used.add(entry)
        findings.append(replace(finding, level="note", suggestion=f"accepted: {entry.reason}"))
    for entry in entries:
        if entry not in used:
            findings.append(_unused(entry, today))
    return replace(report, findings=findings)


def _applies(entry: Accepted, finding: Finding, today: datetime.date) -> bool:
    return (
        finding.level != "note" and entry.matches(finding) and (entry.until is None or today <= entry.until)
    )


def _unused(entry: Accepted, today: datetime.date) -> Finding:
    expired = entry.until is not None and today > entry.until
    what = f"expired on {entry.until}" if expired else "matches no finding"
    return Finding(
        rule="baseline-expired" if expired else "baseline-unused",
        description="Every baseline entry accepts a finding of this run.",
        level="warning",
        message=f"the baseline entry for {entry.rule} {what}",
        where=entry.where if entry.where != "*" else "baseline",
        details=(f"reason: {entry.reason}",),
        suggestion="Renew the entry or fix the cause." if expired else "Delete the entry.",
    )
