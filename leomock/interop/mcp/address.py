"""The paths of MCP endpoints, and the message for a missing extra."""

from __future__ import annotations

# The path of an MCP adapter; the URL in a client's configuration ends with it.
MCP_PATH = "/mcp"
# The path of Leonardo.AI's own MCP server (documented: https://mcp.leonardo.ai/v1/mcp).
VENDOR_PATH = "/v1/mcp"
MCP_MISSING = "MCP needs an extra that is not installed; pip install 'leomock[mcp]' adds it"
