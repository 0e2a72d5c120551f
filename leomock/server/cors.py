"""Let web pages of other origins call the fake, or explain how to.

As far as is known, the real API, its CDN and its bucket send no header that gives pages of other sites
access, so neither does the fake unless `--cors` names an origin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leomock.server.access_log import LOG_CONTEXT
from leomock.server.direct import Answer, DirectApp

# Headers that a page may read in addition to the few that browsers always expose.
EXPOSED = (
    *("Content-Range", "Date", "ETag", "Location", "Retry-After", "X-Request-Id"),
    *("X-Leomock-Basis", "X-Leomock-Explain"),
)


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Answer preflights and let pages of `origins` (or `*`) read every response; if empty, only explain."""
    if not origins:
        return PreflightHint(app)
    from starlette.middleware.cors import CORSMiddleware

    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED
    )


class PreflightHint:
    """Explain in the log and the response which option would give a page access."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._direct = app.answer_directly if isinstance(app, DirectApp) else None

    def answer_directly(self, scope: Scope, body: bytes) -> Answer | ASGIApp | None:
        """Answer as the app does (see `DirectApp`), except for preflights."""
        if self._direct is None or scope["method"] == "OPTIONS":
            return None
        return self._direct(scope, body)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_preflight = scope["type"] == "http" and scope["method"] == "OPTIONS"
        return (self._preflight if is_preflight else self._app)(scope, receive, send)

    async def _preflight(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.datastructures import Headers, MutableHeaders

        headers = Headers(scope=scope)
        origin = headers.get("origin", "")[:100]
        if not origin or "access-control-request-method" not in headers:
            await self._app(scope, receive, send)
            return
        explain = f"a page of {origin} asks to call this server; --cors {origin} would allow it"

        async def explained(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-leomock-explain"] = _printable(explain)
            await send(message)

        await self._app(scope, receive, explained)
        if LOG_CONTEXT in scope:
            scope[LOG_CONTEXT].explain = explain


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)
