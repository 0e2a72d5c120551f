"""Run MCP servers on a port."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from leomock.cli.serving.listening import answer
from leomock.server.lifecycle import open_until

if TYPE_CHECKING:
    from leomock.interop.capability.model import Capability
    from leomock.interop.capability.upstream import Caller

# The header that callers of the API use; `API-Key` is another form of it.
KEY_HEADER = "authorization"
# The group whose tools are whole tasks.
TASKS = "tasks"


class McpTools(NamedTuple):
    """The tools to offer: a group of operations ('' for all), and how."""

    group: str = "basic"
    read_only: bool = False
    vendor: bool = False
    plain: bool = False
    confirm: bool = True


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
    """Return the apps by their paths: the tools, and perhaps Leonardo.AI's own server beside them.

    `door` is for `http_app`. As the original, the vendor's server needs a key in every call.
    """
    from leomock.interop.mcp.address import MCP_PATH, VENDOR_PATH
    from leomock.interop.mcp.serve import http_app, make_api_server, make_vendor_server

    apps = {
        MCP_PATH: http_app(
            make_api_server(capability, caller, tools.vendor, passed_on, tools.group == TASKS, tools.confirm),
            **door,
        )
    }
    if tools.vendor:
        own = make_vendor_server(capability, caller, passed_on)
        apps[VENDOR_PATH] = http_app(own, VENDOR_PATH, **{**door, "needs_key": True})
    return apps


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
