"""The Python SDK, version 1."""

from __future__ import annotations

import asyncio
from typing import Any

from journey import IS_HTTP, TARGET, journey
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client


async def main() -> None:
    """Make the journey."""
    if IS_HTTP:
        http = create_mcp_http_client(headers={"API-Key": TARGET[1]})
        transport: Any = streamable_http_client(TARGET[0], http_client=http)
    else:
        transport = stdio_client(StdioServerParameters(command=TARGET[0], args=TARGET[1:]))
    async with transport as streams, ClientSession(streams[0], streams[1]) as session:
        await session.initialize()

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            result = await session.call_tool(name, arguments)
            return result.content[0].text if result.isError else result.structuredContent

        await journey((tool.name for tool in (await session.list_tools()).tools), call)


asyncio.run(main())
