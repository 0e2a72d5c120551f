"""Prompts for people: how to draw an image, and how to change one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mcp_types as types

from leomock.interop.mcp.library import LeonardoLibrary
from leomock.interop.mcp.refusals import Refused
from leomock.openapi.suggest import suggestion

DRAW, CHANGE = "draw_image", "change_image"
_ARGUMENTS: Mapping[str, tuple[str, bool]] = {
    "subject": ("What the image shows.", True),
    "model": ("Name of the model that draws it.", False),
    "generation_id": ("Id of the generation to start from.", True),
    "change": ("What should be different.", True),
}


class LeonardoPrompts:
    """The prompts of the API's server. `tasks` says that the tools are those of `task_tools`."""

    def __init__(self, library: LeonardoLibrary, tasks: bool) -> None:
        self._library = library
        if tasks:
            self._create, self._read = "generate_image", "get_generation"
        else:
            self._create, self._read = (
                "leonardo-ai-create-generation",
                "leonardo-ai-get-generation-by-id with wait",
            )
        self.listed: Sequence[types.Prompt] = (
            _prompt(DRAW, "Draw an image", "Draw an image of a subject.", "subject", "model"),
            _prompt(
                CHANGE, "Change an image", "Draw a generation again, changed.", "generation_id", "change"
            ),
        )

    async def get(
        self, name: str, arguments: Mapping[str, str], headers: Mapping[str, str]
    ) -> types.GetPromptResult:
        """Return the message of a prompt. Raises `Refused`."""
        known = {prompt.name: prompt for prompt in self.listed}
        if name not in known:
            text = f"There is no prompt {name[:100]!r}{suggestion(name, known)}"
            raise Refused(text, code="wrong-argument")
        for argument in known[name].arguments or ():
            if argument.required and not arguments.get(argument.name):
                text = f"The prompt {name} needs the argument {argument.name!r}"
                raise Refused(text, code="wrong-argument")
        text = self._draw(arguments) if name == DRAW else self._change(arguments)
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(description=known[name].description, messages=[message])

    async def complete(self, prompt: str, argument: str, headers: Mapping[str, str]) -> Sequence[str]:
        """Return names of models, or ids of generations."""
        if (prompt, argument) == (DRAW, "model"):
            return await self._library.model_names(headers)
        return (
            await self._library.newest_ids(headers) if (prompt, argument) == (CHANGE, "generation_id") else []
        )

    def _draw(self, arguments: Mapping[str, str]) -> str:
        model = f" with the model {arguments['model']}" if arguments.get("model") else ""
        return (
            f"Draw one image of {arguments['subject']}{model} with the tool {self._create}. It costs "
            f"credits, so call it once; if the result is PENDING, read it with {self._read} instead of "
            "drawing again."
        )

    def _change(self, arguments: Mapping[str, str]) -> str:
        return (
            f"Read the generation {arguments['generation_id']} with {self._read}. Then draw it again with "
            f"the tool {self._create}, with its settings and a prompt in which this is different: "
            f"{arguments['change']}. Show me both, and say what each cost."
        )


def _prompt(name: str, title: str, description: str, *arguments: str) -> types.Prompt:
    return types.Prompt(
        name=name,
        title=title,
        description=description,
        arguments=[
            types.PromptArgument(name=each, description=_ARGUMENTS[each][0], required=_ARGUMENTS[each][1])
            for each in arguments
        ],
    )
