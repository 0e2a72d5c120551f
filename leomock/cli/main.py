"""The `leomock` command: finds its commands in `commands/`."""

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

from leomock.cli import commands
from leomock.version import __version__

CONTEXT: dict[str, Any] = {
    "auto_envvar_prefix": "LEOMOCK",
    "help_option_names": ["-h", "--help"],
    "show_default": True,
    "max_content_width": 100,
}


class Commands(click.Group):
    """The modules of `commands/`, each loaded when its command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Their names."""
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a module has the module's name."""
        if name not in self.list_commands(context):
            return None
        command: click.Command = getattr(import_module(f"{commands.__name__}.{name}"), name)
        _read_environment(command, f"{CONTEXT['auto_envvar_prefix']}_{name.upper()}")
        return command

    def main(self, *arguments: Any, **more: Any) -> Any:
        """Begin; what nobody wants to read (`>&-`) goes nowhere."""
        with ExitStack() as stack:
            for name in ("stdout", "stderr"):
                if getattr(sys, name) is None:
                    setattr(sys, name, stack.enter_context(Path(os.devnull).open("w", encoding="utf-8")))
            stack.enter_context(_printing())
            return super().main(*arguments, **more)

    def invoke(self, context: click.Context) -> Any:
        """Run a command; what it refuses, or cannot print, ends with 2, since 1 is for findings."""
        with _printing():  # here as well: click itself ends a pipe that was closed with 1
            try:
                return super().invoke(context)
            except click.ClickException as error:
                error.show()
                raise click.exceptions.Exit(2) from None


@contextmanager
def _printing() -> Iterator[None]:
    """Ends with 2 where the output cannot be written to its end."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE:  # who closes a pipe knows why
            click.echo(f"Error: {error.strerror or error}", err=True)
        # What is left of the output would be tried again at the exit.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)


def _read_environment(command: click.Command, prefix: str) -> None:
    """Give each option the variable that is named as it is; click's own is named as its Python parameter."""
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
def main() -> None:
    """A stateful, spec-driven fake of the Leonardo.AI REST API.

    Every option can also be set in the environment: `leomock serve --port` as LEOMOCK_SERVE_PORT. One that
    may be repeated takes several values there, with blanks between them.

    Exit code 2: the command could not do what was asked, and says why.
    """


if __name__ == "__main__":
    main()
