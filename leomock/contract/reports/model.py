"""Findings and reports, independent of output formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

Level: TypeAlias = Literal["error", "warning", "note"]

# From most to least serious.
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    `rule` is the id of the kind of finding (`response-enum-widened`), and `description` explains that kind in
    one sentence. `message` says what was found this time, and `where` names an operation or a JSON pointer.
    `file` and `line` are what an editor should open, if anything. `details` are lines to show unchanged,
    `suggestion` says what to do, and `properties` are further values for programs.
    """

    rule: str
    description: str
    level: Level
    message: str
    where: str
    file: str = ""
    line: int = 1
    details: tuple[str, ...] = ()
    suggestion: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one run of a command.

    `facts` are named facts besides the findings (`Server`, `Calls`). `checked` lists every place that was
    checked, in the form of a finding's `where`; places without a finding have passed. `fail_on` is the lowest
    level that fails the run; None: nothing does. `durations` are measured seconds by the names in `checked`.
    `interrupted` is True if the user ended the run early.
    """

    title: str
    findings: Sequence[Finding]
    facts: Mapping[str, str] = field(default_factory=dict)
    checked: Sequence[str] = ()
    fail_on: Level | None = "error"
    durations: Mapping[str, float] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def failed(self) -> bool:
        """Return True if any finding fails the run."""
        return any(self.fails(finding) for finding in self.findings)

    def fails(self, finding: Finding) -> bool:
        """Return True if this finding fails the run."""
        return self.fail_on is not None and LEVELS.index(finding.level) <= LEVELS.index(self.fail_on)

    @property
    def counts(self) -> dict[Level, int]:
        """Return the number of findings at each level."""
        return {level: sum(finding.level == level for finding in self.findings) for level in LEVELS}

    @property
    def sorted(self) -> list[Finding]:
        """Return the findings, most serious first, otherwise in the order in which they were found."""
        return sorted(self.findings, key=lambda finding: LEVELS.index(finding.level))

    @property
    def summary(self) -> str:
        """Return the counts in a few words."""
        told = [f"{n} {level}{'' if n == 1 else 's'}" for level, n in self.counts.items() if n]
        return ", ".join(told) or "nothing found"
