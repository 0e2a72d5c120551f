"""The `leomock` command. Each module of `commands/` is one of its commands."""

from __future__ import annotations

import errno
import os
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from leomock.cli import commands
from leomock.cli.options import Group
from leomock.cli.project_defaults import default_map
from leomock.files.project_settings import ProjectSettingsError, find_settings, read_settings
from leomock.version import __version__

CONTEXT: dict[str, Any] = {
    "auto_envvar_prefix": "LEOMOCK",
    "help_option_names": ["-h", "--help"],
    "show_default": True,
    "max_content_width": 100,
}


class Commands(Group):
    """The modules of `commands/`, each loaded when its command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Load the module of that name and return the command in it, which has the same name."""
        if name not in self.list_commands(context):
            return None
        command: click.Command = getattr(import_module(f"{commands.__name__}.{name}"), name)
        _read_environment(command, f"{CONTEXT['auto_envvar_prefix']}_{name.upper()}")
        return command

    def main(self, *arguments: Any, **more: Any) -> Any:
        """Run the command. A closed stdout or stderr (`>&-`) is replaced by the null device."""
        with ExitStack() as stack:
            for name in ("stdout", "stderr"):
                if getattr(sys, name) is None:
                    setattr(sys, name, stack.enter_context(Path(os.devnull).open("w", encoding="utf-8")))
            stack.enter_context(_printing())
            return super().main(*arguments, **more)

    def invoke(self, context: click.Context) -> Any:
        """Run a command. Errors exit with code 2, because 1 means findings."""
        with _printing():  # here as well: click exits with 1 if a pipe was closed
            try:
                return super().invoke(context)
            except click.ClickException as error:
                _with_its_file(error, context).show()
                raise click.exceptions.Exit(2) from None


@contextmanager
def _printing() -> Iterator[None]:
    """Exit with code 2 if the output cannot be written completely."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE:  # whoever closed the pipe knows why
            click.echo(f"Error: {error.strerror or error}", err=True)
        # Python would try to write the rest of the output again at exit.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)


def _with_its_file(error: click.ClickException, context: click.Context) -> click.ClickException:
    """Return an error that names the project's settings file, if the value came from there."""
    if (
        isinstance(error, click.BadParameter)
        and error.ctx
        and error.param
        and error.ctx.get_parameter_source(str(error.param.name)) is ParameterSource.DEFAULT_MAP
    ):
        return click.UsageError(f"{error.format_message()} (from {context.obj.where})", error.ctx)
    return error


def _read_environment(command: click.Command, prefix: str) -> None:
    """Give each option an environment variable with the option's name; click uses the parameter's name."""
    for option in command.params:
        if isinstance(option, click.Option):
            name = f"{prefix}_{max(option.opts, key=len).strip('-').replace('-', '_').upper()}"
            known = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
            option.envvar = list(dict.fromkeys([*known, name]))
    if isinstance(command, click.Group):
        for below, one in command.commands.items():
            _read_environment(one, f"{prefix}_{below.upper()}")


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(__version__, message="leomock %(version)s")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read settings from this file instead of the nearest leomock.toml or pyproject.toml.",
)
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """A stateful, spec-driven fake of the Leonardo.AI REST API.

    Every option can also be set in the environment (`leomock serve --port` as LEOMOCK_SERVE_PORT; separate
    several values with spaces) and in [tool.leomock] in pyproject.toml or in leomock.toml. The command line
    overrides the environment, which overrides the file.

    A command that cannot do what you asked exits with code 2.
    """
    try:
        context.obj = read_settings(config.resolve()) if config else find_settings(Path.cwd())
    except ProjectSettingsError as error:
        raise click.UsageError(str(error)) from None
    name = context.invoked_subcommand or ""
    if command := main.get_command(context, name):
        context.default_map = {name: default_map(command, name, context.obj)}


if __name__ == "__main__":
    main()
