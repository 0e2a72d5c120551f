"""Options that several commands share, types of their values, and how --help lists them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from leomock.state.settings import DEFAULT_JOBS

F = TypeVar("F", bound=Callable[..., Any])
# Characters; longer than any first sentence.
_WHOLE_SENTENCE = 1000


class Whole(click.IntRange):
    """A whole number in a range."""

    name = "integer"  # in errors and in --help; click says "integer range"


class Number(click.FloatRange):
    """A number in a range; `nan` and `inf`, which Python reads as numbers, are none."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read one value."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number


class Group(click.Group):
    """A group whose --help shows the first sentence about each command as a whole.

    The error for an unknown command names the nearest one.
    """

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and the sentences, on as many lines as they need."""
        commands = {name: self.get_command(context, name) for name in self.list_commands(context)}
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, each.get_short_help_str(_WHOLE_SENTENCE)) for name, each in commands.items() if each]
            )

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name; an unknown name is refused with the nearest command."""
        known = self.list_commands(context)
        if args and args[0] not in known and not args[0].startswith("-"):
            from leomock.openapi.suggest import suggestion

            near = suggestion(args[0], dict.fromkeys(known)) or f"; the commands are {', '.join(known)}"
            raise click.UsageError(f"no command {args[0]!r}{near}", context)
        return super().resolve_command(context, args)


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
    "--port", default=8090, type=Whole(0, 65535), help="Port to listen on; 0 picks a free one."
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
    help="Whether the forward proxy also forwards to hosts other than the API's.",
)
