"""Write a report as SARIF 2.1.0."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from leomock.contract.reports.model import Finding, Report
from leomock.contract.reports.plain import dump_json
from leomock.version import __version__

_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(report: Report) -> str:
    """Return SARIF 2.1.0 (OASIS standard, errata 01) for code scanning."""
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
        "results": [_result(finding, numbers[finding.rule], report.title) for finding in report.sorted],
        "properties": dict(report.facts),
    }
    return dump_json({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _result(finding: Finding, number: int, title: str) -> dict[str, Any]:
    # GitHub's code scanning rejects the whole upload if a single result has no physical location. A finding
    # about a server has no file, so the command and the operation stand in for a path.
    file = finding.file or f"{title}/{finding.where}"
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": finding.where}],
        "physicalLocation": {
            "artifactLocation": {"uri": quote(file.replace("\\", "/").encode("utf-8", "replace"), safe="/")},
            "region": {"startLine": max(finding.line, 1)},
        },
    }
    text = "\n".join([finding.message, *finding.details, *filter(None, [finding.suggestion])])
    # Identifies a finding across runs: these values stay the same when lines move.
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
