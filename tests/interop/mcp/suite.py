"""The example tools, resources and prompts that the conformance suite asks for, over leomock's server.

`python -m tests.interop.mcp.suite PORT` serves them until it is stopped, for runs of the suite by hand.
"""

from __future__ import annotations

import asyncio
import base64
import io
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import mcp_types as types
from PIL import Image

from leomock.cli.serving.listening import run_on
from leomock.cli.serving.mcp import serve_mcp
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.address import MCP_PATH
from leomock.interop.mcp.handlers import make_server
from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.serve import http_app
from leomock.interop.mcp.tool_server import ToolServer
from leomock.interop.mcp.tools import Tool, Use

Headers = Mapping[str, str]
CALLER = Caller({}, {})
# An empty WAV file of 8 bits and 8 kHz.
WAV = (
    b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00@\x1f\x00\x00\x01\x00\x08\x00data"
    + bytes(4)
)


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


def tool(schema: dict[str, Any] | None = None, **properties: str) -> Callable[[Run], Run]:
    """Register a tool under the name of its function; the arguments are texts."""

    def register(run: Run) -> Run:
        arguments = {name: {"type": "string", "description": about} for name, about in properties.items()}
        plain = {"type": "object", "properties": arguments, "required": list(arguments)}
        definition = types.Tool(name=run.__name__, description=run.__doc__, input_schema=schema or plain)
        TOOLS.append(Tool(definition, run, CALLER))
        return run

    return register


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
    answer = await use.context.session.send_request(request, types.CreateMessageResult)
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


class SuiteLibrary:
    """The suite's resources."""

    templates: Sequence[types.ResourceTemplate] = (
        types.ResourceTemplate(
            name="template", uri_template="test://template/{id}/data", mime_type="application/json"
        ),
    )

    async def listed(self, headers: Headers) -> Sequence[types.Resource]:
        """Three of them."""
        kinds = {"static-text": "text/plain", "static-binary": "image/png", "watched-resource": "text/plain"}
        return [
            types.Resource(name=name, uri=f"test://{name}", mime_type=kind) for name, kind in kinds.items()
        ]

    async def read(self, uri: str, headers: Headers) -> Sequence[Any]:
        """A text, a picture or JSON."""
        if uri == "test://static-binary":
            return [types.BlobResourceContents(uri=uri, blob=png(), mime_type="image/png")]
        if uri.startswith("test://template/"):
            id = uri.split("/")[3]
            words = f'{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}'
            return [types.TextResourceContents(uri=uri, text=words, mime_type="application/json")]
        if uri not in ("test://static-text", "test://watched-resource"):
            raise Refused(f"There is no resource {uri}", code="not-found")
        words = "This is the content of the static text resource."
        return [types.TextResourceContents(uri=uri, text=words, mime_type="text/plain")]

    async def next_change(self, uri: str, headers: Headers) -> None:
        """Nothing changes."""
        return

    async def complete(self, template: str, argument: str, headers: Headers) -> Sequence[str]:
        """No values."""
        return []


class SuitePrompts:
    """The suite's prompts."""

    listed: Sequence[types.Prompt] = (
        types.Prompt(name="test_simple_prompt", description="A text."),
        types.Prompt(
            name="test_prompt_with_arguments",
            description="A text with arguments.",
            arguments=[
                types.PromptArgument(name=each, description=each, required=True) for each in ("arg1", "arg2")
            ],
        ),
        types.Prompt(
            name="test_prompt_with_embedded_resource",
            description="A resource.",
            arguments=[types.PromptArgument(name="resourceUri", description="Its address.", required=True)],
        ),
        types.Prompt(name="test_prompt_with_image", description="A picture."),
    )

    async def get(self, name: str, arguments: Mapping[str, str], headers: Headers) -> types.GetPromptResult:
        """The messages of a prompt."""
        words: dict[str, list[Any]] = {
            "test_simple_prompt": [types.TextContent(text="This is a simple prompt for testing.")],
            "test_prompt_with_arguments": [
                types.TextContent(
                    text="Prompt with arguments: arg1='{arg1}', arg2='{arg2}'".format_map(
                        {"arg1": "", "arg2": "", **arguments}
                    )
                )
            ],
            "test_prompt_with_embedded_resource": [
                embedded(
                    arguments.get("resourceUri", "test://example-resource"),
                    "Embedded resource content for testing.",
                ),
                types.TextContent(text="Please process the embedded resource above."),
            ],
            "test_prompt_with_image": [
                types.ImageContent(data=png(), mime_type="image/png"),
                types.TextContent(text="Please analyze the image above."),
            ],
        }
        if name not in words:
            raise Refused(f"There is no prompt {name}", code="not-found")
        return types.GetPromptResult(
            messages=[types.PromptMessage(role="user", content=content) for content in words[name]]
        )

    async def complete(self, prompt: str, argument: str, headers: Headers) -> Sequence[str]:
        """Values for every argument."""
        return ["paris", "park", "party"]


def suite_server() -> ToolServer:
    """A server with all of them."""
    return make_server(TOOLS, "suite", "", library=SuiteLibrary(), prompts=SuitePrompts())


async def _serve(listener: Any, url: str) -> None:
    await serve_mcp({MCP_PATH: http_app(suite_server())}, listener, url, quiet=True)


if __name__ == "__main__":
    run_on("127.0.0.1", int(sys.argv[1]), _serve)
