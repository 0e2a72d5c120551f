"""Options of the commands that offer MCP tools."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import click

from leomock.state.settings import SettingError, Settings

F = TypeVar("F", bound=Callable[..., Any])
ALL = click.option(
    "--all",
    "every",
    is_flag=True,
    help="Offer every operation of every version, not only those of generations, the account and the models.",
)
GROUP = click.option(
    "--group",
    metavar="NAME",
    help="Offer one group of operations, such as basic (the default), images or video; tasks has a few tools "
    "with flat arguments, each for a whole task.",
)
READ_ONLY = click.option("--read-only", is_flag=True, help="Offer only tools that change nothing.")
PLAIN = click.option(
    "--plain",
    is_flag=True,
    help="Answer errors in the API's own words, without leomock's explanations, as an agent would see them.",
)
NO_CONFIRM = click.option(
    "--no-confirm",
    is_flag=True,
    help="Do not ask the user of a client that can ask before a tool deletes something or spends credits.",
)
VENDOR = click.option("--vendor", is_flag=True, help="Also offer the tool of Leonardo.AI's own MCP server.")
ALLOW_ORIGIN = click.option(
    "--allow-origin",
    "allow_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Origin whose pages may call MCP, such as http://localhost:5173; may be repeated.",
)
TOOL_OPTIONS = (ALL, GROUP, READ_ONLY, VENDOR, PLAIN, NO_CONFIRM)


def tool_options(command: F) -> F:
    """Add the options that choose tools."""
    for option in reversed(TOOL_OPTIONS):
        command = option(command)
    return command


def group_of(group: str | None, every: bool, vendor: bool, read_only: bool) -> str:
    """Return the group to offer; '' for every operation."""
    from leomock.interop.capability.whole import groups
    from leomock.openapi.spec import Versions
    from leomock.openapi.suggest import suggestion

    known = groups(Versions())
    if group is not None and group not in known:
        hint = suggestion(group, dict.fromkeys(known))
        raise click.UsageError(f"--group {group}: not known; use one of {', '.join(known)}{hint}")
    if group is not None and every:
        raise click.UsageError("give either --group or --all")
    if vendor and (read_only or group not in (None, "basic", "images", "tasks", "generations")):
        raise click.UsageError("--vendor needs the tools that create and read generations")
    return "" if every else group or "basic"


def check_origins(origins: Collection[str]) -> None:
    """Raise a UsageError for an origin that no browser sends, and for `*`: tools spend credits."""
    for origin in origins:
        try:
            Settings(cors=(origin,))
        except SettingError:
            origin = "*"
        if origin == "*":
            raise click.UsageError("--allow-origin takes origins such as http://localhost:5173, and not *")
