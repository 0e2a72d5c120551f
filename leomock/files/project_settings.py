"""Read the settings that a project keeps in `leomock.toml` or in `[tool.leomock]` of its `pyproject.toml`.

Settings of the fake are at the top and apply to every command that starts one, and to the pytest plugin. A
table with the name of a command (or `pytest`) contains settings for that command only::

    [tool.leomock]
    jobs = "immediate"
    scenario = ["flaky", "faults/mine.yaml"]

    [tool.leomock.serve]
    port = 9000

Names are those of the options, with hyphens or underscores. Relative paths start at the file's folder.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

OWN_FILE = "leomock.toml"
PYPROJECT = "pyproject.toml"
# Tables for one command; `pytest` is the plugin.
TABLES = (
    *(
        "behaviours",
        "ca",
        "capability",
        "check",
        "compare",
        "drift",
        "evidence",
        "exec",
        "mcp",
        "openapi",
        "operations",
        "proxy",
    ),
    *("pytest", "referee", "replay", "scenarios", "serve"),
)
# Options that may be repeated have the singular as their name.
_SINGULAR = {"api_keys": "api-key", "allow_hosts": "allow-host", "models": "model"}


@cache
def shared_names() -> dict[str, str]:
    """Map the name of each setting of the fake, as files and options spell it, to its name in Python."""
    from dataclasses import fields

    from leomock.state.settings import Settings  # every start of pytest imports this module

    names = {_SINGULAR.get(each.name, each.name.replace("_", "-")): each.name for each in fields(Settings)}
    return {"scenario": "scenario", **names}


class ProjectSettingsError(ValueError):
    """A settings file is invalid. The message names the file, the key and a fix."""


class ProjectSettings(NamedTuple):
    """The settings of one file. `where` names the file in messages; it is empty without a file."""

    where: str = ""
    folder: Path = Path()
    shared: Mapping[str, Any] = {}  # a tuple; nobody changes it
    tables: Mapping[str, Mapping[str, Any]] = {}  # a tuple; nobody changes it

    def of(self, table: str, known: Collection[str]) -> dict[str, Any]:
        """Return the settings of one table by their option names. Raises ProjectSettingsError for others."""
        return _named(self.tables.get(table, {}), known, f"{self.where}, table {table}")


def for_fake(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the fake among `values` as keyword arguments of `leomock.Fake`."""
    python_names = shared_names()
    return {
        python_names[name]: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if name in python_names
    }


def find_settings(folder: Path) -> ProjectSettings:
    """Read the nearest file with settings, from `folder` upwards; without one, return empty settings.

    In one folder `leomock.toml` comes first. Raises ProjectSettingsError.
    """
    for each in (folder, *folder.parents):
        if (own := each / OWN_FILE).is_file():
            return read_settings(own)
        if (shared := each / PYPROJECT).is_file() and "tool.leomock" in _text(shared):
            return read_settings(shared)
    return ProjectSettings()


def read_settings(file: Path) -> ProjectSettings:
    """Read one file. Raises ProjectSettingsError."""
    import tomllib

    try:
        tree = tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as error:
        raise ProjectSettingsError(f"{file}: not TOML: {error}") from None
    where = str(file)
    if file.name == PYPROJECT:
        where += " [tool.leomock]"
        tree = tree.get("tool", {}).get("leomock", {})
    if not isinstance(tree, dict):
        raise ProjectSettingsError(f"{file}: tool.leomock must be a table, not {tree!r:.60}")
    tables = {name: value for name, value in tree.items() if name in TABLES}
    for name, value in tables.items():
        if not isinstance(value, dict):
            raise ProjectSettingsError(f"{file}: {name} must be a table, not {value!r:.60}")
    rest = {name: value for name, value in tree.items() if name not in TABLES}
    shared = _named(rest, shared_names(), where, tables=TABLES)
    for table in (shared, *tables.values()):
        if "scenario" in table:
            table["scenario"] = _scenarios(table["scenario"], file)
    return ProjectSettings(where, file.parent, shared, tables)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectSettingsError(f"{file}: cannot be read: {error}") from None


def _named(
    table: Mapping[str, Any], known: Collection[str], place: str, tables: Collection[str] = ()
) -> dict[str, Any]:
    """Return a table by option names. Raises an error for an unknown one."""
    found = {}
    for key, value in table.items():
        name = key.replace("_", "-")
        if name not in known:
            from leomock.openapi.suggest import suggestion

            hint = suggestion(name, dict.fromkeys((*known, *tables)))
            hint = hint or f"; the settings here are {', '.join(sorted(known))}"
            raise ProjectSettingsError(f"{place}: there is no setting {key!r}{hint}")
        found[name] = value
    return found


def _scenarios(value: Any, file: Path) -> list[str]:
    """Return scenario names and files as a list; relative files start at the folder of the settings."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ProjectSettingsError(f"{file}: scenario must be a name, a file, or a list of these")
    return [str(file.parent / name) if (file.parent / name).is_file() else name for name in names]
