"""Write a report as one HTML page."""

from __future__ import annotations

import html

from leomock.contract.reports.model import Finding, Report
from leomock.contract.reports.plain import printable
from leomock.version import __version__


def to_html(report: Report) -> str:
    """Return one self-contained page for a browser."""
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


def _escaped(text: str) -> str:
    return html.escape(printable(text))
