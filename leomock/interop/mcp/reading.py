"""Read a generation until it is finished, and show its images."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types

from leomock.interop.capability.model import Offer
from leomock.interop.capability.upstream import Caller
from leomock.interop.capability.waiting import FIRST_PAUSE
from leomock.interop.mcp.pictures import picture_content
from leomock.interop.mcp.refusals import Refused, is_error_list, refusal_of
from leomock.interop.mcp.results import generation_of
from leomock.leonardo.errors import ApiError
from leomock.openapi.documents import Json

LONGEST_WAIT = 600  # seconds


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of work that is read until it ends: its noun, and the row with its status in an answer."""

    noun: str
    row: Callable[[Json], Json]


GENERATION = JobKind("generation", generation_of)
Progress = Callable[[float, float, str], Awaitable[None]]  # progress, total, message


async def called(
    caller: Caller, offer: Offer, arguments: Mapping[str, Any], headers: Mapping[str, str]
) -> Any:
    """Return the value of a successful call. Raises `Refused` for errors and missing rows."""
    operation = offer.operation
    answer = await caller.answered(offer, arguments, headers)
    if not 200 <= answer.status < 300 or is_error_list(answer.body):
        raise refusal_of(answer, operation.method)
    body = answer.body
    if "{" in operation.path and _is_nothing(body):
        ids = ", ".join(str(arguments[each.name]) for each in offer.inputs if each.name in arguments)
        raise Refused(
            f"{operation.method} {operation.path}: there is nothing with the id {ids[:100]}",
            "Check the id; deleted things cannot be read any more.",
            status=answer.status,
            code="not-found",
            vendor=f"{answer.status} {answer.content.decode(errors='replace')}",
        )
    try:
        return caller.value_of(answer, offer, arguments)
    except ApiError as error:
        raise Refused(error.text, status=error.status, code=error.wording.code) from None


def _is_nothing(body: Any) -> bool:
    """Return True if an answer names a row that does not exist: the API gives it as null."""
    return isinstance(body, dict) and bool(body) and all(value is None for value in body.values())


async def finished(
    caller: Caller,
    read: Callable[[], Awaitable[Json]],
    id: str,
    seconds: float,
    headers: Mapping[str, str],
    progress: Progress,
    job: JobKind = GENERATION,
) -> Json:
    """Return the last answer of `read`, once the job is no longer PENDING or `seconds` have passed.

    A failed read is retried while time remains, if a retry can help. Raises `Refused`.
    """
    now = asyncio.get_running_loop().time
    began, attempt = now(), 0

    async def report(gone: float) -> None:
        await progress(min(gone, seconds), seconds, f"the {job.noun} is PENDING")

    while True:
        left = seconds - (now() - began)
        try:
            body = await read()
        except Refused as refusal:
            pause = max(FIRST_PAUSE, refusal.retry_after or 0.0)
            if not refusal.retryable or pause > left:
                raise
            await caller.waiting.pause(pause, headers)
            continue
        status = job.row(body).get("status", "")
        if status != "PENDING":
            if seconds:
                await progress(seconds, seconds, f"the {job.noun} is {status}")
            return body
        left = seconds - (now() - began)
        if left <= 0:
            return body
        await report(now() - began)
        if not await caller.waiting.for_job(id, attempt, left, headers, report):
            return body
        attempt += 1


async def shown(
    caller: Caller, offer: Offer, generation: Json, headers: Mapping[str, str]
) -> list[types.ContentBlock]:
    """Return the images of a generation as content. Raises `Refused` if a file cannot be fetched."""

    async def fetch(url: str) -> bytes:
        return await caller.fetch(offer.operation.id, url, headers)

    urls = [each["url"] for each in generation.get("generated_images", ()) if each.get("url")]
    try:
        return await picture_content(urls, fetch)
    except ApiError as error:
        raise Refused(
            f"The pictures cannot be shown: {error.text}",
            "Read the generation without include_images to get their URLs.",
            status=error.status,
            code=error.wording.code,
            retryable=True,
        ) from None


def not_complete(id: str, row: Json, waited: float, noun: str = "generation") -> str:
    """Return a sentence about a job without a result, and the next step; '' if it is COMPLETE."""
    status = row.get("status")
    if status == "PENDING":
        after = f" after {waited:g} s" if waited else ""
        return f"The {noun} {id} is still PENDING{after}. Read it again with `wait`; do not create it again."
    if status == "FAILED":
        return f"The {noun} {id} has FAILED and has no pictures. Change its prompt or settings first."
    return ""
