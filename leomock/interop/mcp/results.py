"""Answers of tools: values, notes for the reader, and images."""

from __future__ import annotations

from typing import Any

import mcp_types as types
import orjson

from leomock.openapi.documents import Json


def result_of(value: Any, *notes: str) -> types.CallToolResult:
    """Return a value as the answer of a tool, with notes for the reader as additional texts.

    The structured content of a value that is not a JSON object is `{"result": value}`, since the protocol
    requires an object there.
    """
    texts = ["The call succeeded and has no content." if value is None else _text(value), *notes]
    structured = value if isinstance(value, dict) else {"result": value}
    return types.CallToolResult(
        content=[types.TextContent(text=text) for text in texts], structured_content=structured
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def generation_of(body: Json) -> Json:
    """Return the generation in an answer, or an empty one if it is null."""
    return body.get("generations_by_pk") or {}
