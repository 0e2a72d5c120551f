"""MCP sessions of a test, in its own process and with its own account."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar

import mcp_types as types
from mcp import Client

from leomock.interop.capability.upstream import Caller, client_of
from leomock.interop.capability.waiting import FakeWaiting
from leomock.interop.capability.whole import whole
from leomock.interop.mcp.serve import make_api_server
from leomock.interop.mcp.task_tools import TASK_GROUP
from leomock.openapi.spec import shipped_versions, version_of
from leomock.state.world import World
from leomock.testing.tenant import Tenant

T = TypeVar("T")


class McpSession:
    """The API as MCP tools for one account of a fake, without a port.

    `call_tool` and `list_tools` are for scripted agents. An agent framework takes `server`, the server object
    of the MCP SDK: `async with mcp.Client(session.server)`. `group` is a group of tools as `leomock mcp
    --group` takes it ('' for all of them); with `plain`, nothing reveals that a fake
    answers. With `confirm`, a client that can ask its user does so before a tool deletes something or spends
    credits. `fetch_from` names hosts and networks that `upload_image` may fetch from, besides public ones.

    A tool that waits for a job advances a frozen clock instead of waiting.
    """

    def __init__(
        self,
        account: Tenant,
        group: str = "basic",
        *,
        vendor: bool = False,
        plain: bool = False,
        confirm: bool = True,
        fetch_from: Collection[str] = (),
    ) -> None:
        capability = whole(shipped_versions(), group)
        clients = {
            each.namespace: client_of(
                f"{account.url}/api/rest/{version_of(each.base_uri)}", account.api_key, account.transport
            )
            for each in capability.upstreams
        }

        async def advance(world: World, seconds: float) -> None:
            await account.aadvance(seconds)

        waiting = FakeWaiting(lambda key: account.world, account.api_key, advance)
        operations = {each.id: each for each in capability.operations}
        self.account = account
        self.server = make_api_server(
            capability,
            Caller(operations, clients, waiting, plain),
            vendor,
            tasks=group == TASK_GROUP,
            confirm=confirm,
            fetch_from=fetch_from,
        )

    def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> types.CallToolResult:
        """Call a tool and return its result; an error is a result with `is_error`.

        Raises `mcp.shared.exceptions.MCPError` for a tool that does not exist.
        """

        async def call(client: Client) -> types.CallToolResult:
            return await client.call_tool(name, dict(arguments or {}))

        return self._with_client(call)

    def list_tools(self) -> list[types.Tool]:
        """Return the tools as an agent sees them."""

        async def listed(client: Client) -> list[types.Tool]:
            return (await client.list_tools()).tools

        return self._with_client(listed)

    def _with_client(self, use: Callable[[Client], Awaitable[T]]) -> T:
        async def run() -> T:
            async with Client(self.server) as client:
                return await use(client)

        return asyncio.run(run())
