"""Findings and reports, independent of how they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

Level: TypeAlias = Literal["error", "warning", "note"]

# The gravest first.
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    `rule` is the id of the kind of finding (`response-enum-widened`), `description` says in one sentence what
    such findings are. `message` says what was found this time, `where`: an operation or a JSON pointer.
    `file` and `line` are what an editor would open, if there is something to open. `details` are lines to be
    shown as they are, `suggestion` says what to do, `properties` are further values for programs.
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
    """What one run of a command found.

    `facts` are what there is to know beside the findings, by their names (`Server`, `Calls`). `checked` names
    every place that was looked at, as `where` of findings does; those without a finding have passed.
    `fail_on` is the lowest level that makes the run a failure; None: nothing does. `durations` are seconds by
    the names in `checked`, where they were measured. `interrupted`: the user ended the run before its end.
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
        """Whether there is a finding that makes the run a failure."""
        return any(self.fails(finding) for finding in self.findings)

    def fails(self, finding: Finding) -> bool:
        """Whether this finding makes the run a failure."""
        return self.fail_on is not None and LEVELS.index(finding.level) <= LEVELS.index(self.fail_on)

    @property
    def counts(self) -> dict[Level, int]:
        """How many findings there are of each level."""
        return {level: sum(finding.level == level for finding in self.findings) for level in LEVELS}

    @property
    def sorted(self) -> list[Finding]:
        """The findings, the gravest first, otherwise in the order in which they were found."""
        return sorted(self.findings, key=lambda finding: LEVELS.index(finding.level))

    @property
    def summary(self) -> str:
        """The counts in a few words."""
        told = [f"{n} {level}{'' if n == 1 else 's'}" for level, n in self.counts.items() if n]
        return ", ".join(told) or "nothing found"
