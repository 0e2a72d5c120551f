"""A baseline accepts findings, each with a reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from leomock.contract.reports.baseline import Accepted, BaselineError, accept, read_baseline
from leomock.contract.reports.model import Finding, Report

TODAY = date(2026, 11, 28)
LOST = Finding("probe-echo", "d", "error", "negativePrompt is None, not 'rain'", "createGeneration")
OTHER = Finding("no-answer", "d", "error", "m", "getUserSelf")


def test_entry_accepts_what_all_its_patterns_match() -> None:
    entry = Accepted("probe-*", "on purpose", where="create*", message="*negativePrompt*")
    report = accept(Report("t", [LOST, OTHER]), [entry], TODAY)
    assert [(f.rule, f.level, f.suggestion) for f in report.findings] == [
        ("probe-echo", "note", "accepted: on purpose"),
        ("no-answer", "error", ""),
    ]


@pytest.mark.parametrize("entry", [Accepted("probe-*", "r", where="get*"), Accepted("echo", "r")])
def test_entry_that_matches_nothing_is_a_warning(entry: Accepted) -> None:
    report = accept(Report("t", [LOST]), [entry], TODAY)
    assert report.findings[0] is LOST
    assert (report.findings[1].rule, report.findings[1].level) == ("baseline-unused", "warning")
    assert report.findings[1].message == f"the baseline entry for {entry.rule} matches no finding"


def test_entry_ends_after_its_last_day() -> None:
    entry = Accepted("*", "r", until=TODAY)
    assert not accept(Report("t", [LOST]), [entry], TODAY).failed
    report = accept(Report("t", [LOST]), [entry], date(2026, 11, 29))
    assert report.failed
    assert report.findings[1].message == "the baseline entry for * expired on 2026-11-28"


def test_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "accepted.yaml"
    file.write_text("- rule: sdk-*\n  reason: known\n  until: 2027-03-31\n")
    assert read_baseline(file) == [Accepted("sdk-*", "known", until=date(2027, 3, 31))]
    file.write_text("")
    assert read_baseline(file) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rule: x", ": a baseline is a list of entries with the keys rule, where, message, reason, until"),
        ("- x", ": entry 1 is not an object with the keys rule, where, message, reason, until"),
        ("- rule: x", ": entry 1: 'reason' is missing"),
        ("- rule: x\n  reason: ' '", ": entry 1: 'reason' is missing"),
        (
            "- rule: x\n  reason: r\n  why: y",
            ": entry 1: unknown key 'why'; the keys are rule, where, message, reason, until",
        ),
        (
            "- rule: x\n  reason: r\n  until: soon",
            ": entry 1: 'until' is 'soon'; write a date such as 2027-03-31",
        ),
    ],
)
def test_incomplete_entry_is_refused(tmp_path: Path, text: str, error: str) -> None:
    file = tmp_path / "accepted.yaml"
    file.write_text(text)
    with pytest.raises(BaselineError) as refused:
        read_baseline(file)
    assert str(refused.value) == f"{file}{error}"
