"""Write a report as GitHub Actions annotations."""

from __future__ import annotations

from leomock.contract.reports.model import Level, Report
from leomock.contract.reports.plain import printable

_GITHUB: dict[Level, str] = {"error": "error", "warning": "warning", "note": "notice"}


def to_github(report: Report) -> str:
    """Return workflow commands for GitHub Actions, which the runner shows as annotations."""
    lines = []
    for finding in report.sorted:
        about = {"file": finding.file, "line": str(finding.line)} if finding.file else {}
        about["title"] = finding.rule
        told = ",".join(f"{name}={_command(value, ':,')}" for name, value in about.items())
        text = "\n".join(
            [f"{finding.where}: {finding.message}", *finding.details, *filter(None, [finding.suggestion])]
        )
        lines.append(f"::{_GITHUB[finding.level]} {told}::{_command(text)}")
    return printable("".join(f"{line}\n" for line in lines))


def _command(text: str, also: str = "") -> str:
    """Escape a value in a workflow command; before the text, two more characters have a special meaning."""
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{also}" else c for c in text)
