"""The HTTP side of an MCP server: keys, pages of other sites, errors as JSON-RPC, and a quick stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leomock.interop.mcp.keys import IsRefused, authorization_of
from leomock.interop.mcp.tool_server import ToolServer
from leomock.server.guard import Guard

# Both headers in which a caller may send the API key.
SEND_A_KEY = "send the API key as 'Authorization: Bearer <key>' or as 'API-Key: <key>'"
WRONG_KEY = "the API refuses this API key; send another one"
CHALLENGE = {"www-authenticate": f'Bearer realm="leomock", error_description="{SEND_A_KEY}"'}
CHALLENGE_WRONG = {
    "www-authenticate": f'Bearer realm="leomock", error="invalid_token", error_description="{WRONG_KEY}"'
}
# Headers of responses that a page's MCP client reads.
EXPOSED = ("Mcp-Session-Id", "Mcp-Protocol-Version", "WWW-Authenticate", "Retry-After")
# Seconds that calls which were ended have to deliver their answers.
LAST_SECONDS = 0.5


def close_door(
    app: Starlette,
    server: ToolServer,
    *,
    allow_hosts: Collection[str] = (),
    allow_origins: Collection[str] = (),
    needs_key: bool = False,
    is_refused: IsRefused | None = None,
) -> None:
    """Put the checks that every MCP app needs in front of an app.

    Pages of other sites are rejected, apart from those of `allow_origins`. With `needs_key`, calls without an
    API key get a 401; so do calls with a key that the API refuses, as `is_refused` says. When the app's
    lifespan ends, calls in progress are ended first.
    """
    calls = Calls()
    app.add_middleware(Door, calls=calls, needs_key=needs_key, is_refused=is_refused)
    if allow_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(allow_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    app.add_middleware(Guard, hosts=allow_hosts, name="MCP", origins=allow_origins)
    opened = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        async with opened(app) as state:
            yield state
            server.end_calls()
            await calls.answered(LAST_SECONDS)
        calls.cancel()

    app.router.lifespan_context = lifespan


class Calls:
    """The HTTP requests in progress."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], str] = {}
        self.cancelled = False

    @asynccontextmanager
    async def counted(self, method: str) -> AsyncIterator[None]:
        """Count a request that the current task answers."""
        task = asyncio.current_task()
        assert task
        self._running[task] = method
        try:
            yield
        finally:
            self._running.pop(task, None)

    async def answered(self, seconds: float) -> None:
        """Wait until no POST is in progress, at most the given seconds. Streams (GET) do not count."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while "POST" in self._running.values() and loop.time() < end:
            await asyncio.sleep(0.01)

    def cancel(self) -> None:
        """End the requests that are still in progress."""
        self.cancelled = True
        for task in list(self._running):
            task.cancel()


class Door:
    """Ask callers for a key, and turn errors in plain text into JSON-RPC errors."""

    def __init__(
        self, app: ASGIApp, calls: Calls, needs_key: bool = False, is_refused: IsRefused | None = None
    ) -> None:
        self._app = app
        self._calls = calls
        self._needs_key = needs_key
        self._is_refused = is_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if refusal := await self._key_refusal(authorization_of(Headers(scope=scope))):
            await refusal(scope, receive, send)
            return
        # Whitespace around a value is no part of it (RFC 9110, 5.5), and the SDK compares some of them.
        scope = {**scope, "headers": [(name, value.strip(b" \t")) for name, value in scope["headers"]]}
        sending = _Sending(send)
        async with self._calls.counted(scope["method"]):
            try:
                await self._app(scope, receive, sending)
            except asyncio.CancelledError:
                if not self._calls.cancelled:
                    raise
                await sending.end()

    async def _key_refusal(self, authorization: str) -> Response | None:
        """Return the response to a call without the key that it needs, or with a wrong one."""
        if not authorization:
            return json_rpc_error(401, f"leomock: {SEND_A_KEY}", CHALLENGE) if self._needs_key else None
        if self._is_refused and await self._is_refused(authorization):
            return json_rpc_error(401, f"leomock: {WRONG_KEY}", CHALLENGE_WRONG)
        return None


class _Sending:
    """Pass an app's response on; an error in plain text becomes a JSON-RPC error."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._error: Message | None = None
        self._text = b""
        self._ended = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_plain_error(message):
            self._error = message
            return
        if self._error is not None and message["type"] == "http.response.body":
            self._text += message.get("body", b"")
            if message.get("more_body"):
                return
            response = json_rpc_error(self._error["status"], f"leomock: {_sentence(self._text)}")
            await self._send(
                {
                    "type": "http.response.start",
                    "status": response.status_code,
                    "headers": response.raw_headers,
                }
            )
            message = {"type": "http.response.body", "body": response.body}
        if message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def end(self) -> None:
        """End the response, so that the server can stop."""
        if not self._ended:
            self._ended = True
            await self._send({"type": "http.response.body", "body": b""})


def _is_plain_error(message: Message) -> bool:
    kind = Headers(raw=message["headers"]).get("content-type", "")
    return message["status"] >= 400 and not kind.startswith("application/json")


def _sentence(text: bytes) -> str:
    said = text.decode(errors="replace") or "the request was rejected"
    return said[0].lower() + said[1:]


def json_rpc_error(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an HTTP error whose body is a JSON-RPC error without the id of a request."""
    error = {"code": types.INVALID_REQUEST, "message": text}
    content = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    return Response(content, status, headers, "application/json")
