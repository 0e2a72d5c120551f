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

from leomock.cli.options import ALLOW_HOST, HOST, JOBS, QUIET, SCENARIO
from leomock.cli.serving.listening import run_on
from leomock.cli.serving.mcp import require_mcp, serve_mcp
from leomock.server.lifecycle import asyncio_run
from leomock.state.settings import SettingError, check_origin

if TYPE_CHECKING:
    from leomock.interop.capability.files import Capability
    from leomock.interop.capability.upstream import Clients

ALL = click.option(
    "--all",
    "every",
    is_flag=True,
    help="Every operation of every version as a tool, not the four of generations.",
)
VENDOR = click.option("--vendor", is_flag=True, help="Also the one tool of Leonardo.AI's own MCP server.")
# By which name users of the API keep a key; the first is that of the published capability files.
KEYS = ("LEONARDO_AI_API_KEY", "LEONARDO_API_KEY")


@click.command()
@click.option(
    "--http",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve at /mcp of this port, 0 picks one; without it, stdin and stdout are the client.",
)
@HOST
@ALL
@VENDOR
@click.option(
    "--upstream",
    default="fake",
    metavar="fake|real|URL",
    help="What answers: a fake of its own, the real API (it charges credits), or a server at an address.",
)
@JOBS
@SCENARIO
@ALLOW_HOST
@QUIET
@click.pass_context
def mcp(
    context: click.Context,
    port: int | None,
    host: str,
    every: bool,
    vendor: bool,
    upstream: str,
    jobs: str,
    scenarios: tuple[str, ...],
    allow_hosts: tuple[str, ...],
    quiet: bool,
) -> None:
    """Serve the API as MCP tools, to the client behind stdin and stdout or over HTTP (--http).

    The key is the one in LEONARDO_AI_API_KEY or LEONARDO_API_KEY; callers over HTTP may send their own, as
    `Authorization: Bearer` or `API-Key`. Without any, the fake takes one of its own.
    """
    from leomock.files.scenarios import ScenarioError
    from leomock.interop.capability.upstream import WrongKey, calling
    from leomock.interop.capability.whole import whole
    from leomock.openapi.spec import Versions

    require_mcp()
    _check_options(context, port, upstream)
    capability = whole(Versions(), "" if every else "generations")
    with ExitStack() as stack:
        try:
            clients = _clients(capability, upstream, stack, jobs=jobs, scenario=scenarios)
        except (WrongKey, SettingError, ScenarioError) as error:
            raise click.UsageError(str(error)) from None

        async def over_stdio() -> None:
            from leomock.interop.mcp.serve import make_api_server, serve_stdio

            async with calling(capability, clients) as caller:
                await serve_stdio(make_api_server(capability, caller, vendor))

        async def over_http(listener: Any, url: str) -> None:
            from leomock.interop.mcp.serve import http_app, make_api_server

            async with calling(capability, clients) as caller:
                app = http_app(make_api_server(capability, caller, vendor), allow_hosts)
                await serve_mcp(app, listener, url, quiet)

        if port is None:
            # Nothing interrupts the thread that reads stdin, and nothing here needs to be put away.
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, lambda *_: os._exit(0))
            asyncio_run(over_stdio())
        else:
            run_on(host, port, over_http, "--http 0 picks a free port")


def _check_options(context: click.Context, port: int | None, upstream: str) -> None:
    """Refuse options that would be without effect."""
    idle: dict[str, str] = {}
    if upstream != "fake":
        idle |= dict.fromkeys(("jobs", "scenarios"), "is for the fake that this command starts; leave it out")
    if port is None:
        idle |= dict.fromkeys(("host", "allow_hosts", "quiet"), "needs --http PORT; nobody else calls here")
    for option in context.command.params:
        name = option.name or ""
        if name in idle and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"{option.opts[0]} {idle[name]}")


def _clients(capability: Capability, upstream: str, stack: ExitStack, **settings: Any) -> Clients:
    """The clients of what answers; a fake is started, on a port, since its pictures are to be seen."""
    from leomock.interop.capability.upstream import bound_key, client_of, real_key
    from leomock.openapi.spec import version_of
    from leomock.testing.fake import Fake

    variable = next((name for name in KEYS if os.environ.get(name)), KEYS[0])
    apis = [replace(api, variable=variable) for api in capability.upstreams]
    if upstream == "real":
        return {api.namespace: client_of(api.base_uri, real_key(api, os.environ)) for api in apis}
    # The address of one version, as clients of the API have it, will do as well.
    origin, key, transport = re.sub(r"(/api/rest/v\d+)?/*$", "", upstream), "", None
    if upstream == "fake":
        fake = stack.enter_context(Fake(**settings))
        origin, key, transport = fake.url, fake.api_key, fake.transport
    else:
        check_origin(upstream, "--upstream")
    return {
        api.namespace: client_of(
            f"{origin}/api/rest/{version_of(api.base_uri)}", bound_key(api, os.environ) or key, transport
        )
        for api in apis
    }
