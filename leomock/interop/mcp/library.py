"""The account's generations and images as MCP resources, below `leonardo://`."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import mcp_types as types
import orjson
from mcp.shared.uri_template import UriTemplate

from leomock.interop.capability.model import Capability, Offer
from leomock.interop.capability.upstream import Caller
from leomock.interop.capability.waiting import Watched
from leomock.interop.mcp.caller_id import own_user_id
from leomock.interop.mcp.reading import called
from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.results import generation_of
from leomock.leonardo.errors import ApiError
from leomock.openapi.documents import Json

# Generations whose images are listed.
NEWEST = 10
SCHEME = "leonardo://"
ACCOUNT, MODELS = f"{SCHEME}account", f"{SCHEME}models"
GENERATION = f"{SCHEME}generations/{{id}}"
IMAGE = f"{GENERATION}/images/{{index}}"
_PLACES = tuple(UriTemplate.parse(each) for each in (GENERATION, IMAGE))
_ME, _MODELS, _READ, _LIST = (
    *("get-user-self", "list-platform-models"),
    *("get-generation-by-id", "get-generations-by-user-id"),
)
# Resources that are the answer of an operation: the name, and the operation.
_ANSWERS = {ACCOUNT: ("account", _ME), MODELS: ("models", _MODELS)}
_JSON = "application/json"
Headers = Mapping[str, str]
Contents = types.TextResourceContents | types.BlobResourceContents


def library_of(capability: Capability, caller: Caller) -> LeonardoLibrary | None:
    """Return the resources of a capability; None if it lacks the operations that read them."""
    offers = {offer.operation.id.partition(".")[2]: offer for offer in capability.adapters[0].offers}
    return LeonardoLibrary(offers, caller) if {_ME, _MODELS, _READ, _LIST} <= set(offers) else None


def _template(uri: str, title: str, description: str, kind: str) -> types.ResourceTemplate:
    return types.ResourceTemplate(
        name=title.lower(), title=title, uri_template=uri, description=description, mime_type=kind
    )


class LeonardoLibrary:
    """Account and models, and the newest generations with their images."""

    templates: Sequence[types.ResourceTemplate] = (
        _template(GENERATION, "Generation", "Status, settings and image URLs of a generation.", _JSON),
        _template(IMAGE, "Image", "The file of an image; the first has the index 0.", "image/jpeg"),
    )

    def __init__(self, offers: Mapping[str, Offer], caller: Caller) -> None:
        self._offers = offers
        self._caller = caller

    async def listed(self, headers: Headers) -> list[types.Resource]:
        """Return account, models, and the images of the newest generations."""
        found = [
            types.Resource(name=name, title=name.capitalize(), uri=uri, mime_type=_JSON)
            for uri, (name, _) in _ANSWERS.items()
        ]
        for row in await self._newest(headers):
            for index, image in enumerate(row.get("generated_images", ())):
                found.append(
                    types.Resource(
                        name=f"{row['id']}-{index}",
                        title=str(row.get("prompt") or row["id"])[:100],
                        uri=IMAGE.format(id=row["id"], index=index),
                        mime_type=_kind_of(image["url"]),
                    )
                )
        return found

    async def read(self, uri: str, headers: Headers) -> list[Contents]:
        """Return account, models or a generation as JSON, or the file of an image. Raises `Refused`."""
        if uri in _ANSWERS:
            return [_json(uri, await self._call(_ANSWERS[uri][1], {}, headers))]
        id, index = _parts(uri)
        row = generation_of(await self._call(_READ, {"id": id}, headers))
        if index is None:
            return [_json(uri, row)]
        images = row.get("generated_images", ())
        if index >= len(images):
            pending = row.get("status") == "PENDING"
            text = f"The generation {id} has {len(images)} images and is {row.get('status')}"
            step = "Read it again later." if pending else f"The indexes are below {len(images)}."
            raise Refused(text, step, code="pending" if pending else "not-found", retryable=pending)
        url = images[index]["url"]
        try:
            file = await self._caller.fetch(self._offers[_READ].operation.id, url, headers)
        except ApiError as error:
            raise Refused(error.text, status=error.status, code=error.wording.code, retryable=True) from None
        data = base64.b64encode(file).decode()
        return [types.BlobResourceContents(uri=uri, blob=data, mime_type=_kind_of(url))]

    async def next_change(self, uri: str, headers: Headers) -> Callable[[], Awaitable[bool]] | None:
        """Return a function that waits for the next change; None for the models, which stay the same.

        It returns False if the resource is deleted. Raises `Refused` if the resource does not exist.
        """
        if uri == MODELS:
            return None
        id, index = ("", None) if uri == ACCOUNT else _parts(uri)

        async def read(last: Any) -> Any:
            try:
                return await self._watched_value(id, index, headers)
            except Refused as refusal:
                if not refusal.retryable and refusal.code != "not-found":
                    raise
                return last if refusal.retryable else None

        value = await self._watched_value(id, index, headers)
        watched = Watched(value, read, id, is_file=index is not None)
        waiting = self._caller.waiting
        state = waiting.state(watched, headers)

        async def change() -> bool:
            nonlocal state
            state = await waiting.changed(watched, state, headers)
            return state is not None

        return change

    async def _watched_value(self, id: str, index: int | None, headers: Headers) -> Any:
        """Return the account for no id, a generation, or of an image what its file depends on."""
        if not id:
            return await self._call(_ME, {}, headers)
        row = generation_of(await self._call(_READ, {"id": id}, headers))
        if index is None:
            return row
        urls = [each["url"] for each in row.get("generated_images", ())]
        return {"status": row.get("status"), "url": urls[index] if index < len(urls) else None}

    async def complete(self, template: str, argument: str, headers: Headers) -> list[str]:
        """Return ids of the newest generations, or indexes of images."""
        if template in (GENERATION, IMAGE) and argument == "id":
            return await self.newest_ids(headers)
        return [str(index) for index in range(8)] if (template, argument) == (IMAGE, "index") else []

    async def newest_ids(self, headers: Headers) -> list[str]:
        """Return the ids of the caller's newest generations; none if they cannot be read."""
        try:
            return [str(row["id"]) for row in await self._newest(headers)]
        except Refused:
            return []

    async def model_names(self, headers: Headers) -> list[str]:
        """Return the names of the models; none if they cannot be read."""
        try:
            body = await self._call(_MODELS, {}, headers)
        except Refused:
            return []
        return [each["name"] for each in body["custom_models"]]

    async def _newest(self, headers: Headers) -> list[Json]:
        user = await own_user_id(self._caller, self._offers[_ME], headers)
        body = await self._call(_LIST, {"userId": user, "limit": NEWEST}, headers)
        rows: list[Json] = body["generations"]
        return rows

    async def _call(self, name: str, arguments: Json, headers: Headers) -> Any:
        return await called(self._caller, self._offers[name], arguments, headers)


def _parts(uri: str) -> tuple[str, int | None]:
    """Return the id and the index in the address of a generation or an image. Raises `Refused`."""
    for place in _PLACES:
        parts = {name: str(value) for name, value in (place.match(uri) or {}).items()}
        index = parts.get("index", "0")
        if parts.get("id") and index.isdecimal() and len(index) <= 3:
            return parts["id"], int(index) if "index" in parts else None
    text = f"There is no resource {uri[:100]!r}"
    step = f"The addresses are {ACCOUNT}, {MODELS}, {GENERATION} and {IMAGE}."
    raise Refused(text, step, code="not-found")


def _json(uri: str, value: Any) -> types.TextResourceContents:
    return types.TextResourceContents(uri=uri, text=orjson.dumps(value).decode(), mime_type=_JSON)


def _kind_of(url: str) -> str:
    name = url.lower().partition("?")[0]
    return "image/png" if name.endswith(".png") else "image/jpeg"
