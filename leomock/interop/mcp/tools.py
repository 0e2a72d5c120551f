"""The operations that an adapter offers, as MCP tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import mcp_types as types

from leomock.interop.capability.documented import documented
from leomock.interop.capability.model import Adapter, Input, Offer
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.background import Task
from leomock.interop.mcp.caller_id import USER_ID, own_user_id
from leomock.interop.mcp.reading import LONGEST_WAIT, Progress, called, finished, not_complete, shown
from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.results import generation_of, result_of
from leomock.interop.mcp.schemas import Rename, input_schema, output_schema, renaming
from leomock.openapi.documents import Json
from leomock.openapi.operations import Operation
from leomock.openapi.spec import Versions
from leomock.openapi.suggest import suggestion
from leomock.state.journal import TOOL_HEADER

READ = "getGenerationById"
_OURS = "An argument of leomock's own, not of Leonardo.AI's API. "
WAIT: Json = {
    "type": "number",
    "minimum": 0,
    "maximum": LONGEST_WAIT,
    "description": f"{_OURS}Seconds to wait until the generation is COMPLETE or FAILED.",
}
INCLUDE_IMAGES: Json = {
    "type": "boolean",
    "description": f"{_OURS}Show the pictures as well, scaled down if they are large.",
}

Headers = Mapping[str, str]
Answer = types.CallToolResult | types.InputRequiredResult
WRONG_ARGUMENT = "wrong-argument"


@dataclass(frozen=True, slots=True)
class Use:
    """One call of a tool: its arguments, the headers for the API, and the receiver of progress.

    `context` and `params` are the SDK's, and `task` is set if the call continues as a task: for tools that
    ask their client for something.
    """

    arguments: Mapping[str, Any]
    headers: Headers
    progress: Progress
    context: Any = None
    params: types.CallToolRequestParams | None = None
    task: Task | None = None


def at_once(use: Use) -> bool:
    """Return False: no call of the tool takes long."""
    return False


@dataclass(frozen=True, slots=True)
class Tool:
    """The definition of a tool, and the function that implements it (raises `Refused`).

    `is_long` says whether a call may take long. A tool may answer with questions to its client.
    """

    definition: types.Tool
    run: Callable[[Use], Awaitable[Answer]]
    caller: Caller
    is_long: Callable[[Use], bool] = at_once

    async def use(self, use: Use) -> Answer:
        """Call the tool. Errors become answers with `isError`."""
        if self.caller.names_tools:
            use = replace(use, headers={**use.headers, TOOL_HEADER: self.definition.name})
        try:
            self._check(use.arguments)
            return await self.run(use)
        except Refused as refusal:
            return refusal.result(self.caller.plain)

    def _check(self, arguments: Mapping[str, Any]) -> None:
        """Reject missing or unknown names; the API checks the values."""
        name, schema = self.definition.name, self.definition.input_schema
        known = schema["properties"]
        for each in arguments:
            if each not in known:
                outer = next((name for name, part in known.items() if each in part.get("properties", ())), "")
                hint = f"; it belongs in {outer!r}" if outer else suggestion(each, known)
                hint = hint or f"; it takes {', '.join(known) or 'none'}"
                raise Refused(f"leomock: {name} takes no argument {each[:100]!r}{hint}", code=WRONG_ARGUMENT)
        for each in schema["required"]:
            if each not in arguments:
                raise Refused(f"leomock: {name} needs the argument {each!r}", code=WRONG_ARGUMENT)


def tools_of(adapter: Adapter, caller: Caller, versions: Versions) -> list[Tool]:
    """Return the tools of an adapter, which send their calls through the caller."""
    offers = [(offer, documented(versions, offer.operation)) for offer in adapter.offers]
    names = {operation.id: offer.name for offer, operation in offers if operation}
    rename = renaming(names, {id: f"{each.method} {each.path}" for id, each in versions.operations.items()})
    return [_tool(offer, caller, operation, rename) for offer, operation in offers]


def _tool(offer: Offer, caller: Caller, operation: Operation | None, rename: Rename) -> Tool:
    inputs = {each.name: _input_schema(each, offer, operation, rename) for each in offer.inputs}
    user_input = offer.takes.get(USER_ID, "") if operation else ""
    run, is_long = _calls(offer, caller, user_input), at_once
    if operation and operation.id == READ and offer.mapping is None:
        inputs |= {"wait": WAIT, "include_images": INCLUDE_IMAGES}
        run, is_long = _reads(offer, caller), waits
    hints = offer.hints or {}
    return Tool(
        types.Tool(
            name=offer.name,
            title=offer.label or None,
            description=rename(offer.description),
            input_schema={
                "type": "object",
                "properties": inputs,
                "required": [each.name for each in offer.inputs if each.required and each.name != user_input],
                "additionalProperties": False,
            },
            output_schema=output_schema(operation.answer_schema)
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
        caller,
        is_long,
    )


def waits(use: Use) -> bool:
    """Return True if a call is to wait for a job."""
    return bool(use.arguments.get("wait"))


def _input_schema(each: Input, offer: Offer, operation: Operation | None, rename: Rename) -> Json:
    """Return the schema of an argument: from the documents, or else from the file."""
    name = next((name for name, own in offer.takes.items() if own == each.name), "")
    schema: Json = {"type": each.type}
    if operation:
        location = {of.name: of.location for of in offer.operation.inputs}.get(name)
        if location == "body":
            schema = operation.body_schema or schema
        elif name in operation.variables:
            schema = operation.documented_schema(operation.variables[name].schema)
    return input_schema(each.name, schema, each.description or schema.get("description", ""), rename)


def _calls(offer: Offer, caller: Caller, user_input: str) -> Callable[[Use], Awaitable[types.CallToolResult]]:
    """Return a function that calls the operation; `user_input` defaults to the caller's own user id."""

    async def run(use: Use) -> types.CallToolResult:
        arguments = dict(use.arguments)
        if user_input and user_input not in arguments:
            arguments[user_input] = await own_user_id(caller, offer, use.headers)
        return result_of(await called(caller, offer, arguments, use.headers))

    return run


