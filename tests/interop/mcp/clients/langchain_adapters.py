"""langchain-mcp-adapters: the tools as LangChain's, whose results are texts.

Without `session`, it opens a session for each call, and over stdio starts a server for each.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from journey import IS_HTTP, TARGET, journey
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools


async def main() -> None:
    """Make the journey."""
    if IS_HTTP:
        server: Any = {"transport": "streamable_http", "url": TARGET[0], "headers": {"API-Key": TARGET[1]}}
    else:
        server = {"transport": "stdio", "command": TARGET[0], "args": TARGET[1:]}
    async with MultiServerMCPClient({"leonardo": server}).session("leonardo") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            text = (await tools[name].ainvoke(arguments))[0]["text"]
            return json.loads(text) if text.startswith("{") else text

        await journey(tools, call)


asyncio.run(main())
