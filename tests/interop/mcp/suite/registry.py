"""The registry of the example tools, and the contents that they share."""

from __future__ import annotations

import base64
import io
from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as types
from PIL import Image

from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.tools import Tool, Use, at_once

CALLER = Caller({}, {})


def png() -> str:
    """A picture of one pixel."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def text(words: str) -> types.CallToolResult:
    """A result with a text."""
    return types.CallToolResult(content=[types.TextContent(text=words)])


def embedded(uri: str, words: str, kind: str = "text/plain") -> types.EmbeddedResource:
    """A resource inside a content."""
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, text=words, mime_type=kind))


Run = Callable[[Use], Awaitable[Any]]
TOOLS: list[Tool] = []


def tool(
    schema: dict[str, Any] | None = None, is_long: Callable[[Use], bool] = at_once, **properties: str
) -> Callable[[Run], Run]:
    """Register a tool under the name of its function; the arguments are texts."""

    def register(run: Run) -> Run:
        arguments = {name: {"type": "string", "description": about} for name, about in properties.items()}
        plain = {"type": "object", "properties": arguments, "required": list(arguments)}
        definition = types.Tool(name=run.__name__, description=run.__doc__, input_schema=schema or plain)
        TOOLS.append(Tool(definition, run, CALLER, is_long))
        return run

    return register
