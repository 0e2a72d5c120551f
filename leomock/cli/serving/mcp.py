"""Run an MCP server on a port."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from leomock.cli.serving.listening import answer
from leomock.server.lifecycle import open_until


def require_mcp() -> None:
    """Raise a UsageError if the MCP SDK is not installed."""
    from leomock.interop.adapters import mcp_server
    from leomock.interop.mcp.address import MCP_MISSING

    if mcp_server() is None:
        raise click.UsageError(MCP_MISSING)


async def serve_mcp(app: Any, listener: Any, url: str, quiet: bool) -> None:
    """Answer MCP clients until a signal arrives."""
    from leomock.interop.mcp.address import MCP_PATH

    stop = asyncio.Event()
    async with open_until(stop, app):
        await answer(app, listener, f"{url}{MCP_PATH}", quiet, stop=stop)
