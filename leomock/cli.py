"""The `leomock` command: finds its commands in `commands/`."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import click

from leomock import __version__, commands

CONTEXT = {
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
        return command


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(__version__, message="leomock %(version)s")
def main() -> None:
    """A stateful, spec-driven fake of the Leonardo.AI REST API.

    Every option can also be set in the environment: `leomock serve --port` as LEOMOCK_SERVE_PORT.
    """


if __name__ == "__main__":
    main()
