"""The API over HTTP: one raw request in, one reply out."""

from __future__ import annotations

from random import Random
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from leomock.addresses import Addresses
from leomock.answer import Api, Reply
from leomock.server.recording import NOTE
from leomock.spec.parse import Request
from leomock.state.ids import uuid4_from

# The second is what the capability's REST adapter exposes.
PREFIXES = (b"/api/rest/v1", b"/v1")
LONGEST_HEADER = 500
# A body that is too long is read on up to here, so that a client which sends first still gets its answer.
LONGEST_DRAIN = 2**30


class ApiRoute(BaseRoute):
    """Everything below the API's two prefixes.

    A route of its own kind, because it must see the path as it was sent: `%2F` in an id is not a slash.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._max_body = api.settings.max_body
        self._request_ids = Random()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            path = _raw_path(scope)
            for prefix in PREFIXES:
                if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"/", b""):
                    return Match.FULL, {"below_prefix": path[len(prefix) :]}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = ""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value.decode("latin-1")
        path: str = scope["below_prefix"].decode("latin-1").strip("/")
        reply = self._api.answer(
            Request(
                method=scope["method"],
                segments=[unquote(part) for part in path.split("/")] if "%" in path else path.split("/"),
                addresses=addresses(self._api, scope),
                query=scope["query_string"].decode("latin-1"),
                body=await self._body(receive),
                authorization=authorization,
            )
        )
        await self._send(reply, scope, send)

    async def _body(self, receive: Receive) -> bytes:
        """The body; of one that is too long only a piece that shows it is."""
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return body
        chunks, kept, seen = [body], len(body), len(body)
        while message.get("more_body") and seen <= LONGEST_DRAIN:
            message = await receive()
            chunk = message.get("body", b"")
            seen += len(chunk)
            if kept <= self._max_body:
                chunks.append(chunk)
                kept += len(chunk)
        return b"".join(chunks)

    async def _send(self, reply: Reply, scope: Scope, send: Send) -> None:
        content = orjson.dumps(reply.body)
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(content)).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", uuid4_from(self._request_ids.getrandbits(128)).encode()),
        ]
        if reply.headers:
            headers += [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        if reply.explain:
            headers.append((b"x-leomock-explain", header_text(reply.explain)))
        note: dict[str, Any] = scope[NOTE]
        if reply.operation:
            note["operation"] = reply.operation.id
        if reply.world:
            note["key"] = reply.world.key
        note["explain"] = reply.explain
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def addresses(api: Api, scope: Scope) -> Addresses:
    """Where this client finds things: under the public URL, or under the address that it used itself."""
    origin = api.settings.public_url
    if not origin:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        if not host:
            server = scope.get("server") or ("localhost", None)
            host = f"{server[0]}:{server[1]}" if server[1] else server[0]
        origin = f"{scope['scheme']}://{host}"
    return Addresses.under(origin)


def header_text(text: str) -> bytes:
    """A text as the value of a header: one line of printable ASCII, not too long."""
    line = "".join(c if " " <= c <= "~" else "?" for c in text)
    return (line if len(line) <= LONGEST_HEADER else f"{line[: LONGEST_HEADER - 3]}...").encode()


def _raw_path(scope: Scope) -> bytes:
    raw: bytes | None = scope.get("raw_path")
    return raw if raw is not None else scope["path"].encode()
