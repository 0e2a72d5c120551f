"""Options whose values come from a project's file of settings."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from leomock.cli.commands.serve import serve
from leomock.cli.main import main
from leomock.cli.options import SettingOption
from leomock.files.project_settings import TABLES, shared_names


def invoke(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> Result:
    monkeypatch.chdir(folder)
    return CliRunner().invoke(main, words)


def shown(result: Result, option: str) -> str:
    """What the help text says about an option, on one line."""
    text = " ".join(result.output.split())
    return text.partition(f" {option} ")[2].partition("]")[0] + "]"


def test_every_command_may_have_a_table() -> None:
    assert set(TABLES) == {*main.list_commands(click.Context(main)), "pytest"}


def test_every_setting_of_the_fake_is_an_option_of_serve() -> None:
    """And each may stand in a file, under the same name."""
    options = {
        max(option.opts, key=len).removeprefix("--")
        for option in serve.params
        if isinstance(option, SettingOption)
    }
    assert options == set(shared_names())


def test_command_line_comes_before_environment_before_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An error names the value that won, and the file if it came from there."""
    file = tmp_path / "leomock.toml"
    file.write_text('[serve]\nport = "file"\n', "utf-8")
    error = "Error: Invalid value for '--port': '{}' is not a valid integer."
    result = invoke(monkeypatch, tmp_path, "serve")
    assert result.output.splitlines()[-1] == f"{error.format('file')} (from {file})"
    monkeypatch.setenv("LEOMOCK_SERVE_PORT", "environment")
    result = invoke(monkeypatch, tmp_path, "serve")
    assert result.output.splitlines()[-1] == error.format("environment")
    result = invoke(monkeypatch, tmp_path, "serve", "--port", "line")
    assert result.output.splitlines()[-1] == error.format("line")
    assert result.exit_code == 2


def test_help_shows_the_values_of_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings of the fake hold for every command that starts one; a command's table comes first."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.leomock]\njobs = "manual"\nscenario = "flaky"\n[tool.leomock.exec]\njobs = "immediate"\n'
        "[tool.leomock.capability.serve]\nport_offset = 7\n",
        "utf-8",
    )
    for words, option, value in (
        (["serve"], "--jobs", "[default: manual]"),
        (["serve"], "--scenario", "[default: flaky]"),
        (["mcp"], "--jobs", "[default: manual]"),
        (["exec"], "--jobs", "[default: immediate]"),
        (["capability", "serve"], "--jobs", "[default: manual]"),
        (["capability", "serve"], "--port-offset", "[default: 7]"),
    ):
        assert value in shown(invoke(monkeypatch, tmp_path, *words, "--help"), option), (words, option)


def test_seed_of_the_fake_is_not_the_seed_of_the_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Options of that name which are not settings of a fake keep their own values."""
    (tmp_path / "leomock.toml").write_text("seed = 7\n", "utf-8")
    assert "[default: 7]" in shown(invoke(monkeypatch, tmp_path, "serve", "--help"), "--seed")
    assert "[default: 0]" in shown(invoke(monkeypatch, tmp_path, "check", "--help"), "--seed")


def test_file_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By an option, or by a variable."""
    file = tmp_path / "other.toml"
    file.write_text('jbos = "manual"\n', "utf-8")
    error = f"Error: {file}: there is no setting 'jbos'; did you mean 'jobs'?"
    result = invoke(monkeypatch, tmp_path, "--config", str(file), "openapi")
    assert (result.exit_code, result.output.splitlines()[-1]) == (2, error)
    monkeypatch.setenv("LEOMOCK_CONFIG", str(file))
    assert invoke(monkeypatch, tmp_path, "openapi").output.splitlines()[-1] == error
