"""Settings of a project: leomock.toml, and [tool.leomock] of pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leomock.files.project_settings import (
    ProjectSettings,
    ProjectSettingsError,
    find_settings,
    for_fake,
    read_settings,
)


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def test_nearest_file_is_read(tmp_path: Path) -> None:
    """From the folder upwards; a pyproject.toml without settings is passed over."""
    write(tmp_path, "pyproject.toml", '[tool.leomock]\njobs = "manual"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    write(inner, "pyproject.toml", "[project]\n")
    assert find_settings(inner).shared == {"jobs": "manual"}


def test_own_file_comes_before_pyproject(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", '[tool.leomock]\njobs = "manual"\n')
    write(tmp_path, "leomock.toml", 'jobs = "immediate"\n[serve]\nport = 9000\n')
    found = find_settings(tmp_path)
    assert (found.shared, found.tables) == ({"jobs": "immediate"}, {"serve": {"port": 9000}})


def test_project_without_a_file_has_no_settings(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", "[tool.other]\n")
    assert read_settings(tmp_path / "pyproject.toml").shared == {}
    assert ProjectSettings().of("serve", ()) == {}


def test_scenario_files_are_found_from_the_folder_of_the_file(tmp_path: Path) -> None:
    """Names stay names."""
    write(tmp_path, "mine.yaml", "")
    file = write(tmp_path, "leomock.toml", 'scenario = ["flaky", "mine.yaml"]\n[pytest]\nscenario = "slow"\n')
    found = read_settings(file)
    assert found.shared["scenario"] == ["flaky", str(tmp_path / "mine.yaml")]
    assert found.tables["pytest"]["scenario"] == ["slow"]


def test_settings_become_arguments_of_a_fake() -> None:
    values = {"api-key": ["a"], "max-body": 5, "scenario": ["flaky"], "strict": True}
    assert for_fake(values) == {"api_keys": ("a",), "max_body": 5, "scenario": ("flaky",)}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("jbos = 1", "{file}: there is no setting 'jbos'; did you mean 'jobs'?"),
        ("[srve]\nport = 1", "{file}: there is no setting 'srve'; did you mean 'serve'?"),
        ("serve = 1", "{file}: serve must be a table, not 1"),
        ("scenario = 1", "{file}: scenario must be a name, a file, or a list of these"),
        ("jobs = ", "{file}: not TOML: Invalid value (at end of document)"),
    ],
)
def test_file_that_cannot_be_used(tmp_path: Path, text: str, error: str) -> None:
    file = write(tmp_path, "leomock.toml", text)
    with pytest.raises(ProjectSettingsError, match=f"^{re.escape(error.format(file=file))}$"):
        read_settings(file)


def test_table_with_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "pyproject.toml", "[tool.leomock.serve]\nprot = 1\n")
    error = f"{file} [tool.leomock], table serve: there is no setting 'prot'; did you mean 'port'?"
    with pytest.raises(ProjectSettingsError, match=f"^{re.escape(error)}$"):
        read_settings(file).of("serve", {"port": 0})
