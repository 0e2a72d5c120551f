"""`leomock mcp`: the API as MCP tools."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from leomock.cli.commands.serve import GROUPS, serve
from leomock.cli.mcp_options import ALLOW_ORIGIN, check_origins, group_of, tool_options
from leomock.cli.options import ALLOW_HOST, HOST, QUIET, SCENARIO, GroupedCommand, SettingOption
from leomock.state.settings import SettingError, check_origin

if TYPE_CHECKING:
    from leomock.interop.capability.model import Capability
    from leomock.interop.capability.upstream import Clients
    from leomock.interop.capability.waiting import Waiting

# Variables that hold an API key; the first is the one that the published capability files use.
KEYS = ("LEONARDO_AI_API_KEY", "LEONARDO_API_KEY")


# The settings of the fake are those of `leomock serve`, apart from these: they are about its port.
_NOT_HERE = frozenset({"public_url", "allow_hosts"})
_OWN = {
    "Tools": ("--all", "--group", "--read-only", "--vendor", "--plain", "--no-confirm"),
    "How it is reached": ("--http", "--host", "--allow-host", "--allow-origin", "--upstream", "--quiet"),
}


def fake_settings(command: click.Command) -> click.Command:
    """Add the settings of the fake, as `leomock serve` has them."""
    own = {each.name for each in command.params}
    command.params += [
        each
        for each in serve.params
        if isinstance(each, SettingOption) and each.name not in own and each.name not in _NOT_HERE
    ]
    return command


def _groups() -> dict[str, tuple[str, ...]]:
    """Return the headings of --help: those of this command, then those of `serve` for the fake."""
    own = {name for names in _OWN.values() for name in names}
    known = {max(each.opts, key=len) for each in serve.params if isinstance(each, SettingOption)} - {
        "--public-url",
        *own,
    }
    shared = {
        f"The fake: {heading[0].lower()}{heading[1:]}": tuple(name for name in names if name in known)
        for heading, names in GROUPS.items()
    }
    return _OWN | {heading: names for heading, names in shared.items() if names}


@fake_settings
@click.command(cls=GroupedCommand, groups=_groups())
@click.option(
    "--http",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve over HTTP at /mcp on this port; 0 picks a free one. Default: serve over stdin and stdout.",
)
@HOST
@tool_options
@click.option(
    "--upstream",
    default="fake",
    metavar="fake|real|URL",
    help="Server to call: a new fake, the real API (it charges credits), or the server at a URL.",
)
@SCENARIO
@ALLOW_HOST
@ALLOW_ORIGIN
@QUIET
@click.pass_context
def mcp(
    context: click.Context,
    /,
    port: int | None,
    host: str,
    every: bool,
    group: str | None,
    read_only: bool,
    vendor: bool,
    plain: bool,
    no_confirm: bool,
    upstream: str,
    scenarios: tuple[str, ...],
    allow_hosts: tuple[str, ...],
    allow_origins: tuple[str, ...],
    quiet: bool,
    **settings: Any,
) -> None:
    """Serve the API as MCP tools, to the client behind stdin and stdout or over HTTP (--http).

    The key is the one in LEONARDO_AI_API_KEY or LEONARDO_API_KEY; callers over HTTP may send their own, as
    `Authorization: Bearer` or `API-Key`. If no key is set, the fake uses a generated one. The address and the
    key of the fake are printed on stderr: its clock, scenarios and verdict are at /_leomock/ there. With
    --vendor and --http, /v1/mcp answers as Leonardo.AI's own server does.
    """
    from leomock.cli.serving.listening import run_on
    from leomock.cli.serving.mcp import TASKS, McpTools, mcp_apps, require_mcp, serve_mcp
    from leomock.files.scenarios import ScenarioError
    from leomock.interop.capability.upstream import WrongKey, calling
    from leomock.interop.capability.whole import whole
    from leomock.openapi.spec import Versions
    from leomock.server.lifecycle import asyncio_run

    require_mcp()
    _check_options(context, port, upstream)
    check_origins(allow_origins)
    tools = McpTools(group_of(group, every, vendor, read_only), read_only, vendor, plain, not no_confirm)
    capability = whole(Versions(), tools.group, read_only)
    with ExitStack() as stack:
        try:
            reached = _reached(capability, upstream, stack, scenario=scenarios, **settings)
        except (WrongKey, SettingError, ScenarioError) as error:
            raise click.UsageError(str(error)) from None

        def announce() -> None:
            for line in reached.announcement:
                click.echo(f"leomock: {line}", err=True)

        async def over_stdio() -> None:
            from leomock.interop.mcp.serve import make_api_server, serve_stdio

            announce()
            async with calling(capability, reached.clients, reached.waiting, plain) as caller:
                await serve_stdio(
                    make_api_server(
                        capability, caller, vendor, tasks=tools.group == TASKS, confirm=tools.confirm
                    )
                )

        async def over_http(listener: Any, url: str) -> None:
            announce()
            async with calling(capability, reached.clients, reached.waiting, plain) as caller:
                apps = mcp_apps(
                    capability,
                    caller,
                    tools,
                    allow_hosts=allow_hosts,
                    allow_origins=allow_origins,
                    needs_key=not reached.has_key,
                )
                await serve_mcp(apps, listener, url, quiet)

        if port is None:
            # The thread that reads stdin cannot be interrupted, and nothing here needs cleaning up.
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, lambda *_: os._exit(0))
            asyncio_run(over_stdio())
        else:
            run_on(host, port, over_http, "--http 0 picks a free port")


def _check_options(context: click.Context, port: int | None, upstream: str) -> None:
    """Reject options that would have no effect."""
    idle: dict[str, str] = {}
    if upstream != "fake":
        names = [each.name or "" for each in context.command.params if isinstance(each, SettingOption)]
        names.remove("allow_hosts")
        idle |= dict.fromkeys(names, "is for the fake that this command starts; leave it out")
    if port is None:
        over_http = ("host", "allow_hosts", "allow_origins", "quiet")
        idle |= dict.fromkeys(over_http, "needs --http PORT; nobody else calls here")
    for option in context.command.params:
        name = option.name or ""
        # A project's settings are for several commands, so they are no mistake here.
        given = context.get_parameter_source(name) in (
            ParameterSource.COMMANDLINE,
            ParameterSource.ENVIRONMENT,
        )
        if name in idle and given:
            raise click.UsageError(f"{option.opts[0]} {idle[name]}")


class _Reached(NamedTuple):
    """Clients of the API that answers, and the way to wait for its jobs; `announcement` is for the user."""

    clients: Clients
    waiting: Waiting | None
    has_key: bool
    announcement: Sequence[str] = ()


def _reached(capability: Capability, upstream: str, stack: ExitStack, **settings: Any) -> _Reached:
    """Reach the API: the real one, a server, or a fake that is started on a port.

    The fake has a port so that its images can be opened and it can be controlled.
    """
    from leomock.interop.capability.upstream import bound_key, client_of, real_key
    from leomock.interop.capability.waiting import FakeWaiting
    from leomock.openapi.spec import version_of
    from leomock.testing.fake import Fake

    variable = next((name for name in KEYS if os.environ.get(name)), KEYS[0])
    apis = [replace(api, variable=variable) for api in capability.upstreams]
    bound = bound_key(apis[0], os.environ)
    if upstream == "real":
        clients = {api.namespace: client_of(api.base_uri, real_key(api, os.environ)) for api in apis}
        return _Reached(clients, None, True)
    # Accept the base URL of one version as well, because clients of the API use that.
    origin, key, transport, waiting = re.sub(r"(/api/rest/v\d+)?/*$", "", upstream), bound, None, None
    announcement: list[str] = []
    if upstream == "fake":
        if bound and settings["auth"] != "open":
            settings["api_keys"] = (*settings["api_keys"], bound)
        fake = stack.enter_context(Fake(**settings))
        origin, key, transport = fake.url, bound or fake.api_key, fake.transport
        waiting = FakeWaiting(fake.api.worlds.of, key)
        shown = f"with the key in {variable}" if bound else f"with the key {key}"
        announcement = [
            f"the fake is at {origin}, and is called {shown}",
            f"clock, scenarios, journal and verdict: {origin}/_leomock/ with that key",
        ]
    else:
        check_origin(upstream, "--upstream")
    clients = {
        api.namespace: client_of(f"{origin}/api/rest/{version_of(api.base_uri)}", key, transport)
        for api in apis
    }
    return _Reached(clients, waiting, bool(key), announcement)
