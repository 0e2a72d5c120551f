"""Options of the commands that offer MCP tools."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, TypeVar

import click

from leomock.state.settings import SettingError, Settings

F = TypeVar("F", bound=Callable[..., Any])
ALL = click.option(
    "--all",
    "every",
    is_flag=True,
    help="Offer every operation of every version, not only those for generations, the account and models.",
)
GROUP = click.option(
    "--group",
    metavar="NAME",
    help="Offer one group of operations, such as basic (the default), images or video; tasks has a few tools "
    "with flat arguments, each for a whole task.",
)
READ_ONLY = click.option(
    "--read-only", is_flag=True, help="Offer only tools that change nothing and cost nothing."
)
PLAIN = click.option(
    "--plain",
    is_flag=True,
    help="Return the API's own error texts, without leomock's explanations, as an agent would see them.",
)
NO_CONFIRM = click.option(
    "--no-confirm",
    is_flag=True,
    help="Do not ask the user for confirmation before a tool deletes something or spends credits.",
)
VENDOR = click.option("--vendor", is_flag=True, help="Also offer the tool of Leonardo.AI's own MCP server.")
ALLOW_ORIGIN = click.option(
    "--allow-origin",
    "allow_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Origin whose pages may call MCP, such as http://localhost:5173; may be repeated.",
)
FETCH_FROM = click.option(
    "--fetch-from",
    multiple=True,
    metavar="HOST",
    help="Host or network, such as files.test or 10.0.0.0/8, that upload_image may fetch from although it "
    "is not public; may be repeated.",
)
TOOL_OPTIONS = (ALL, GROUP, READ_ONLY, VENDOR, PLAIN, NO_CONFIRM, FETCH_FROM)
TOOL_OPTION_NAMES = tuple(
    f"--{name}" for name in ("all", "group", "read-only", "vendor", "plain", "no-confirm", "fetch-from")
)


class McpTools(NamedTuple):
    """The tools to offer: a group of operations ('' for all), and how."""

    group: str = "basic"
    read_only: bool = False
    vendor: bool = False
    plain: bool = False
    confirm: bool = True
    fetch_from: tuple[str, ...] = ()


def tool_options(command: F) -> F:
    """Add the options that choose tools; the command receives them as one argument, `tools`."""

    @functools.wraps(command)
    def with_tools(
        *arguments: Any,
        every: bool,
        group: str | None,
        read_only: bool,
        vendor: bool,
        plain: bool,
        no_confirm: bool,
        fetch_from: tuple[str, ...],
        **others: Any,
    ) -> Any:
        _check_hosts(fetch_from)
        chosen = _group_of(group, every, vendor, read_only)
        tools = McpTools(chosen, read_only, vendor, plain, not no_confirm, fetch_from)
        return command(*arguments, tools=tools, **others)

    decorated: Any = with_tools
    for option in reversed(TOOL_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click keeps the type


def _check_hosts(hosts: Collection[str]) -> None:
    """Raise a UsageError for a value of --fetch-from that is neither a host nor a network."""
    for host in hosts:
        try:
            if not host.strip() or "/" in host or ":" in host:
                ipaddress.ip_network(host)
        except ValueError:
            text = "it takes hosts and networks, such as files.test or 10.0.0.0/8"
            raise click.UsageError(f"--fetch-from {host[:100]!r}: {text}") from None


def _group_of(group: str | None, every: bool, vendor: bool, read_only: bool) -> str:
    """Return the group to offer; '' for every operation."""
    if group is not None:
        _check_group(group)
    if group is not None and every:
        raise click.UsageError("give either --group or --all")
    if vendor and (read_only or group not in (None, "basic", "images", "tasks", "generations")):
        raise click.UsageError("--vendor needs the tools that create and read generations")
    return "" if every else group or "basic"


def _check_group(group: str) -> None:
    """Raise a UsageError for a group that does not exist."""
    from leomock.interop.capability.whole import groups
    from leomock.openapi.spec import Versions
    from leomock.openapi.suggest import suggestion

    known = groups(Versions())
    if group not in known:
        hint = suggestion(group, dict.fromkeys(known))
        raise click.UsageError(f"--group {group}: not known; use one of {', '.join(known)}{hint}")


def check_origins(origins: Collection[str]) -> None:
    """Raise a UsageError for an origin that no browser sends, and for `*`: tools spend credits."""
    for origin in origins:
        try:
            Settings(cors=(origin,))
        except SettingError:
            origin = "*"
        if origin == "*":
            raise click.UsageError("--allow-origin takes origins such as http://localhost:5173, but not *")