def _reads(offer: Offer, caller: Caller) -> Callable[[Use], Awaitable[types.CallToolResult]]:
    """Return a function that calls the operation, waits for the result and shows its images."""

    async def run(use: Use) -> types.CallToolResult:
        arguments = dict(use.arguments)
        seconds = arguments.pop("wait", 0)
        pictures = arguments.pop("include_images", False)
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, int | float)
            or not 0 <= seconds <= LONGEST_WAIT
        ):
            text = f"leomock: wait must be a number of seconds from 0 to {LONGEST_WAIT}"
            raise Refused(text, code=WRONG_ARGUMENT)
        if not isinstance(pictures, bool):
            raise Refused("leomock: include_images must be true or false", code=WRONG_ARGUMENT)
        id = str(arguments["id"])

        async def read() -> Json:
            body: Json = await called(caller, offer, arguments, use.headers)
            return body

        body = await finished(caller, read, id, seconds, use.headers, use.progress)
        return await _read_result(caller, offer, id, body, seconds, use.headers if pictures else None)

    return run


async def _read_result(
    caller: Caller, offer: Offer, id: str, body: Json, seconds: float, pictures: Headers | None
) -> types.CallToolResult:
    """Return a generation that was read, and its images if there are headers to fetch them with."""
    generation = generation_of(body)
    note = not_complete(id, generation, seconds)
    failed = generation.get("status") == "FAILED"
    if note and ((failed and seconds) or pictures is not None):
        message, _, next_step = note.partition(". ")
        raise Refused(message, next_step, code="failed" if failed else "pending", retryable=not failed)
    result = result_of(body, *([note] if note else ()))
    if pictures is not None:
        result.content += await shown(caller, offer, generation, pictures)
    return result
