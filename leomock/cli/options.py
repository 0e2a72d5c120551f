"""Options that several commands share, and commands whose --help lists options in groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from leomock.state.settings import DEFAULT_JOBS

F = TypeVar("F", bound=Callable[..., Any])


class GroupedCommand(click.Command):
    """A command whose --help lists options under headings.

    `groups` maps a heading to the options below it, by their longest names. Other options appear under
    "Options".
    """

    def __init__(self, *arguments: Any, groups: Mapping[str, Sequence[str]], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.groups = groups

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups in their order, then the rest."""
        rows = {}
        for option in self.get_params(context):
            if row := option.get_help_record(context):
                rows[max(option.opts, key=len)] = row
        for heading, names in self.groups.items():
            with formatter.section(heading):
                formatter.write_dl([rows.pop(name) for name in names])
        with formatter.section("Options"):
            formatter.write_dl(list(rows.values()))


class SettingOption(click.Option):
    """An option that is a setting of the fake; `[tool.leomock]` of a project may set it for every command."""


def setting(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Declare an option that is a setting of the fake."""
    return click.option(*names, cls=SettingOption, **attributes)


HOST = click.option(
    "--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 lets other machines in."
)
PORT = click.option(
    "--port", default=8090, type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one."
)
QUIET = click.option("--quiet", is_flag=True, help="Do not log each call; show warnings only.")
JOBS = setting(
    "--jobs",
    default=DEFAULT_JOBS,
    metavar="PACE",
    help="How a generation completes: seconds:S, polls:N (PENDING for N reads), polls:N,seconds:S "
    "(whichever comes first), immediate, or manual.",
)
SCENARIO = setting(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME|FILE",
    help="Fault scenario to play from the start; may be repeated. `leomock scenarios` lists the names.",
)
ALLOW_HOST = setting(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="HOST",
    help="Extra host name to accept for endpoints that need no API key; may be repeated.",
)
PROXY_OTHERS = click.option(
    "--proxy-others",
    type=click.Choice(["allow", "refuse"]),
    default="allow",
    help="Whether the forward proxy leads to hosts other than the API's.",
)
