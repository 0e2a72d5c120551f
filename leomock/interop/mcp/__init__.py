"""The API as MCP tools, over HTTP and stdio. Needs the extra `leomock[mcp]`, apart from `address`."""
