"""Writes what a command found in the formats that people, CI systems and other tools read; pure."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import quote
from xml.etree import ElementTree as Xml

from leomock import __version__

Level: TypeAlias = Literal["error", "warning", "note"]

# The gravest first.
LEVELS: tuple[Level, ...] = get_args(Level)

_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# What XML 1.0 cannot write or a terminal would obey.
_UNSHOWABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HALF = re.compile("[\ud800-\udfff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&#])")
_GITHUB: dict[Level, str] = {"error": "error", "warning": "warning", "note": "notice"}


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
    `fail_on` is the slightest level that makes the run a failure; None: nothing does.
    """

    title: str
    findings: Sequence[Finding]
    facts: Mapping[str, str] = field(default_factory=dict)
    checked: Sequence[str] = ()
    fail_on: Level | None = "error"

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


def to_text(report: Report) -> str:
    """For a terminal: a paragraph each, and the counts."""
    blocks = []
    for finding in report.sorted:
        lines = [f"{finding.level}: {finding.where}: {finding.message} [{finding.rule}]"]
        lines += [f"    {line}" for line in _lines(finding.details)]
        if finding.suggestion:
            lines.append(f"    -> {finding.suggestion}")
        blocks.append("\n".join(lines))
    facts = [f"{name}: {value}" for name, value in report.facts.items()]
    blocks.append("\n".join([*facts, f"{report.title}: {report.summary}"]))
    return _shown("\n".join(blocks) + "\n")


def to_json(report: Report) -> str:
    """For programs: everything, in the names of `Report` and `Finding`."""
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
    return _dumped(document)


def to_markdown(report: Report) -> str:
    """For a pull request or a job's summary page."""
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
                lines += ["", *(f"  {line}" for line in (fence, *_lines(finding.details), fence)), ""]
    return _shown("\n".join(lines).rstrip() + "\n")


def to_sarif(report: Report) -> str:
    """For code scanning: SARIF 2.1.0 (OASIS standard, errata 01)."""
    rules = {finding.rule: finding.description for finding in report.findings}
    numbers = {rule: number for number, rule in enumerate(rules)}
    driver = {
        "name": "leomock",
        "version": __version__,
        "rules": [{"id": id, "shortDescription": {"text": text}} for id, text in rules.items()],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"{report.title}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, numbers[finding.rule]) for finding in report.sorted],
        "properties": dict(report.facts),
    }
    return _dumped({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _result(finding: Finding, number: int) -> dict[str, Any]:
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": finding.where}]}
    if finding.file:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": quote(finding.file.replace("\\", "/"), safe="/:")},
            "region": {"startLine": finding.line},
        }
    text = "\n".join([finding.message, *finding.details, *filter(None, [finding.suggestion])])
    # What tells a viewer that it is the same finding as in the run before: what stays when lines move.
    print_of = "\0".join((finding.rule, finding.file, finding.where, finding.message))
    return {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": finding.level,
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {
            "leomock/v1": hashlib.sha256(print_of.encode("utf-8", "replace")).hexdigest()
        },
        "properties": dict(finding.properties),
    }


def to_junit(report: Report) -> str:
    """For CI systems: a test case for each place; what does not make the run a failure is its output."""
    cases: dict[str, list[Finding]] = {where: [] for where in report.checked}
    for finding in report.sorted:
        cases.setdefault(finding.where, []).append(finding)
    suites = Xml.Element("testsuites")
    suite = Xml.SubElement(suites, "testsuite", name=_shown(report.title))
    if report.facts:
        properties = Xml.SubElement(suite, "properties")
        for name, value in report.facts.items():
            Xml.SubElement(properties, "property", name=_shown(name), value=_shown(value))
    failures = 0
    for where, findings in cases.items():
        case = Xml.SubElement(suite, "testcase", classname=_shown(report.title), name=_shown(where))
        # One failure a case: viewers show no more than the first.
        if grave := [finding for finding in findings if report.fails(finding)]:
            failures += 1
            more = f" (and {len(grave) - 1} more)" if len(grave) > 1 else ""
            failure = Xml.SubElement(
                case, "failure", message=_shown(grave[0].message + more), type=_shown(grave[0].rule)
            )
            failure.text = _shown("\n\n".join(map(_paragraph, grave)))
        if slight := [finding for finding in findings if not report.fails(finding)]:
            Xml.SubElement(case, "system-out").text = _shown("\n\n".join(map(_paragraph, slight)))
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0"}
    suites.attrib.update(counts)
    suite.attrib.update(counts, skipped="0")
    Xml.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(suites, encoding="unicode") + "\n"


def _paragraph(finding: Finding) -> str:
    lines = [f"{finding.level}: {finding.message} [{finding.rule}]", *finding.details]
    return "\n".join([*lines, finding.suggestion] if finding.suggestion else lines)


def to_github(report: Report) -> str:
    """For GitHub Actions: workflow commands, which the runner shows as annotations."""
    lines = []
    for finding in report.sorted:
        about = {"file": finding.file, "line": str(finding.line)} if finding.file else {}
        about["title"] = finding.rule
        told = ",".join(f"{name}={_command(value, ':,')}" for name, value in about.items())
        text = "\n".join(
            [f"{finding.where}: {finding.message}", *finding.details, *filter(None, [finding.suggestion])]
        )
        lines.append(f"::{_GITHUB[finding.level]} {told}::{_command(text)}")
    return _shown("".join(f"{line}\n" for line in lines))


def _command(text: str, also: str = "") -> str:
    """A value within a workflow command; in those before the text, two more characters have a meaning."""
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{also}" else c for c in text)


def to_html(report: Report) -> str:
    """For a browser: one page that needs nothing else."""
    facts = "".join(
        f"<dt>{_escaped(name)}</dt><dd>{_escaped(value)}</dd>" for name, value in report.facts.items()
    )
    tiles = "".join(
        f'<li class="{level}"><strong>{n}</strong> {level}{"" if n == 1 else "s"}</li>'
        for level, n in report.counts.items()
    )
    if report.checked:
        found = {finding.where for finding in report.findings}
        passed = sum(where not in found for where in report.checked)
        tiles += (
            f'<li class="passed"><strong>{passed}</strong> of {len(report.checked)} without a finding</li>'
        )
    findings = "".join(map(_section, report.sorted)) or '<p class="empty">Nothing was found.</p>'
    return _PAGE.format(
        title=_escaped(report.title),
        state="failed" if report.failed else "passed",
        tiles=tiles,
        facts=f"<dl>{facts}</dl>" if facts else "",
        findings=findings,
        version=__version__,
    )


def _section(finding: Finding) -> str:
    details = f"<pre>{_escaped(chr(10).join(finding.details))}</pre>" if finding.details else ""
    suggestion = f'<p class="suggestion">{_escaped(finding.suggestion)}</p>' if finding.suggestion else ""
    file = f"<small>{_escaped(finding.file)}</small>" if finding.file else ""
    return (
        f'<article class="{finding.level}"><h2><span>{finding.level}</span> {_escaped(finding.where)}</h2>'
        f"<p>{_escaped(finding.message)}</p>{details}{suggestion}"
        f"<footer><code>{_escaped(finding.rule)}</code> {_escaped(finding.description)} {file}</footer>"
        "</article>\n"
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --error: #c62828; --warning: #b26a00; --note: #1565c0; --passed: #2e7d32;
  --card: color-mix(in srgb, canvastext 4%, canvas); --line: color-mix(in srgb, canvastext 15%, canvas); }}
