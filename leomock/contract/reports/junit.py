"""Write a report as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from leomock.contract.reports.model import Finding, Report
from leomock.contract.reports.plain import printable


def to_junit(report: Report) -> str:
    """Return JUnit XML for CI: a test case per place; findings that do not fail the run are output."""
    cases: dict[str, list[Finding]] = {where: [] for where in report.checked}
    for finding in report.sorted:
        cases.setdefault(finding.where, []).append(finding)
    suites = Xml.Element("testsuites")
    suite = Xml.SubElement(suites, "testsuite", name=printable(report.title))
    if report.facts:
        properties = Xml.SubElement(suite, "properties")
        for name, value in report.facts.items():
            Xml.SubElement(properties, "property", name=printable(name), value=printable(value))
    failures = 0
    for where, findings in cases.items():
        case = Xml.SubElement(suite, "testcase", classname=printable(report.title), name=printable(where))
        case.set("time", f"{report.durations.get(where, 0.0):.3f}")
        # One failure per case: viewers show only the first.
        if grave := [finding for finding in findings if report.fails(finding)]:
            failures += 1
            more = f" (and {len(grave) - 1} more)" if len(grave) > 1 else ""
            failure = Xml.SubElement(
                case, "failure", message=printable(grave[0].message + more), type=printable(grave[0].rule)
            )
            failure.text = printable("\n\n".join(map(_paragraph, grave)))
        if slight := [finding for finding in findings if not report.fails(finding)]:
            Xml.SubElement(case, "system-out").text = printable("\n\n".join(map(_paragraph, slight)))
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0"}
    counts["time"] = f"{sum(report.durations.values()):.3f}"
    suites.attrib.update(counts)
    suite.attrib.update(counts, skipped="0")
    Xml.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(suites, encoding="unicode") + "\n"


def _paragraph(finding: Finding) -> str:
    lines = [f"{finding.level}: {finding.message} [{finding.rule}]", *finding.details]
    return "\n".join([*lines, finding.suggestion] if finding.suggestion else lines)
