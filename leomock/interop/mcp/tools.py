"""The operations that an adapter offers, as MCP tools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
import orjson

from leomock.interop.capability.documented import documented
from leomock.interop.capability.files import Adapter, Input, Offer
from leomock.interop.capability.upstream import EXPLAIN, Caller, UpstreamResponse
from leomock.interop.mcp.pictures import picture_content
from leomock.leonardo.errors import ApiError
from leomock.openapi.documents import Json
from leomock.openapi.operations import Operation
from leomock.openapi.spec import Versions
from leomock.openapi.suggest import suggestion

READ = "getGenerationById"
# How often a pending generation is read, in seconds: at first, and at the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
LONGEST_WAIT = 600
_OURS = "An argument of leomock's own, not of Leonardo.AI's API. "
WAIT: Json = {
    "type": "number",
    "minimum": 0,
    "maximum": LONGEST_WAIT,
    "description": f"{_OURS}Wait up to so many seconds until the generation is COMPLETE or FAILED, and "
    "tell of the progress.",
}
INCLUDE_IMAGES: Json = {
    "type": "boolean",
    "description": f"{_OURS}Show the pictures as well, made smaller where they are large.",
}

Headers = Mapping[str, str]
Progress = Callable[[float, float, str], Awaitable[None]]  # how far, of how much, in words


class Refused(Exception):
    """Why a tool did not do what it was asked for, for the caller to read."""


@dataclass(frozen=True, slots=True)
class Use:
    """One call of a tool: its arguments, the headers that go on to the API, and who hears of the progress."""

    arguments: Mapping[str, Any]
    headers: Headers
    progress: Progress


@dataclass(frozen=True, slots=True)
class Tool:
    """What a caller is told of a tool, and what a call of it does (raises `Refused`)."""

    definition: types.Tool
    run: Callable[[Use], Awaitable[types.CallToolResult]]

    async def use(self, use: Use) -> types.CallToolResult:
        """Call the tool; what goes wrong is an answer with `isError`."""
        try:
            self._check(use.arguments)
            return await self.run(use)
        except Refused as refusal:
            return types.CallToolResult(content=[types.TextContent(text=str(refusal))], is_error=True)

    def _check(self, arguments: Mapping[str, Any]) -> None:
        """Refuse names that are not there or unknown; the values are the API's business."""
        name, schema = self.definition.name, self.definition.input_schema
        known = schema["properties"]
        for each in arguments:
            if each not in known:
                hint = suggestion(each, known) or f"; it takes {', '.join(known) or 'none'}"
                raise Refused(f"leomock: {name} takes no argument {each[:100]!r}{hint}")
        for each in schema["required"]:
            if each not in arguments:
                raise Refused(f"leomock: {name} needs the argument {each!r}")


def tools_of(adapter: Adapter, caller: Caller, versions: Versions) -> list[Tool]:
    """The tools of an adapter, which call where the caller does."""
    return [_tool(offer, caller, documented(versions, offer.operation)) for offer in adapter.offers]


def _tool(offer: Offer, caller: Caller, operation: Operation | None) -> Tool:
    inputs = {each.name: _input_schema(each, offer, operation) for each in offer.inputs}
    run = _calls(offer, caller)
    if operation and operation.id == READ and offer.mapping is None:
        inputs |= {"wait": WAIT, "include_images": INCLUDE_IMAGES}
        run = _reads(offer, caller)
    hints = offer.hints or {}
    return Tool(
        types.Tool(
            name=offer.name,
            title=offer.label or None,
            description=offer.description,
            input_schema={
                "type": "object",
                "properties": inputs,
                "required": [each.name for each in offer.inputs if each.required],
                "additionalProperties": False,
            },
            # The protocol wants the type, which some documents leave to the reader.
            output_schema={"type": "object", **operation.answer_schema}
            if operation and offer.mapping is None
            else None,
            annotations=types.ToolAnnotations(
                title=offer.label or None,
                read_only_hint=hints.get("readOnly"),
                destructive_hint=hints.get("destructive"),
                idempotent_hint=hints.get("idempotent"),
                open_world_hint=hints.get("openWorld"),
            ),
        ),
        run,
    )


