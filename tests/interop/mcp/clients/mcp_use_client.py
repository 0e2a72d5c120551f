"""mcp-use's client."""

from __future__ import annotations

import asyncio
from typing import Any

from journey import IS_HTTP, TARGET, journey
from mcp_use import MCPClient


async def main() -> None:
    """Make the journey."""
    if IS_HTTP:
        server: Any = {"url": TARGET[0], "headers": {"API-Key": TARGET[1]}}
    else:
        server = {"command": TARGET[0], "args": TARGET[1:]}
    client = MCPClient({"mcpServers": {"leonardo": server}})
    session = await client.create_session("leonardo")
    try:

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            result = await session.call_tool(name, arguments)
            return result.content[0].text if result.isError else result.structuredContent

        await journey((tool.name for tool in await session.list_tools()), call)
    finally:
        await client.close_all_sessions()


asyncio.run(main())
