"""Commands of the first hour: exec with journal and verdict, scenarios to start from, a filtered list."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from leomock.cli.main import main
from leomock.files.scenarios import ScenarioRegistry, load, scenarios_folder
from leomock.openapi.spec import Versions

# A program that makes a mistake and exits with the code in its argument.
PROGRAM = """
import json, os, sys, urllib.request, urllib.error
request = urllib.request.Request(
    os.environ["LEONARDO_BASE_URL"] + "/generations",
    json.dumps({"promt": "a cat"}).encode(),
    {"authorization": "Bearer " + os.environ["LEONARDO_API_KEY"], "content-type": "application/json"},
)
try:
    urllib.request.urlopen(request)
except urllib.error.HTTPError:
    pass
sys.exit(int(sys.argv[1]))
"""
LINE = "#1 POST /api/rest/v1/generations createGeneration 400 | createGeneration has no variable 'promt'"


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM, "utf-8")
    return [sys.executable, str(file)]


@pytest.mark.parametrize(
    ("options", "exits", "code", "shown"),
    [
        ([], "3", 3, True),
        ([], "0", 0, False),
        (["--strict"], "0", 1, True),
        (["--strict"], "3", 3, True),
    ],
)
def test_exec_ends_with_journal_and_verdict_when_it_failed(
    program: list[str], options: list[str], exits: str, code: int, shown: bool
) -> None:
    result = CliRunner().invoke(main, ["exec", *options, "--", *program, exits])
    assert result.exit_code == code, result.output
    assert (LINE in result.stderr) is shown
    assert ("unexpected-variable: createGeneration was sent" in result.stderr) is shown


def test_exec_writes_the_journal_to_a_file(program: list[str], tmp_path: Path) -> None:
    file = tmp_path / "journal.txt"
    result = CliRunner().invoke(main, ["exec", "--journal", str(file), "--", *program, "0"])
    assert result.exit_code == 0
    assert LINE in file.read_text("utf-8")


def test_shipped_scenario_is_shown_as_it_stands() -> None:
    result = CliRunner().invoke(main, ["scenarios", "show", "flaky"])
    assert result.output == (scenarios_folder() / "flaky.yaml").read_text("utf-8")
    wrong = CliRunner().invoke(main, ["scenarios", "show", "flakey"])
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "Error: scenario='flakey': not known; did you mean 'flaky'?\n",
    )


def test_new_scenario_is_valid_and_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert CliRunner().invoke(main, ["scenarios", "new", str(file)]).exit_code == 0
    operations = Versions().operations
    assert len(load(file, operations, set()).rules) == 1
    assert ScenarioRegistry(tmp_path, operations, set()).names() == ["mine"]
    again = CliRunner().invoke(main, ["scenarios", "new", str(file)])
    assert again.exit_code == 2
    assert again.stderr.endswith(f"Error: {file} exists already\n")


def test_operations_are_filtered_by_name() -> None:
    result = CliRunner().invoke(main, ["operations", "motion"])
    ids = [line.split()[0] for line in result.output.splitlines()]
    assert "createSVDMotionGeneration" in ids
    assert "createGeneration" not in ids
    wrong = CliRunner().invoke(main, ["operations", "createGenration"])
    assert wrong.stderr == (
        "Error: no operation contains 'createGenration'; did you mean 'createGeneration'?\n"
    )
