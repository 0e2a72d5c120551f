"""Write a report as text or JSON."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from typing import Any

from leomock.contract.reports.model import Finding, Report
from leomock.version import __version__

# The width of a text report in columns; terminals and CI logs show at least this many.
WIDTH = 80
# A command for a shell, which people copy.
_COMMAND = re.compile(r"(repeat: |\$ )?curl ")
# A word of a command, with its quotes.
_WORD = re.compile(r"""(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\[^\n]|[^\s\\])+""", re.DOTALL)

# Characters that XML 1.0 cannot represent or that control a terminal.
_UNSHOWABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HALF = re.compile("[\ud800-\udfff]")


def to_text(report: Report) -> str:
    """Return text for a terminal: one paragraph per finding, and the counts."""
    blocks = []
    for finding in report.sorted:
        lines = finding_lines(finding)
        blocks.append("\n".join(lines))
    facts = [f"{name}: {value}" for name, value in report.facts.items()]
    blocks.append("\n".join([*facts, f"{report.title}: {report.summary}"]))
    return printable("\n".join(blocks) + "\n")


def finding_lines(finding: Finding) -> list[str]:
    """Return a finding as lines of at most WIDTH characters; only a pointer to a rule may be longer."""
    message = f"{finding.level}: {finding.where}: {finding.message} [{finding.rule}]"
    lines = [part for line in message.splitlines() for part in _wrapped(line, "")]
    for detail in finding.details:
        if _COMMAND.match(detail):
            lines += _command_lines(detail, "    ")
            continue
        for line in detail_lines([detail]):
            lines += [f"    {line}"] if line.startswith("rule: ") else _wrapped(line, "    ")
    if finding.suggestion:
        lines += _wrapped(f"-> {finding.suggestion}", "    ")
    return lines


def _wrapped(line: str, indent: str) -> list[str]:
    if len(indent) + len(line) <= WIDTH:
        return [indent + line]
    return textwrap.wrap(
        line,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
    ) or [indent]


def _command_lines(command: str, indent: str) -> list[str]:
    """Break a command with backslashes, so that it still pastes into a shell."""
    if len(indent) + len(command) <= WIDTH and "\n" not in command:
        return [indent + command]
    lines = []
    line, *words = _WORD.findall(command)
    line = indent + line
    for word in words:
        if len(line) + len(word) < WIDTH - 2:
            line = f"{line} {word}"
        else:
            lines.append(f"{line} \\")
            line = f"{indent}  {word}"
        while len(line) > WIDTH - 2:
            start, line = _cut(line)
            lines.append(start)
    return [*lines, line]


def _cut(line: str) -> tuple[str, str]:
    """Cut a line inside its last word; the rest is not indented, because it continues the word."""
    quote, place = "", 0
    while True:
        char = line[place]
        step = 2 if char == "\\" and quote != "'" else 1
        if place + step > WIDTH - 2:
            break
        if char == quote:
            quote = ""
        elif char in "'\"" and not quote:
            quote = char
        place += step
    return f"{line[:place]}{quote}\\", f"{quote}{line[place:]}"


def to_json(report: Report) -> str:
    """Return everything as JSON for programs, with the field names of `Report` and `Finding`."""
    document = {
        "leomock": __version__,
        "title": report.title,
        "failed": report.failed,
        "facts": dict(report.facts),
        "counts": report.counts,
        "checked": list(report.checked),
        "findings": [
            {
                "rule": finding.rule,
                "description": finding.description,
                "level": finding.level,
                "message": finding.message,
                "where": finding.where,
                "file": finding.file,
                "line": finding.line,
                "details": list(finding.details),
                "suggestion": finding.suggestion,
                "properties": dict(finding.properties),
            }
            for finding in report.sorted
        ],
    }
    return dump_json(document)


# --- escaping for the formats -----------------------------------------------------------------------


def detail_lines(details: Sequence[str]) -> list[str]:
    """Split details into lines; an empty detail is one empty line."""
    return [line for detail in details for line in detail.splitlines() or [""]]


def printable(text: str) -> str:
    """Replace characters that cannot be shown with escapes."""
    return _UNSHOWABLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def dump_json(document: Any) -> str:
    """Return JSON text; a lone surrogate, which UTF-8 cannot encode, becomes an escape in the string."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return _HALF.sub(lambda match: "\\" + _escape(match), text) + "\n"
