"""The path of the MCP endpoint, and the message for a missing extra."""

from __future__ import annotations

# The path of an MCP adapter; the URL in a client's configuration ends with it.
MCP_PATH = "/mcp"
MCP_MISSING = "MCP needs an extra that is not installed; pip install 'leomock[mcp]' adds it"