@media (prefers-color-scheme: dark) {{
  :root {{ --error: #ef7070; --warning: #f0b04a; --note: #74b0f4; --passed: #7cc47f; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; border-left: .4rem solid var(--passed); padding-left: .8rem; }}
h1.failed {{ border-color: var(--error); }}
ul {{ list-style: none; display: flex; flex-wrap: wrap; gap: .6rem; padding: 0; }}
li {{ background: var(--card); border-radius: .5rem; padding: .3rem .9rem; }}
li strong {{ font-size: 1.2rem; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }}
dt {{ opacity: .7; }} dd {{ margin: 0; overflow-wrap: anywhere; }}
article {{ background: var(--card); border: 1px solid var(--line); border-left: .3rem solid var(--tint);
  border-radius: .5rem; padding: .6rem 1rem; margin: .8rem 0; }}
article h2 {{ font-size: 1rem; margin: 0; overflow-wrap: anywhere; }}
article h2 span {{ color: var(--tint); text-transform: uppercase; font-size: .75rem; letter-spacing: .06em; }}
article p {{ margin: .3rem 0; overflow-wrap: anywhere; }}
article footer {{ font-size: .85rem; opacity: .75; }}
.error {{ --tint: var(--error); }} .warning {{ --tint: var(--warning); }} .note {{ --tint: var(--note); }}
li.error strong, li.warning strong, li.note strong {{ color: var(--tint); }}
li.passed strong {{ color: var(--passed); }}
pre {{ overflow-x: auto; background: canvas; border-radius: .3rem; padding: .5rem; font-size: .85rem; }}
.suggestion::before {{ content: "\\2192\\00a0"; }}
</style>
</head>
<body>
<h1 class="{state}">{title}: {state}</h1>
<ul>{tiles}</ul>
{facts}
{findings}
<p><small>leomock {version}</small></p>
</body>
</html>
"""

WRITERS: dict[str, Callable[[Report], str]] = {
    "text": to_text,
    "json": to_json,
    "markdown": to_markdown,
    "sarif": to_sarif,
    "junit": to_junit,
    "github": to_github,
    "html": to_html,
}


# --- what the formats cannot write as it is ---------------------------------------------------------


def _lines(details: Sequence[str]) -> list[str]:
    return [line for detail in details for line in detail.splitlines() or [""]]


def _shown(text: str) -> str:
    """Text in which what cannot be shown stands as an escape."""
    return _UNSHOWABLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _dumped(document: Any) -> str:
    """JSON text; half a character, which UTF-8 cannot hold, becomes an escape within the string."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return _HALF.sub(lambda match: "\\" + _escape(match), text) + "\n"


def _escaped(text: str) -> str:
    return html.escape(_shown(text))


def _marked(text: str) -> str:
    """Text in which Markdown sees nothing but text."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """A code span, whatever is in it."""
    text = " ".join(text.split())
    fence = _fence(text, 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _fence(text: str, least: int) -> str:
    """More backticks than there are in a row in a text."""
    return "`" * (1 + max([least - 1, *(len(run) for run in re.findall("`+", text))]))
