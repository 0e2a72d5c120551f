"""Decide who may call the admin API without an API key.

A call with an API key affects only its own tenant, so it is accepted from everywhere. A call without a key
reads and changes every tenant: it is accepted from this machine, and from elsewhere with the admin token.
"""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from leomock.server.guard import is_loopback

TOKEN_HEADER = "x-leomock-admin-token"
# These reveal nothing about any tenant; health checks and code generators need no credentials.
OPEN_PATHS = ("/health", "/health/live", "/health/ready", "/openapi.json", "/scenarios")
# A proxy on this machine adds one of these headers; the caller may be anywhere.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class AdminAccess:
    """Refuse calls without a key from other machines, unless they carry the admin token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refusal := self._refusal(scope)):
            status, text = refusal
            await JSONResponse({"error": f"leomock: {text}"}, status)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        if scope["path"].removeprefix(scope.get("root_path", "")) in OPEN_PATHS:
            return None
        headers = Headers(scope=scope)
        if TOKEN_HEADER in headers:
            sent = headers[TOKEN_HEADER].encode("latin-1")
            if self._token and hmac.compare_digest(sent, self._token):
                return None
            return 401, f"{TOKEN_HEADER} is not the admin token of this server"
        if headers.get("authorization") or _is_local(scope, headers):
            return None
        if self._token:
            return 401, (
                f"from another machine, send the admin token in the header {TOKEN_HEADER}, "
                "or your API key to affect only your own state"
            )
        return 403, (
            "without an API key, the admin API answers only on the machine it runs on; start the server "
            f"with --admin-token TOKEN and send it in the header {TOKEN_HEADER}, or send your API key"
        )


def _is_local(scope: Scope, headers: Headers) -> bool:
    client = scope.get("client")
    return bool(client and is_loopback(client[0])) and not any(name in headers for name in _FORWARDED)
