"""openai-agents: the server as its agents hold it."""

from __future__ import annotations

import asyncio
from typing import Any

from agents.mcp import MCPServerStdio, MCPServerStreamableHttp
from journey import IS_HTTP, TARGET, journey


async def main() -> None:
    """Make the journey."""
    if IS_HTTP:
        server: Any = MCPServerStreamableHttp({"url": TARGET[0], "headers": {"API-Key": TARGET[1]}})
    else:
        server = MCPServerStdio({"command": TARGET[0], "args": TARGET[1:]}, client_session_timeout_seconds=60)
    async with server:

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            result = await server.call_tool(name, arguments)
            values = result.model_dump(by_alias=True)
            return values["content"][0]["text"] if values["isError"] else values["structuredContent"]

        await journey((tool.name for tool in await server.list_tools()), call)


asyncio.run(main())
