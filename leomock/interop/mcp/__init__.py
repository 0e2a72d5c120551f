"""The API as MCP tools, over HTTP and stdio."""

from leomock.interop.mcp.serve import KEY, http_app, make_api_server, make_app, serve_stdio

__all__ = ["KEY", "http_app", "make_api_server", "make_app", "serve_stdio"]
