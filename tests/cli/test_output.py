"""Reports on disks that are full or read-only: a clear error, exit code 2, and nothing half written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from leomock.cli.main import main
from leomock.cli.output import write_report
from tests.files.disk import Disk

COMMANDS = [
    ["behaviours", "--format", "markdown", "-o"],
    ["operations", "-o"],
    ["scenarios", "-o"],
    ["openapi", "-o"],
]


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_report_on_a_full_disk_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    file = tmp_path / "report"
    file.write_text("old")
    Disk(monkeypatch).fail(os, "fsync", errno.ENOSPC)
    result = _run(*command, str(file))
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: cannot write {file}: No space left on device\n")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_new_report_on_a_full_disk_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Disk(monkeypatch).fail(os, "fsync", errno.ENOSPC)
    assert _run("openapi", "-o", str(tmp_path / "report")).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_report_in_a_folder_that_becomes_read_only_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(monkeypatch).fail(os, "open", errno.EROFS)
    result = _run("openapi", "-o", str(tmp_path / "report"))
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: cannot write {tmp_path / 'report'}: Read-only file system\n")


def test_report_of_a_check_on_a_full_disk_does_not_look_like_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, report = tmp_path / "api.json", tmp_path / "report"
    document.write_text('{"openapi": "3.0.3", "info": {"title": "a", "version": "1"}, "paths": {}}')
    report.write_text("old")
    Disk(monkeypatch).fail(os, "fsync", errno.ENOSPC)
    result = _run("drift", str(document), str(document), "--report", f"junit={report}")
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: cannot write {report}: No space left on device\n")
    assert report.read_text() == "old"


def test_report_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_report(tmp_path / "report", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "report").stat().st_mode & 0o777 == 0o644


def test_report_can_go_to_a_device() -> None:
    write_report(Path(os.devnull), "text")
