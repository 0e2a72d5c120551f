"""Run MCP servers on a port."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from leomock.cli.serving.listening import answer
from leomock.server.lifecycle import open_until

if TYPE_CHECKING:
    from leomock.cli.mcp_options import McpTools
    from leomock.interop.capability.model import Capability
    from leomock.interop.capability.upstream import Caller, Clients
    from leomock.interop.capability.waiting import Waiting
    from leomock.interop.mcp.tool_server import ToolServer
    from leomock.state.worlds import Worlds

# The header that callers of the API use; `API-Key` is another form of it.
KEY_HEADER = "authorization"
# The group whose tools are whole tasks.
TASKS = "tasks"


class ReachedApi(NamedTuple):
    """The API that answers: clients of it, the way to wait for its jobs, and its keys.

    `worlds` is there for a fake in this process. `announcement` is for the user.
    """

    capability: Capability
    clients: Clients
    has_key: bool
    waiting: Waiting | None = None
    worlds: Worlds | None = None
    announcement: Sequence[str] = ()


def require_mcp() -> None:
    """Raise a UsageError if the MCP SDK is not installed."""
    from leomock.interop.adapters import mcp_server
    from leomock.interop.mcp.address import MCP_MISSING

    if mcp_server() is None:
        raise click.UsageError(MCP_MISSING)


def mcp_apps(
    capability: Capability,
    caller: Caller,
    tools: McpTools,
    passed_on: Collection[str] = (KEY_HEADER,),
    **door: Any,
) -> dict[str, Any]:
    """Return the apps by their paths: the tools, and Leonardo.AI's own server if asked for.

    `door` is passed to `http_app`. Like the original, the vendor's server needs a key in every call.
    """
    from leomock.interop.mcp.address import MCP_PATH, VENDOR_PATH
    from leomock.interop.mcp.serve import http_app, make_vendor_server

    apps = {MCP_PATH: http_app(_api_server(capability, caller, tools, passed_on), **door)}
    if tools.vendor:
        own = make_vendor_server(capability, caller, passed_on)
        apps[VENDOR_PATH] = http_app(own, VENDOR_PATH, **{**door, "needs_key": True})
    return apps


def _api_server(
    capability: Capability, caller: Caller, tools: McpTools, passed_on: Collection[str] = (KEY_HEADER,)
) -> ToolServer:
    """Return the server of the tools."""
    from leomock.interop.mcp.serve import make_api_server

    return make_api_server(
        capability,
        caller,
        tools.vendor,
        passed_on,
        tasks=tools.group == TASKS,
        confirm=tools.confirm,
        fetch_from=tools.fetch_from,
    )


async def serve_over_stdio(api: ReachedApi, tools: McpTools) -> None:
    """Serve the tools to the client on stdin and stdout."""
    from leomock.interop.capability.upstream import calling
    from leomock.interop.mcp.serve import serve_stdio

    _announce(api)
    async with calling(api.capability, api.clients, api.waiting, tools.plain) as caller:
        await serve_stdio(_api_server(api.capability, caller, tools))


async def serve_over_http(
    api: ReachedApi, tools: McpTools, listener: Any, url: str, quiet: bool, **door: Any
) -> None:
    """Serve the tools on a port, and Leonardo.AI's own server if asked for; `door` is for `http_app`."""
    from leomock.interop.capability.upstream import calling
    from leomock.interop.mcp.keys import keys_of_fake, keys_of_server

    _announce(api)
    async with calling(api.capability, api.clients, api.waiting, tools.plain) as caller:
        offer = api.capability.adapters[0].offers[0]
        is_refused = keys_of_fake(api.worlds) if api.worlds else keys_of_server(caller, offer)
        door |= {"needs_key": not api.has_key, "is_refused": is_refused}
        await serve_mcp(mcp_apps(api.capability, caller, tools, **door), listener, url, quiet)


def _announce(api: ReachedApi) -> None:
    for line in api.announcement:
        click.echo(f"leomock: {line}", err=True)


async def serve_mcp(apps: Mapping[str, Any], listener: Any, url: str, quiet: bool) -> None:
    """Answer MCP clients at the paths of `apps` until a signal arrives; other paths get a 404."""
    from leomock.interop.mcp.address import MCP_PATH
    from leomock.server.app import beside

    stop = asyncio.Event()
    app = apps[MCP_PATH]
    async with AsyncExitStack() as stack:
        for path, each in apps.items():
            await stack.enter_async_context(open_until(stop, each))
            app = app if path == MCP_PATH else beside(app, path, each)
        await answer(app, listener, f"{url}{MCP_PATH}", quiet, stop=stop)
