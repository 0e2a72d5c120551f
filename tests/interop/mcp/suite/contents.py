"""Tools that return each kind of content, report, fail, and ask the client in a session."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import mcp_types as types
from mcp.shared.message import ServerMessageMetadata

from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.tools import Use
from tests.interop.mcp.suite.registry import embedded, png, text, tool

# An empty WAV file of 8 bits and 8 kHz.
WAV = (
    b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00@\x1f\x00\x00\x01\x00\x08\x00data"
    + bytes(4)
)


@tool()
async def test_simple_text(use: Use) -> types.CallToolResult:
    """A text."""
    return text("This is a simple text response for testing.")


@tool()
async def test_image_content(use: Use) -> types.CallToolResult:
    """A picture."""
    return types.CallToolResult(content=[types.ImageContent(data=png(), mime_type="image/png")])


@tool()
async def test_audio_content(use: Use) -> types.CallToolResult:
    """A sound."""
    data = base64.b64encode(WAV).decode()
    return types.CallToolResult(content=[types.AudioContent(data=data, mime_type="audio/wav")])


@tool()
async def test_embedded_resource(use: Use) -> types.CallToolResult:
    """A resource."""
    words = "This is an embedded resource content."
    return types.CallToolResult(content=[embedded("test://embedded-resource", words)])


@tool()
async def test_multiple_content_types(use: Use) -> types.CallToolResult:
    """A text, a picture and a resource."""
    return types.CallToolResult(
        content=[
            types.TextContent(text="Multiple content types test:"),
            types.ImageContent(data=png(), mime_type="image/png"),
            embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
        ]
    )


@tool()
async def test_tool_with_logging(use: Use) -> types.CallToolResult:
    """Three messages for the log."""
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        note = types.LoggingMessageNotificationParams(level="info", data=words)
        await use.context.session.send_notification(
            types.LoggingMessageNotification(params=note), related_request_id=use.context.request_id
        )
    return text("Logged.")


@tool()
async def test_tool_with_progress(use: Use) -> types.CallToolResult:
    """Three notifications of progress."""
    for done in (0, 50, 100):
        await use.progress(done, 100, f"Completed step {done} of 100")
    return text("Done.")


@tool()
async def test_error_handling(use: Use) -> types.CallToolResult:
    """An error."""
    raise Refused("This tool intentionally returns an error for testing")


@tool(prompt="What to ask the model.")
async def test_sampling(use: Use) -> types.CallToolResult:
    """A question to the client's model."""
    message = types.SamplingMessage(role="user", content=types.TextContent(text=use.arguments["prompt"]))
    request = types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[message], max_tokens=100)
    )
    # The client may not have opened the stream for other requests yet.
    related = ServerMessageMetadata(related_request_id=use.context.request_id)
    answer = await use.context.session.send_request(request, types.CreateMessageResult, metadata=related)
    return text(f"LLM response: {answer.content.text}")


async def asked(
    use: Use, message: str, properties: dict[str, Any], required: Sequence[str] = ()
) -> types.CallToolResult:
    """Ask the client's user, and return what came of it."""
    schema = {"type": "object", "properties": properties, "required": list(required)}
    reply = await use.context.session.elicit_form(message, schema, use.context.request_id)
    return text(f"Elicitation completed: action={reply.action}, content={reply.content}")


@tool(message="What to ask the user.")
async def test_elicitation(use: Use) -> types.CallToolResult:
    """A question to the client's user."""
    fields = {name: {"type": "string", "description": name} for name in ("username", "email")}
    return await asked(use, use.arguments["message"], fields, list(fields))


@tool()
async def test_elicitation_sep1034_defaults(use: Use) -> types.CallToolResult:
    """A question with defaults of every type."""
    status = {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"}
    return await asked(
        use,
        "Please review and update the form fields with defaults",
        {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": status,
            "verified": {"type": "boolean", "default": True},
        },
    )


@tool()
async def test_elicitation_sep1330_enums(use: Use) -> types.CallToolResult:
    """A question with every kind of choice."""
    plain = ["option1", "option2", "option3"]
    titled = [
        {"const": f"value{n}", "title": f"{word} Option"}
        for n, word in enumerate(("First", "Second", "Third"), 1)
    ]
    names = ["Option One", "Option Two", "Option Three"]
    return await asked(
        use,
        "Please select options from the enum fields",
        {
            "untitledSingle": {"type": "string", "enum": plain},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": names},
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        },
    )


@tool()
async def test_reconnection(use: Use) -> types.CallToolResult:
    """An answer after the stream was closed: the client has to resume it."""
    if use.context.close_sse_stream:
        await use.context.close_sse_stream()
        await asyncio.sleep(0.1)
    return text("Reconnection test completed successfully")


ADDRESS = {
    "$anchor": "addressDef",
    "type": "object",
    "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
}
SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": ADDRESS},
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
    "required": [],
}


@tool(SCHEMA_2020_12)
async def json_schema_2020_12_tool(use: Use) -> types.CallToolResult:
    """A tool whose schema has keywords of the newest draft."""
    return text(f"Called with {dict(use.arguments)}")
