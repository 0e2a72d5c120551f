"""Use the values in a project's settings file as defaults of command options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from leomock.cli.options import SettingOption
from leomock.files.project_settings import ProjectSettings, ProjectSettingsError


def default_map(command: click.Command, name: str, settings: ProjectSettings) -> dict[str, Any]:
    """Return defaults of a command, and of those below it, as click takes them: by parameter names.

    Raises click.UsageError for a name that the command does not have.
    """
    try:
        return _of_command(command, name, settings)
    except ProjectSettingsError as error:
        raise click.UsageError(str(error)) from None


def _of_command(command: click.Command, name: str, settings: ProjectSettings) -> dict[str, Any]:
    if isinstance(command, click.Group):
        table = settings.tables.get(name, {})
        inner = ProjectSettings(settings.where, settings.folder, settings.shared, _tables(table, settings))
        known = {*command.commands, *_options(command)}
        settings.of(name, known)
        return {below: _of_command(one, below, inner) for below, one in command.commands.items()}
    options = _options(command)
    shared = {each: value for each, value in settings.shared.items() if _is_setting(options.get(each))}
    values = {**shared, **settings.of(name, options)}
    return {str(options[each].name): _value(options[each], value, settings) for each, value in values.items()}


def _tables(table: Mapping[str, Any], settings: ProjectSettings) -> dict[str, Mapping[str, Any]]:
    for name, value in table.items():
        if not isinstance(value, dict):
            raise ProjectSettingsError(f"{settings.where}: {name} must be a table, not {value!r:.60}")
    return dict(table)


def _options(command: click.Command) -> dict[str, click.Option]:
    return {
        max(option.opts, key=len).removeprefix("--"): option
        for option in command.params
        if isinstance(option, click.Option)
    }


def _is_setting(option: click.Option | None) -> bool:
    return isinstance(option, SettingOption)


def _value(option: click.Option, value: Any, settings: ProjectSettings) -> Any:
    """Return a value as click takes it: a list if the option repeats, a path from the file's folder."""
    if isinstance(option.type, click.Path) and isinstance(value, str):
        return str(settings.folder / Path(value))
    if option.multiple and not isinstance(value, list):
        return [value]
    return value
