"""The suite's resources and prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mcp_types as types

from leomock.interop.mcp.refusals import Refused
from tests.interop.mcp.suite.registry import embedded, png

Headers = Mapping[str, str]


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
