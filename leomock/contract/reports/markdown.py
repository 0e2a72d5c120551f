"""Write a report as Markdown."""

from __future__ import annotations

import re

from leomock.contract.reports.model import LEVELS, Report
from leomock.contract.reports.plain import detail_lines, printable

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&#])")


def to_markdown(report: Report) -> str:
    """Return Markdown for a pull request or a job's summary page."""
    lines = [f"## {_marked(report.title)}: {report.summary}", ""]
    lines += [f"* {_marked(name)}: {_marked(value)}" for name, value in report.facts.items()]
    for level in LEVELS:
        found = [finding for finding in report.findings if finding.level == level]
        if not found:
            continue
        lines += ["", f"### {level.capitalize()}s ({len(found)})", ""]
        for finding in found:
            lines.append(f"* {_code(finding.where)} {_marked(finding.message)} ({_code(finding.rule)})")
            if finding.suggestion:
                lines += ["", f"  {_marked(finding.suggestion)}"]
            if finding.details:
                fence = _fence("\n".join(finding.details), 3)
                lines += ["", *(f"  {line}" for line in (fence, *detail_lines(finding.details), fence)), ""]
    return printable("\n".join(lines).rstrip() + "\n")


def _marked(text: str) -> str:
    """Escape a text so that Markdown shows it literally."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Return a code span for any text."""
    text = " ".join(text.split())
    fence = _fence(text, 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _fence(text: str, least: int) -> str:
    """Return more backticks than occur in a row in the text."""
    return "`" * (1 + max([least - 1, *(len(run) for run in re.findall("`+", text))]))
