"""`python -m tests.interop.mcp.suite PORT` serves the examples until it is stopped."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from leomock.cli.serving.listening import run_on
from leomock.cli.serving.mcp import serve_mcp
from leomock.interop.mcp.address import MCP_PATH
from leomock.interop.mcp.handlers import make_server
from leomock.interop.mcp.serve import http_app
from leomock.interop.mcp.tool_server import ToolServer
from tests.interop.mcp.suite.library import SuiteLibrary
from tests.interop.mcp.suite.questions import AskingPrompts, ask_for_prompts
from tests.interop.mcp.suite.registry import TOOLS


def suite_server() -> ToolServer:
    """A server with all of them."""
    for name in ("contents", "questions", "tasks"):
        import_module(f"tests.interop.mcp.suite.{name}")
    server = make_server(TOOLS, "suite", "", library=SuiteLibrary(), prompts=AskingPrompts())
    ask_for_prompts(server)
    return server


async def _serve(listener: Any, url: str) -> None:
    await serve_mcp({MCP_PATH: http_app(suite_server())}, listener, url, quiet=True)


if __name__ == "__main__":
    run_on("127.0.0.1", int(sys.argv[1]), _serve)
