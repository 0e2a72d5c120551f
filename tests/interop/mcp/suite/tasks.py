"""Tools whose calls go on as tasks."""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types as types
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.exceptions import MCPError

from leomock.interop.mcp.background import EXTENSION
from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.tools import Use
from tests.interop.mcp.suite.questions import Answer, asked, form, replies
from tests.interop.mcp.suite.registry import text, tool


def always(use: Use) -> bool:
    """Every call takes long."""
    return True


def answered(use: Use) -> bool:
    """A call takes long once its questions are answered."""
    return bool(replies(use))


SECONDS: dict[str, Any] = {
    "type": "object",
    "properties": {"seconds": {"type": "number"}, "label": {"type": "string"}},
    "required": ["seconds"],
}


@tool(name="Whom to greet.")
async def greet(use: Use) -> types.CallToolResult:
    """A greeting at once."""
    return text(f"Hello, {use.arguments['name']}!")


@tool(SECONDS, always)
async def slow_compute(use: Use) -> types.CallToolResult:
    """A result after some seconds."""
    await asyncio.sleep(use.arguments["seconds"])
    return text(f"Computed {use.arguments.get('label', '')}")


@tool(is_long=always)
async def failing_job(use: Use) -> types.CallToolResult:
    """A tool error, for clients with tasks only."""
    require_client_extension(use.context, EXTENSION)
    raise Refused("This tool intentionally returns an error for testing")


@tool(is_long=always)
async def protocol_error_job(use: Use) -> types.CallToolResult:
    """An error of the protocol."""
    raise MCPError(types.INTERNAL_ERROR, "This tool intentionally ends with an error of the protocol")


@tool(is_long=always, filename="What to delete.")
async def confirm_delete(use: Use) -> types.CallToolResult:
    """A question while the task runs."""
    assert use.task
    reply = (await use.task.ask({"confirm": form("Delete it?", "confirm", "boolean")}))["confirm"]
    return text(f"Deleted {use.arguments['filename']}: {reply['content']['confirm']}")


@tool(is_long=always)
async def multi_input(use: Use) -> types.CallToolResult:
    """Two questions at once while the task runs."""
    assert use.task
    both = await use.task.ask({name: form(f"{name}?", "name") for name in ("first", "second")})
    return text(f"Answered: {', '.join(sorted(both))}")


@tool(is_long=answered)
async def test_tool_with_task(use: Use) -> Answer:
    """A question first, and then a task."""
    question = asked(use, {"user_name": form("What is your name?", "name")})
    return question or text(f"Hello, {replies(use)['user_name'].content['name']}!")
