"""`leomock mcp`: the API as MCP tools."""

from __future__ import annotations

import os
import re
import signal
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from leomock.cli.commands.serve import GROUPS, serve
from leomock.cli.mcp_options import ALLOW_ORIGIN, TOOL_OPTION_NAMES, McpTools, check_origins, tool_options
from leomock.cli.options import ALLOW_HOST, HOST, QUIET, SCENARIO, GroupedCommand, SettingOption, Whole
from leomock.state.settings import SettingError, check_origin

if TYPE_CHECKING:
    from leomock.cli.serving.mcp import ReachedApi
    from leomock.interop.capability.model import Capability

# Variables that hold an API key; the first is the one that the published capability files use.
KEYS = ("LEONARDO_AI_API_KEY", "LEONARDO_API_KEY")


# The settings of the fake are those of `leomock serve`, except these, which concern its port.
_NOT_HERE = frozenset({"public_url", "allow_hosts"})
_OWN = {
    "Tools": TOOL_OPTION_NAMES,
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
    type=Whole(0, 65535),
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
    tools: McpTools,
    upstream: str,
    scenarios: tuple[str, ...],
    allow_hosts: tuple[str, ...],
    allow_origins: tuple[str, ...],
    quiet: bool,
    **settings: Any,
) -> None:
    """Serve the API as MCP tools, over stdin and stdout or over HTTP (--http).

    The key is the one in LEONARDO_AI_API_KEY or LEONARDO_API_KEY; callers over HTTP may send their own, as
    `Authorization: Bearer` or `API-Key`. If no key is set, the fake uses a generated one. The command prints
    the fake's address and key on stderr, so that you can reach its clock, scenarios and verdict under
    /_leomock/. With --vendor and --http, /v1/mcp answers as Leonardo.AI's own server does.
    """
    from leomock.cli.serving.listening import run_on
    from leomock.cli.serving.mcp import require_mcp, serve_over_http, serve_over_stdio
    from leomock.files.scenarios import ScenarioError
    from leomock.interop.capability.upstream import WrongKey
    from leomock.interop.capability.whole import whole
    from leomock.openapi.spec import Versions
    from leomock.server.lifecycle import asyncio_run

    require_mcp()
    _check_options(context, port, upstream)
    check_origins(allow_origins)
    capability = whole(Versions(), tools.group, tools.read_only)
    with ExitStack() as stack:
        try:
            api = _reached(capability, upstream, stack, scenario=scenarios, **settings)
        except (WrongKey, SettingError, ScenarioError) as error:
            raise click.UsageError(str(error)) from None
        if port is None:
            # The thread that reads stdin cannot be interrupted, and nothing here needs cleaning up.
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, lambda *_: os._exit(0))
            asyncio_run(serve_over_stdio(api, tools))
            return
        door = {"allow_hosts": allow_hosts, "allow_origins": allow_origins}
        run_on(
            host,
            port,
            lambda listener, url: serve_over_http(api, tools, listener, url, quiet, **door),
            "--http 0 picks a free port",
        )


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
        # A project's settings apply to several commands, so they are not a mistake here.
        given = context.get_parameter_source(name) in (
            ParameterSource.COMMANDLINE,
            ParameterSource.ENVIRONMENT,
        )
        if name in idle and given:
            raise click.UsageError(f"{option.opts[0]} {idle[name]}")


def _reached(capability: Capability, upstream: str, stack: ExitStack, **settings: Any) -> ReachedApi:
    """Reach the API: the real one, a server, or a fake that is started on a port.

    The fake has a port so that its images can be opened and it can be controlled.
    """
    from leomock.cli.serving.mcp import ReachedApi
    from leomock.interop.capability.upstream import bound_key, client_of, real_key
    from leomock.interop.capability.waiting import FakeWaiting
    from leomock.openapi.spec import version_of
    from leomock.testing.fake import Fake

    variable = next((name for name in KEYS if os.environ.get(name)), KEYS[0])
    apis = [replace(api, variable=variable) for api in capability.upstreams]
    bound = bound_key(apis[0], os.environ)
    if upstream == "real":
        clients = {api.namespace: client_of(api.base_uri, real_key(api, os.environ)) for api in apis}
        return ReachedApi(capability, clients, has_key=True)
    # Accept the base URL of one version as well, because clients of the API use that.
    origin, key, transport = re.sub(r"(/api/rest/v\d+)?/*$", "", upstream), bound, None
    of_fake: dict[str, Any] = {}
    if upstream == "fake":
        if bound and settings["auth"] != "open":
            settings["api_keys"] = (*settings["api_keys"], bound)
        fake = stack.enter_context(Fake(**settings))
        origin, key, transport = fake.url, bound or fake.api_key, fake.transport
        shown = f"with the key in {variable}" if bound else f"with the key {key}"
        of_fake = {
            "waiting": FakeWaiting(fake.api.worlds.of, key),
            "worlds": fake.api.worlds,
            "announcement": [
                f"the fake is at {origin}, and is called {shown}",
                f"clock, scenarios, journal and verdict: {origin}/_leomock/ with that key",
            ],
        }
    else:
        check_origin(upstream, "--upstream")
    clients = {
        api.namespace: client_of(f"{origin}/api/rest/{version_of(api.base_uri)}", key, transport)
        for api in apis
    }
    return ReachedApi(capability, clients, bool(key), **of_fake)