def _input_schema(each: Input, offer: Offer, operation: Operation | None) -> Json:
    """What an argument may be: as the documents have it, or as far as the file tells."""
    name = next((name for name, own in offer.takes.items() if own == each.name), "")
    schema: Json = {"type": each.type}
    if operation:
        location = {of.name: of.location for of in offer.operation.inputs}.get(name)
        if location == "body":
            schema = operation.body_schema or schema
        elif name in operation.variables:
            schema = operation.told(operation.variables[name].schema)
    return {**schema, "description": each.description or schema.get("description", each.name)}


def _calls(offer: Offer, caller: Caller) -> Callable[[Use], Awaitable[types.CallToolResult]]:
    async def run(use: Use) -> types.CallToolResult:
        return result_of(offer.result(await called(caller, offer, use.arguments, use.headers)))

    return run


def _reads(offer: Offer, caller: Caller) -> Callable[[Use], Awaitable[types.CallToolResult]]:
    """As any call, with waiting and pictures."""

    async def run(use: Use) -> types.CallToolResult:
        arguments = dict(use.arguments)
        seconds = arguments.pop("wait", 0)
        pictures = arguments.pop("include_images", False)
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, int | float)
            or not 0 <= seconds <= LONGEST_WAIT
        ):
            raise Refused(f"leomock: wait is a number of seconds from 0 to {LONGEST_WAIT}")
        if not isinstance(pictures, bool):
            raise Refused("leomock: include_images is true or false")

        async def read() -> Json:
            body: Json = await called(caller, offer, arguments, use.headers)
            return body

        body = await finished(read, seconds, use.progress)
        result = result_of(body)
        if pictures:
            result.content += await shown(caller, offer, generation_of(body))
        return result

    return run


async def called(caller: Caller, offer: Offer, arguments: Mapping[str, Any], headers: Headers) -> Json:
    """The body of a success; raises `Refused` with what the API and leomock say of anything else."""
    answer = await caller.answer(offer.operation.id, offer.arguments(arguments), headers)
    body = answer.body
    # Blueprints and version 2 put their errors, which are lists, on status 200.
    if not 200 <= answer.status < 300 or not isinstance(body, dict):
        raise Refused(_refusal(answer))
    return body


def _refusal(answer: UpstreamResponse) -> str:
    text = answer.content.decode(errors="replace")[:4000]
    said = f"{answer.status} {text}"
    explain = answer.headers.get(EXPLAIN)
    return f"{said}\nleomock: {explain}" if explain else said


def result_of(value: Any) -> types.CallToolResult:
    """A value as what a tool answers: structured where it is an object, and as a text for older clients."""
    text = types.TextContent(text=orjson.dumps(value).decode())
    return types.CallToolResult(content=[text], structured_content=value if isinstance(value, dict) else None)


def generation_of(body: Json) -> Json:
    """The generation in an answer, empty where it is null."""
    return body.get("generations_by_pk") or {}


async def finished(read: Callable[[], Awaitable[Json]], seconds: float, progress: Progress) -> Json:
    """What is read once a generation is no longer PENDING, or after so many seconds."""
    now = asyncio.get_running_loop().time
    began, pause = now(), FIRST_PAUSE
    while True:
        body = await read()
        status = generation_of(body).get("status", "")
        gone = now() - began
        if status != "PENDING" or gone >= seconds:
            return body
        await progress(gone, seconds, f"the generation is {status}")
        await asyncio.sleep(min(pause, seconds - gone))
        pause = min(pause * 2, LONGEST_PAUSE)


async def shown(caller: Caller, offer: Offer, generation: Json) -> list[types.ContentBlock]:
    """The pictures of a generation as content; what cannot be shown is told in words."""

    async def fetch(url: str) -> bytes:
        return await caller.fetch(offer.operation.id, url)

    try:
        return await picture_content([each["url"] for each in generation.get("generated_images", ())], fetch)
    except ApiError as error:
        raise Refused(error.text) from None
