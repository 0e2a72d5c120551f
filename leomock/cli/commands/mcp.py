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
from leomock.state.settings import SettingError, check_origin

if TYPE_CHECKING:
    from leomock.interop.capability.files import Capability
    from leomock.interop.capability.upstream import Clients
    from leomock.interop.capability.waiting import Waiting

ALL = click.option(
    "--all",
    "every",
    is_flag=True,
    help="Offer every operation of every version, not only those of generations, the account and the models.",
)
GROUP = click.option(
    "--group",
    metavar="NAME",
    help="Offer one group of operations, such as basic (the default), images, video, models or datasets.",
)
READ_ONLY = click.option("--read-only", is_flag=True, help="Offer only tools that change nothing.")
PLAIN = click.option(
    "--plain",
    is_flag=True,
    help="Answer errors in the API's own words, without leomock's explanations, as an agent would see them.",
)
VENDOR = click.option("--vendor", is_flag=True, help="Also offer the tool of Leonardo.AI's own MCP server.")
# Variables that hold an API key; the first is the one that the published capability files use.
KEYS = ("LEONARDO_AI_API_KEY", "LEONARDO_API_KEY")


@click.command()
@click.option(
    "--http",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve over HTTP at /mcp on this port; 0 picks a free one. Default: serve over stdin and stdout.",
)
@HOST
@ALL
@GROUP
@READ_ONLY
@VENDOR
@PLAIN
@click.option(
    "--upstream",
    default="fake",
    metavar="fake|real|URL",
    help="Server to call: a new fake, the real API (it charges credits), or the server at a URL.",
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
    group: str | None,
    read_only: bool,
    vendor: bool,
    plain: bool,
    upstream: str,
    jobs: str,
    scenarios: tuple[str, ...],
    allow_hosts: tuple[str, ...],
    quiet: bool,
) -> None:
    """Serve the API as MCP tools, to the client behind stdin and stdout or over HTTP (--http).

    The key is the one in LEONARDO_AI_API_KEY or LEONARDO_API_KEY; callers over HTTP may send their own, as
    `Authorization: Bearer` or `API-Key`. If no key is set, the fake uses a generated one.
    """
    from leomock.cli.serving.listening import run_on
    from leomock.cli.serving.mcp import require_mcp, serve_mcp
    from leomock.files.scenarios import ScenarioError
    from leomock.interop.capability.upstream import WrongKey, calling
    from leomock.interop.capability.whole import whole
    from leomock.openapi.spec import Versions
    from leomock.server.lifecycle import asyncio_run

    require_mcp()
    _check_options(context, port, upstream)
    capability = whole(Versions(), _group(group, every, vendor, read_only), read_only)
    with ExitStack() as stack:
        try:
            clients, waiting = _clients(capability, upstream, stack, jobs=jobs, scenario=scenarios)
        except (WrongKey, SettingError, ScenarioError) as error:
            raise click.UsageError(str(error)) from None

        async def over_stdio() -> None:
            from leomock.interop.mcp.serve import make_api_server, serve_stdio

            async with calling(capability, clients, waiting, plain) as caller:
                await serve_stdio(make_api_server(capability, caller, vendor))

        async def over_http(listener: Any, url: str) -> None:
            from leomock.interop.mcp.serve import http_app, make_api_server

            async with calling(capability, clients, waiting, plain) as caller:
                app = http_app(make_api_server(capability, caller, vendor), allow_hosts)
                await serve_mcp(app, listener, url, quiet)

        if port is None:
            # The thread that reads stdin cannot be interrupted, and nothing here needs cleaning up.
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, lambda *_: os._exit(0))
            asyncio_run(over_stdio())
        else:
            run_on(host, port, over_http, "--http 0 picks a free port")


def _group(group: str | None, every: bool, vendor: bool, read_only: bool) -> str:
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
    if vendor and (read_only or group not in (None, "basic", "images", "generations")):
        raise click.UsageError("--vendor needs the tools that create and read generations")
    return "" if every else group or "basic"


def _check_options(context: click.Context, port: int | None, upstream: str) -> None:
    """Reject options that would have no effect."""
    idle: dict[str, str] = {}
    if upstream != "fake":
        idle |= dict.fromkeys(("jobs", "scenarios"), "is for the fake that this command starts; leave it out")
    if port is None:
        idle |= dict.fromkeys(("host", "allow_hosts", "quiet"), "needs --http PORT; nobody else calls here")
    for option in context.command.params:
        name = option.name or ""
        if name in idle and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"{option.opts[0]} {idle[name]}")


def _clients(
    capability: Capability, upstream: str, stack: ExitStack, **settings: Any
) -> tuple[Clients, Waiting | None]:
    """Return clients of the API that answers, and the way to wait for one of its jobs.

    A fake is started on a port, so that its images can be opened.
    """
    from leomock.interop.capability.upstream import bound_key, client_of, real_key
    from leomock.interop.capability.waiting import FakeWaiting
    from leomock.openapi.spec import version_of
    from leomock.testing.fake import Fake

    variable = next((name for name in KEYS if os.environ.get(name)), KEYS[0])
    apis = [replace(api, variable=variable) for api in capability.upstreams]
    if upstream == "real":
        return {api.namespace: client_of(api.base_uri, real_key(api, os.environ)) for api in apis}, None
    # Accept the base URL of one version as well, because clients of the API use that.
    origin, key, transport, waiting = re.sub(r"(/api/rest/v\d+)?/*$", "", upstream), "", None, None
    if upstream == "fake":
        fake = stack.enter_context(Fake(**settings))
        origin, key, transport = fake.url, fake.api_key, fake.transport
        waiting = FakeWaiting(fake.api.worlds.of, bound_key(apis[0], os.environ) or key)
    else:
        check_origin(upstream, "--upstream")
    clients = {
        api.namespace: client_of(
            f"{origin}/api/rest/{version_of(api.base_uri)}", bound_key(api, os.environ) or key, transport
        )
        for api in apis
    }
    return clients, waiting
