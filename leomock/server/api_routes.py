"""Serve the API over HTTP."""

from __future__ import annotations

import re
import sys
import time
import traceback
from collections.abc import Awaitable, Iterator
from functools import lru_cache, partial
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
from leomock.server.direct import Answer
from leomock.server.known_heads import FINDINGS
from leomock.server.metrics import CallCounts
from leomock.server.rendering import Renderers

# The paths of each API version. The ones without `/api/rest` are those of the capability's REST adapter.
PREFIXES = {"/api/rest/v1": "v1", "/v1": "v1", "/api/rest/v2": "v2", "/v2": "v2"}
_API_PATH = re.compile(rf"(?:{'|'.join(PREFIXES)})(?![^/])")
LONGEST_HEADER = 500
# How much to read of a body that is too long, so that a client that sends everything first still gets the
# response.
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
        if scope["type"] == "http" and (route := _route(scope)):
            return self._answer(*route, scope, receive, send)
        return self._rest(scope, receive, send)

    def answer_directly(self, scope: Scope, body: bytes) -> Answer | ASGIApp | None:
        """Answer a complete request to the API, unless that takes waiting (see `DirectApp`)."""
        findings: dict[ApiRoutes, tuple[str, Request]] = scope.get(FINDINGS, {})
        known = findings.get(self)
        if known is None:
            if (route := _route(scope)) is None:
                return None
            wire_path, path, version = route
            known = findings[self] = wire_path, self._request(scope, path, version)[0]
        wire_path, request = known
        if _needs_pictures(request.version, body):
            return None
        request.body = body
        began = time.perf_counter()
        reply = self._reply(request)
        if reply.is_unfinished or reply.delay or reply.breakage:
            findings.pop(self)  # The request is still needed when the next one with this head comes.
            return partial(self._finish, request, reply, wire_path, began)
        headers, _ = self._recorded(request, reply, wire_path, began, scope)
        return Answer(reply.status, headers, reply.content)

    async def _answer(
        self, wire_path: str, path: str, version: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        request, has_body = self._request(scope, path, version)
        began = time.perf_counter()
        if has_body:
            request.body, complete = await self._body(receive)
            if not complete:
                milliseconds = (time.perf_counter() - began) * 1000
                self._api.record_unfinished(request, wire_path, milliseconds, connection_of(scope).late)
                return
        began = time.perf_counter()
        try:
            if _needs_pictures(version, request.body):
                await self._renderers.prepare(self._api.worlds, request.body)
        except Exception as error:
            reply = defect(error)
        else:
            reply = self._reply(request)
        await self._finish(request, reply, wire_path, began, scope, receive, send)

    async def _finish(
        self,
        request: Request,
        reply: Reply,
        wire_path: str,
        began: float,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Complete a reply, record it, and send it as its scenario demands."""
        if reply.is_unfinished:
            try:
                await self._renderers.run(reply.finish)
            except Exception as error:
                reply = defect(error)
        headers, number = self._recorded(request, reply, wire_path, began, scope)
        if reply.delay and not await connection_of(scope).pause(reply.delay, receive):
            self._api.record_disconnect(reply, number)
            return
        if reply.breakage:
            send = broken(reply.breakage, scope, receive, send)
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.content})

    def _request(self, scope: Scope, path: str, version: str) -> tuple[Request, bool]:
        """Return a request without its body, and whether it has one."""
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
        segments = path.split("/")
        request = Request(
            scope["method"],
            [unquote(segment) for segment in segments] if "%" in path else segments,
            addresses(self._api.settings.public_url, scope["scheme"], host, scope.get("server")),
            scope["query_string"].decode("latin-1"),
            b"",
            authorization.decode("latin-1"),
            scope["headers"],
            scenario.decode("latin-1"),
            version,
        )
        return request, has_body

    def _reply(self, request: Request) -> Reply:
        try:
            return self._api.handle(request)
        except Exception as error:
            return defect(error)

    def _recorded(
        self, request: Request, reply: Reply, wire_path: str, began: float, scope: Scope
    ) -> tuple[list[tuple[bytes, bytes]], int]:
        """Record a reply in the journal, the counts and the log; return its headers and its number."""
        headers = self._headers(reply)
        milliseconds = (time.perf_counter() - began) * 1000
        number = self._api.record(request, reply, wire_path, headers, milliseconds)
        operation = reply.operation.id if reply.operation else ""
        self._counts.add(operation, reply.status, milliseconds / 1000, reply.rules)
        context = scope.get(LOG_CONTEXT)
        if context is not None:
            context.answered(reply, operation)
        return headers, number

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
        if reply.headers:
            for name, value in reply.headers.items():
                if name.lower() != "content-type":
                    headers.append((name.lower().encode(), value.encode()))
        if reply.explain:
            headers.append((b"x-leomock-explain", header_text(reply.explain)))
        if self._explain and (basis := self._api.basis_of(reply)):
            headers.append((b"x-leomock-basis", header_text(basis)))
        return headers


def _route(scope: Scope) -> tuple[str, str, str] | None:
    """Return the path as sent, its part below the API's prefix, and the version; None for other paths."""
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    if (found := _API_PATH.match(path)) is None:
        return None
    return path, path[found.end() :].strip("/"), PREFIXES[found[0]]


def _needs_pictures(version: str, body: bytes) -> bool:
    """True if a call may refer to pictures of this server by URL, which are rendered before it is handled."""
    return version == "v2" and b"/users/" in body


def _content_type(reply: Reply) -> tuple[bytes, bytes]:
    if reply.headers:
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
