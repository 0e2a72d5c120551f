"""pydantic-ai: the toolset that its agents get."""

from __future__ import annotations

import asyncio
from typing import Any

from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp.exceptions import ToolError
from journey import IS_HTTP, TARGET, journey
from pydantic_ai.mcp import MCPToolset


async def main() -> None:
    """Make the journey."""
    if IS_HTTP:
        transport: Any = StreamableHttpTransport(TARGET[0], headers={"API-Key": TARGET[1]})
    else:
        transport = StdioTransport(TARGET[0], TARGET[1:])
    async with MCPToolset(transport, tool_error_behavior="error") as tools:

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            try:
                return await tools.direct_call_tool(name, arguments)
            except ToolError as error:
                return str(error)

        await journey((tool.name for tool in await tools.list_tools()), call)


asyncio.run(main())
