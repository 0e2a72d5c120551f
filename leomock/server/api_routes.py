"""Serve the API over HTTP."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Awaitable, Iterator
from functools import lru_cache
from itertools import count
from random import Random
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from leomock.leonardo.hosts import Addresses
from leomock.openapi.request_parser import Request
from leomock.operations.dispatch import Dispatcher
from leomock.operations.reply import Reply
from leomock.server.access_log import LOG_CONTEXT
from leomock.server.breakage import broken, connection_of
from leomock.server.metrics import CallCounts
from leomock.server.rendering import Renderers

# The paths of each API version. The ones without `/api/rest` are those of the capability's REST adapter.
PREFIXES = {"/api/rest/v1": "v1", "/v1": "v1", "/api/rest/v2": "v2", "/v2": "v2"}
LONGEST_HEADER = 500
# Number of bytes to read of a body that is too long, so that a client which sends everything first still gets
# the response.
LONGEST_DRAIN = 2**30
_JSON = (b"content-type", b"application/json; charset=utf-8")
_HTML = (b"content-type", b"text/html; charset=utf-8")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class ApiRoutes:
    """Answer requests below the API's prefixes, and pass all others on to another app.

    It runs before Starlette's router, which takes an eighth of a call's time and sees the decoded path, where
    `%2F` in an id looks like a slash.
    """

    def __init__(
        self, api: Dispatcher, rest: ASGIApp, renderers: Renderers, counts: CallCounts | None = None
    ) -> None:
        self._api = api
        self._renderers = renderers
        self._counts = counts or CallCounts()
        self._rest = rest
        self._max_body = api.settings.max_body
        self._explain = api.settings.explain
        self._request_id = _request_ids()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
            for prefix, version in PREFIXES.items():
                if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("/", ""):
                    return self._answer(path, path[len(prefix) :].strip("/"), version, scope, receive, send)
        return self._rest(scope, receive, send)

    async def _answer(
        self, wire_path: str, path: str, version: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        authorization = host = scenario = b""
        has_body = False
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"host":
                host = value
            elif name in (b"content-length", b"transfer-encoding"):
                has_body = True
            elif name == b"x-leomock-scenario":
                scenario = scenario + b"," + value
        began = time.perf_counter()
        body, complete = await self._body(receive) if has_body else (b"", True)
        segments = path.split("/")
        request = Request(
            scope["method"],
            [unquote(segment) for segment in segments] if "%" in path else segments,
            addresses(self._api.settings.public_url, scope["scheme"], host, scope.get("server")),
            scope["query_string"].decode("latin-1"),
            body,
            authorization.decode("latin-1"),
            scope["headers"],
            scenario.decode("latin-1"),
            version,
        )
        if not complete:
            self._api.record_unfinished(request, wire_path, (time.perf_counter() - began) * 1000)
            return
        began = time.perf_counter()
        try:
            if version == "v2" and b"/users/" in body:
                await self._renderers.prepare(self._api.worlds, body)
            reply = self._api.handle(request)
            if reply.is_unfinished:
                await self._renderers.run(reply.finish)
        except Exception as error:
            reply = defect(error)
        headers = self._headers(reply)
        milliseconds = (time.perf_counter() - began) * 1000
        number = self._api.record(request, reply, wire_path, headers, milliseconds)
        operation = reply.operation.id if reply.operation else ""
        self._counts.add(operation, reply.status, milliseconds / 1000, reply.rules)
        if reply.delay and not await connection_of(scope).pause(reply.delay, receive):
            self._api.record_disconnect(reply, number)
            return
        if reply.breakage:
            send = broken(reply.breakage, scope, receive, send)
        context = scope.get(LOG_CONTEXT)
        if context is not None:
            context.operation = operation
            context.key = reply.world.key if reply.world else ""
            context.explain = reply.explain
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.content})

    async def _body(self, receive: Receive) -> tuple[bytes, bool]:
        """Read the request body. The second value is false if the client disconnected before its end.

        Stop collecting once it exceeds `max_body`, keeping just enough to show that it did.
        """
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return body, message["type"] == "http.request"
        chunks, kept, seen = [body], len(body), len(body)
        while message.get("more_body") and seen <= LONGEST_DRAIN:
            message = await receive()
            chunk = message.get("body", b"")
            seen += len(chunk)
            if kept <= self._max_body:
                chunks.append(chunk)
                kept += len(chunk)
        return b"".join(chunks), message["type"] == "http.request"

    def _headers(self, reply: Reply) -> list[tuple[bytes, bytes]]:
        headers = [
            _content_type(reply),
            _NOSNIFF,
            (b"content-length", b"%d" % len(reply.content)),
            (b"x-request-id", next(self._request_id)),
        ]
        for name, value in reply.headers.items():
            if name.lower() != "content-type":
                headers.append((name.lower().encode(), value.encode()))
        if reply.explain:
            headers.append((b"x-leomock-explain", header_text(reply.explain)))
        if self._explain and (basis := self._api.basis_of(reply)):
            headers.append((b"x-leomock-basis", header_text(basis)))
        return headers


def _content_type(reply: Reply) -> tuple[bytes, bytes]:
    for name, value in reply.headers.items():
        if name.lower() == "content-type":
            return b"content-type", value.encode()
    return _JSON if reply.text is None else _HTML


def defect(error: Exception) -> Reply:
    """Return the reply for a defect in leomock itself, and print the traceback to stderr."""
    traceback.print_exception(error, file=sys.stderr)
    text = f"leomock: a defect in leomock itself, please report it: {type(error).__name__}: {error}"
    return Reply(500, {"error": text, "path": "$", "code": "unexpected"}, None, None)


@lru_cache(maxsize=64)
def addresses(public_url: str, scheme: str, host: bytes, server: tuple[str, int | None] | None) -> Addresses:
    """Return the base URLs for links: below the public URL, or below the address that the client used."""
    if public_url:
        return Addresses.under(public_url)
    if host:
        return Addresses.under(f"{scheme}://{host.decode('latin-1')}")
    name, port = server or ("localhost", None)
    return Addresses.under(f"{scheme}://{name}:{port}" if port else f"{scheme}://{name}")


def header_text(text: str) -> bytes:
    """Return a text as a header value: one line of printable ASCII, at most `LONGEST_HEADER` characters."""
    line = "".join(c if " " <= c <= "~" else "?" for c in text)
    return (line if len(line) <= LONGEST_HEADER else f"{line[: LONGEST_HEADER - 3]}...").encode()


def _request_ids() -> Iterator[bytes]:
    """Yield ids in the form of a version 4 UUID: a random start, then a counter."""
    begin = f"{Random().getrandbits(128):032x}"
    begin = f"{begin[:8]}-{begin[8:12]}-4{begin[12:15]}-a{begin[15:18]}-"
    return (f"{begin}{number:012x}".encode() for number in count(1))
