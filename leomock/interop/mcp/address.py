"""The path of the MCP endpoint, and the message for a missing extra."""

from __future__ import annotations

# Where an MCP adapter answers; what a client is configured with ends so.
MCP_PATH = "/mcp"
MCP_MISSING = "MCP needs an extra that is not installed; pip install 'leomock[mcp]' adds it"
