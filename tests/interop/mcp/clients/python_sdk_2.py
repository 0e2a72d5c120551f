"""The Python SDK, version 2."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from journey import IS_HTTP, TARGET, journey
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


async def main() -> None:
    """Make the journey."""
    headers = {"API-Key": TARGET[1]} if IS_HTTP else {}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        server: Any = StdioServerParameters(command=TARGET[0], args=TARGET[1:])
        if IS_HTTP:
            server = streamable_http_client(TARGET[0], http_client=http)
        async with Client(server) as client:

            async def call(name: str, arguments: dict[str, Any]) -> Any:
                result = await client.call_tool(name, arguments)
                return result.content[0].text if result.is_error else result.structured_content

            await journey((tool.name for tool in (await client.list_tools()).tools), call)


asyncio.run(main())
