"""Write a command's findings in formats for people, CI systems and other tools; no side effects."""

from __future__ import annotations

from collections.abc import Callable

from leomock.contract.reports.github import to_github
from leomock.contract.reports.html import to_html
from leomock.contract.reports.junit import to_junit
from leomock.contract.reports.markdown import to_markdown
from leomock.contract.reports.model import Report
from leomock.contract.reports.plain import to_json, to_text
from leomock.contract.reports.sarif import to_sarif

WRITERS: dict[str, Callable[[Report], str]] = {
    "text": to_text,
    "json": to_json,
    "markdown": to_markdown,
    "sarif": to_sarif,
    "junit": to_junit,
    "github": to_github,
    "html": to_html,
}
