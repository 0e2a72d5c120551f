"""fastmcp's client."""

from __future__ import annotations

import asyncio
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from journey import IS_HTTP, TARGET, journey


async def main() -> None:
    """Make the journey."""
    if IS_HTTP:
        transport: Any = StreamableHttpTransport(TARGET[0], headers={"API-Key": TARGET[1]})
    else:
        transport = StdioTransport(TARGET[0], TARGET[1:])
    async with Client(transport) as client:

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            result = await client.call_tool(name, arguments, raise_on_error=False)
            return result.content[0].text if result.is_error else result.structured_content

        await journey((tool.name for tool in await client.list_tools()), call)


asyncio.run(main())
