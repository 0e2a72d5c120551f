"""The one tool of Leonardo.AI's own MCP server (https://mcp.leonardo.ai/v1/mcp).

Its name, the key in the header `API-Key` and the three models are documented. Its arguments
and its answer are not published, so they are chosen here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import mcp_types as types

from leomock.interop.capability.model import Capability, Offer
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.reading import called, finished, not_complete, shown
from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.results import generation_of, result_of
from leomock.interop.mcp.tools import WRONG_ARGUMENT, Tool, Use
from leomock.openapi.documents import Json

NAME = "generate-image"
# Version 1 of the API has no Ideogram, so it is drawn by the default model.
MODELS = {
    "Lucid Origin": "7b592283-e8a7-4c5a-9ba6-d18c31f258b9",
    "Lucid Realism": "05ce0082-2d80-4a2d-8653-4d1c85e2418e",
    "Ideogram 3.0": "",
}
SECONDS = 300
_CREATE, _READ = "create-generation", "get-generation-by-id"
_SIDE: Json = {"type": "integer", "minimum": 32, "maximum": 1536, "multipleOf": 8, "default": 1024}
INPUT: Json = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string", "minLength": 1, "description": "What the picture shows."},
        "model": {
            "type": "string",
            "enum": list(MODELS),
            "default": "Lucid Origin",
            "description": "What draws it.",
        },
        "width": {**_SIDE, "description": "In pixels."},
        "height": {**_SIDE, "description": "In pixels."},
        "num_images": {
            "type": "integer",
            "minimum": 1,
            "maximum": 4,
            "default": 1,
            "description": "How many pictures to draw.",
        },
    },
    "required": ["prompt"],
    "additionalProperties": False,
}
_ARGUMENTS = jsonschema_rs.Draft202012Validator(INPUT)
OUTPUT: Json = {
    "type": "object",
    "properties": {
        "generationId": {"type": "string"},
        "images": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "url": {"type": "string"}},
                "required": ["id", "url"],
            },
        },
    },
    "required": ["generationId", "images"],
}


def vendor_tool(capability: Capability, caller: Caller) -> Tool:
    """Return the tool for a capability that has the operations of generations."""
    offers = {offer.operation.id.partition(".")[2]: offer for offer in capability.adapters[0].offers}
    create, read = offers[_CREATE], offers[_READ]

    async def run(use: Use) -> types.CallToolResult:
        return await _generate(create, read, caller, use)

    return Tool(
        types.Tool(
            name=NAME,
            title="Generate an image",
            description="Draws images of a prompt, waits until they are ready, and shows them. The name and "
            "the models are those of Leonardo.AI's own MCP server; its arguments are not published, so "
            "these are leomock's choice. Version 1 of the API has no Ideogram 3.0: its default model is "
            "used instead.",
            input_schema=INPUT,
            output_schema=OUTPUT,
            annotations=types.ToolAnnotations(
                read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
            ),
        ),
        run,
        caller,
        lambda use: True,
    )


async def _generate(create: Offer, read: Offer, caller: Caller, use: Use) -> types.CallToolResult:
    started = await called(caller, create, {"body": _body(use.arguments)}, use.headers)
    id = (started.get("sdGenerationJob") or {}).get("generationId")
    if not isinstance(id, str):
        raise Refused("leomock: the API answered without the id of a generation", code="unexpected")

    async def again() -> Json:
        body: Json = await called(caller, read, {"id": id}, use.headers)
        return body

    body = await finished(caller, again, id, SECONDS, use.headers, use.progress)
    generation = generation_of(body)
    if note := not_complete(id, generation, SECONDS):
        failed = generation.get("status") == "FAILED"
        message, _, next_step = note.partition(". ")
        raise Refused(message, next_step, code="failed" if failed else "pending")
    images = [{"id": each["id"], "url": each["url"]} for each in generation["generated_images"]]
    result = result_of({"generationId": id, "images": images})
    result.content += await shown(caller, read, generation, use.headers)
    return result


def _body(arguments: Mapping[str, Any]) -> Json:
    """Return the version 1 body for the arguments, which are checked here: version 1 allows more."""
    for error in _ARGUMENTS.iter_errors(dict(arguments)):
        name = ".".join(map(str, error.instance_path))
        text = f"leomock: {NAME}: {f'{name}: ' if name else ''}{error.message}"
        raise Refused(text, code=WRONG_ARGUMENT)
    given = {name: part["default"] for name, part in INPUT["properties"].items() if "default" in part}
    given.update(arguments)
    model = MODELS[given.pop("model")]
    return {**given, **({"modelId": model} if model else {})}
