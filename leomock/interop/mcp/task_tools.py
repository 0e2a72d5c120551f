"""A few tools with flat arguments, each for a whole task, as other MCP servers of this API have them.

All other tools are one operation each. The names and arguments are our choice; the calls behind them are the
API's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import jsonschema_rs
import mcp_types as types
import orjson

from leomock.interop.capability.model import Capability, Offer
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.given_files import extension_of, given_file
from leomock.interop.mcp.outside_files import OutsideFiles
from leomock.interop.mcp.reading import GENERATION, JobKind, called, finished, not_complete, shown
from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.results import generation_of, result_of
from leomock.interop.mcp.tools import WRONG_ARGUMENT, Tool, Use, waits
from leomock.leonardo.errors import ApiError
from leomock.openapi.documents import Json

TASK_GROUP = "tasks"
# Seconds to wait for a result by default, and at most.
USUAL_WAIT, LONGEST_WAIT = 120, 600
Result = types.CallToolResult
Run = Callable[[Use], Awaitable[Result]]


def _variation_of(body: Json) -> Json:
    rows = body.get("generated_image_variation_generic") or [{}]
    row: Json = rows[0]
    return row


VARIATION = JobKind("variation", _variation_of)
_WAIT: Json = {
    "type": "number",
    "minimum": 0,
    "maximum": LONGEST_WAIT,
    "default": USUAL_WAIT,
    "description": "Seconds to wait for the result; 0 returns at once.",
}
_SHOW: Json = {"type": "boolean", "default": True, "description": "Show the pictures, not only their URLs."}
_SIDE: Json = {"type": "integer", "minimum": 32, "maximum": 1536, "multipleOf": 8}
_IMAGE: Json = {"type": "string", "description": "Id of a generated image."}
_VARIATIONS = {
    "no_background": ("create-variation-no-bg", "Remove the background."),
    "unzoom": ("create-variation-unzoom", "Zoom out, and draw what surrounds the picture."),
}


def task_tools(
    capability: Capability, caller: Caller, read_only: bool = False, fetch_from: Collection[str] = ()
) -> list[Tool]:
    """Return the task-sized tools of a capability that has the operations of images.

    `fetch_from` names hosts and networks that uploads may be fetched from, besides public ones.
    """
    offers = {offer.operation.id.partition(".")[2]: offer for offer in capability.adapters[0].offers}
    if read_only:
        return _ReadTasks(offers, caller).tools()
    return _Tasks(offers, caller, OutsideFiles(fetch_from)).tools()


class _ReadTasks:
    """The tools that change nothing."""

    def __init__(self, offers: Mapping[str, Offer], caller: Caller) -> None:
        self._offers = offers
        self._caller = caller

    def tools(self) -> list[Tool]:
        """Return the tools."""
        return [
            self._tool(
                "get_generation",
                "Read a generation: its status, and its images once it is COMPLETE.",
                {
                    "generation_id": {"type": "string", "description": "Id that generate_image returned."},
                    "wait": {**_WAIT, "default": 0},
                    "include_images": {**_SHOW, "default": False},
                },
                self._get_generation,
            ),
            self._tool(
                "list_models",
                "List the models that can draw, with the ids that generate_image takes.",
                {"contains": {"type": "string", "description": "Only models with this text in their name."}},
                self._list_models,
                required=(),
            ),
            self._tool(
                "get_account",
                "Read your own user id, and how many credits are left.",
                {},
                self._get_account,
                required=(),
            ),
        ]

    def _tool(
        self,
        name: str,
        description: str,
        properties: Json,
        run: Run,
        required: tuple[str, ...] | None = None,
        costs: bool = False,
        read_only: bool = True,
    ) -> Tool:
        """Return a tool that checks its arguments; without `required`, the first of them must be given."""
        schema = {
            "type": "object",
            "properties": properties,
            "required": list(tuple(properties)[:1] if required is None else required),
            "additionalProperties": False,
        }
        validator = jsonschema_rs.Draft202012Validator(schema)
        defaults = {each: part["default"] for each, part in properties.items() if "default" in part}

        async def checked(use: Use) -> Result:
            for error in validator.iter_errors(dict(use.arguments)):
                where = ".".join(map(str, error.instance_path))
                text = f"leomock: {name}: {f'{where}: ' if where else ''}{error.message}"
                raise Refused(text, code=WRONG_ARGUMENT)
            return await run(replace(use, arguments={**defaults, **use.arguments}))

        title = name.replace("_", " ").capitalize()
        return Tool(
            types.Tool(
                name=name,
                title=title,
                description=f"{description} Costs credits." if costs else description,
                input_schema=schema,
                annotations=types.ToolAnnotations(
                    title=title,
                    read_only_hint=read_only,
                    destructive_hint=False,
                    idempotent_hint=read_only,
                    open_world_hint=True,
                ),
            ),
            checked,
            self._caller,
            lambda use: waits(replace(use, arguments={**defaults, **use.arguments})),
        )

    async def _call(self, operation: str, arguments: Json, use: Use) -> Any:
        return await called(self._caller, self._offers[operation], arguments, use.headers)

    async def _get_generation(self, use: Use) -> Result:
        return await self._generation(use.arguments["generation_id"], use)

    async def _generation(self, id: str, use: Use, created: Json | None = None) -> Result:
        """Wait for a generation and return it, with its images if `include_images` is true."""
        read = "get-generation-by-id"
        seconds = use.arguments["wait"]
        body = await self._finished(read, id, use, GENERATION)
        row = generation_of(body)
        note = not_complete(id, row, seconds)
        _refuse_failed(row, note)
        images = [{"id": each["id"], "url": each["url"]} for each in row.get("generated_images", ())]
        value = {"generation_id": id, "status": row.get("status"), "images": images, **(created or {})}
        result = result_of(value, *([_with_own_names(note)] if note else ()))
        if use.arguments["include_images"] and not note:
            result.content += await shown(self._caller, self._offers[read], row, use.headers)
        return result

    async def _finished(self, operation: str, id: str, use: Use, kind: JobKind) -> Json:
        async def read() -> Json:
            body: Json = await self._call(operation, {"id": id}, use)
            return body

        return await finished(self._caller, read, id, use.arguments["wait"], use.headers, use.progress, kind)

    async def _list_models(self, use: Use) -> Result:
        body = await self._call("list-platform-models", {}, use)
        part = use.arguments.get("contains", "").lower()
        models = [
            {"id": each["id"], "name": each["name"], "description": each["description"]}
            for each in body["custom_models"]
            if part in each["name"].lower()
        ]
        return result_of({"models": models})

    async def _get_account(self, use: Use) -> Result:
        (account,) = (await self._call("get-user-self", {}, use))["user_details"]
        return result_of(
            {
                "user_id": account["user"]["id"],
                "username": account["user"]["username"],
                "credits": (account["apiPaidTokens"] or 0) + (account["apiSubscriptionTokens"] or 0),
            }
        )


class _Tasks(_ReadTasks):
    """All tools."""

    def __init__(self, offers: Mapping[str, Offer], caller: Caller, outside: OutsideFiles) -> None:
        super().__init__(offers, caller)
        self._outside = outside

    def tools(self) -> list[Tool]:
        """Return the tools."""
        first = self._tool(
            "generate_image",
            "Draw images of a prompt, wait until they are ready, and show them.",
            {
                "prompt": {"type": "string", "minLength": 1, "description": "What the image shows."},
                "model_id": {"type": "string", "description": "Id of a model, from list_models."},
                "width": {**_SIDE, "description": "In pixels."},
                "height": {**_SIDE, "description": "In pixels."},
                "num_images": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 8,
                    "default": 1,
                    "description": "How many images to draw.",
                },
                "negative_prompt": {"type": "string", "description": "What the image must not show."},
                "init_image_id": {"type": "string", "description": "Id of an upload to start from."},
                "wait": _WAIT,
                "include_images": _SHOW,
            },
            self._generate,
            costs=True,
            read_only=False,
        )
        return [first, *super().tools(), self._upload_tool(), *self._variation_tools()]

    def _upload_tool(self) -> Tool:
        return self._tool(
            "upload_image",
            "Upload a PNG, JPEG or WebP, from a URL or as base64, to start a generation from it.",
            {
                "url": {"type": "string", "description": "URL of the file, http or https."},
                "data": {"type": "string", "description": "The file as base64, instead of `url`."},
            },
            self._upload,
            required=(),
            read_only=False,
        )

    def _variation_tools(self) -> list[Tool]:
        about = " ".join(f"{name}: {text}" for name, (_, text) in _VARIATIONS.items())
        return [
            self._tool(
                "upscale_image",
                "Make a generated image larger, and wait for the result.",
                {"image_id": _IMAGE, "wait": _WAIT, "include_images": _SHOW},
                self._upscale,
                costs=True,
                read_only=False,
            ),
            self._tool(
                "vary_image",
                "Make a variation of a generated image, and wait for the result.",
                {
                    "image_id": _IMAGE,
                    "kind": {"type": "string", "enum": [*_VARIATIONS], "description": about},
                    "wait": _WAIT,
                    "include_images": _SHOW,
                },
                self._vary,
                required=("image_id", "kind"),
                costs=True,
                read_only=False,
            ),
        ]

    async def _generate(self, use: Use) -> Result:
        given = dict(use.arguments)
        body = {
            {"model_id": "modelId"}.get(name, name): value
            for name, value in given.items()
            if name not in ("wait", "include_images")
        }
        answer = await self._call("create-generation", {"body": body}, use)
        job = answer.get("sdGenerationJob") or {}
        if not isinstance(id := job.get("generationId"), str):
            raise Refused("leomock: the API answered without the id of a generation", code="unexpected")
        return await self._generation(id, use, {"credits": job.get("apiCreditCost")})

    async def _upload(self, use: Use) -> Result:
        operation = "upload-init-image"
        offer = self._offers[operation]
        file = await given_file(use, self._caller, offer.operation.id, self._outside)
        answer = await self._call(operation, {"body": {"extension": extension_of(file)}}, use)
        form = answer["uploadInitImage"]
        try:
            name = f"image.{extension_of(file)}"
            fields = orjson.loads(form["fields"])
            await self._caller.upload(offer.operation.id, form["url"], fields, name, file)
        except ApiError as error:
            raise Refused(
                error.text, "Upload it again.", status=error.status, code="upload", retryable=True
            ) from None
        return result_of({"init_image_id": form["id"]})

    async def _upscale(self, use: Use) -> Result:
        return await self._variation("create-variation-upscale", {"id": use.arguments["image_id"]}, use)

    async def _vary(self, use: Use) -> Result:
        operation, _ = _VARIATIONS[use.arguments["kind"]]
        return await self._variation(operation, {"id": use.arguments["image_id"]}, use)

    async def _variation(self, operation: str, body: Json, use: Use) -> Result:
        (job,) = (await self._call(operation, {"body": body}, use)).values()
        id, read = str(job["id"]), "get-variation-by-id"
        row = _variation_of(await self._finished(read, id, use, VARIATION))
        note = not_complete(id, row, use.arguments["wait"], VARIATION.noun)
        _refuse_failed(row, note)
        value = {
            "variation_id": id,
            "status": row.get("status"),
            "url": row.get("url"),
            "credits": job.get("apiCreditCost"),
        }
        if note:
            return result_of(value, f"The variation {id} is still PENDING. Do not create it again.")
        result = result_of(value)
        if use.arguments["include_images"]:
            images = {"generated_images": [{"url": row["url"]}]}
            result.content += await shown(self._caller, self._offers[read], images, use.headers)
        return result


def _refuse_failed(row: Json, note: str) -> None:
    if row.get("status") == "FAILED":
        message, _, next_step = note.partition(". ")
        raise Refused(message, next_step, code="failed")


def _with_own_names(note: str) -> str:
    """Return a note of the operations' tools with the names of these tools."""
    return note.replace("with `wait`", "with get_generation")
