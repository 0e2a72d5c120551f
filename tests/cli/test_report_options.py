"""Options that every command with a report takes."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from leomock.cli.report_options import ReportOptions, finish, report_options
from leomock.contract.reports.model import Finding, Report


@click.command()
@report_options()
def judged(reporting: ReportOptions) -> None:
    """End with one warning."""
    finish(Report("judge", [Finding("r", "d", "warning", "m", "w")]), reporting)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(judged, arguments)


def test_several_reports_from_one_run(tmp_path: Path) -> None:
    result = invoke("--report", "text", "--report", f"json={tmp_path}/r.json")
    assert result.stdout == "warning: w: m [r]\njudge: 1 warning\n"
    assert result.stderr == f"judge: 1 warning; the report is in {tmp_path}/r.json\n"
    assert json.loads((tmp_path / "r.json").read_text())["counts"]["warning"] == 1


def test_two_reports_for_stdout_are_refused() -> None:
    result = invoke("--report", "text", "--report", "json")
    assert result.exit_code == 2
    assert result.stderr.endswith(
        "Error: only one report can go to stdout, not text and json; "
        "give the others a file: --report json=FILE\n"
    )


def test_unknown_format_is_refused() -> None:
    result = invoke("--report", "pdf=x.pdf")
    assert "'pdf=x.pdf' is not FORMAT or FORMAT=FILE; the formats are text, json, markdown," in result.stderr


@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 1), ("note", 1), ("never", 0)])
def test_fail_on_decides_the_exit_code(level: str, code: int) -> None:
    assert invoke("--fail-on", level).exit_code == code


def test_baseline_accepts_findings(tmp_path: Path) -> None:
    file = tmp_path / "accepted.yaml"
    file.write_text("- rule: r\n  reason: on purpose\n")
    result = invoke("--baseline", str(file), "--fail-on", "warning")
    assert (result.exit_code, result.stdout) == (
        0,
        "note: w: m [r]\n    -> accepted: on purpose\njudge: 1 note\n",
    )
    file.write_text("- rule: r\n")
    result = invoke("--baseline", str(file))
    assert result.stderr == f"Error: {file}: entry 1: 'reason' is missing\n"
