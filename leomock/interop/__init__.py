"""Serve the API over other protocols: capability files, MCP and Agent Skills."""
