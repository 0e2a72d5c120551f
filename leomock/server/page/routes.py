"""The routes of the page: its files, its live events and data that only the page needs.

The page uses the admin API for everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from leomock.operations.dispatch import Dispatcher
from leomock.server.breakage import connection_of
from leomock.server.page.changes import Changes, tenant_summary
from leomock.server.page.gallery import generations, thumbnail, uploads
from leomock.state.world import World

# Seconds between updates of a page. The documentation promises four a second, which feels immediate.
SECONDS_BETWEEN_LOOKS = 0.25
# A comment keeps proxies from closing an idle stream.
LOOKS_BETWEEN_COMMENTS = 60

# The browser runs only the page's own files, and the page may call only its own server.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "LICENSES.txt": "text/plain; charset=utf-8",
}
_FILES = (
    *("index.html", "style.css", "LICENSES.txt", "preact.js", "app.js", "server.js", "journal.js"),
    *("gallery.js", "steering.js", "verdict.js", "builder.js", "parts.js"),
)


@cache
def _read(name: str) -> bytes:
    return files(__package__).joinpath("static", name).read_bytes()


def _static(name: str) -> Response:
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    media_type = _TYPES.get(name, "text/javascript; charset=utf-8")
    return Response(_read(name), headers=headers, media_type=media_type)


def static_routes() -> list[BaseRoute]:
    """Return the routes of the page's files, below `/_leomock/page`. They reveal nothing about any tenant."""

    def route(name: str) -> Route:
        async def give(request: Request) -> Response:
            return _static(name)

        return Route(f"/{name}", give, methods=["GET"])

    return [route(name) for name in _FILES]


async def index(request: Request) -> Response:
    """Return the page itself."""
    return _static("index.html")


Select = Callable[[Request], list[World]]


def page_routes(api: Dispatcher, selected: Select) -> list[BaseRoute]:
    """Return the routes that the page needs beyond the admin API, below `/_leomock`.

    `selected` returns the tenants that a request is about.
    """

    async def tenants(request: Request) -> Response:
        """List the tenants of this server."""
        return JSONResponse({"tenants": [tenant_summary(world) for world in api.worlds]})

    async def gallery(request: Request) -> Response:
        """List the newest generations and uploads."""
        found: dict[str, list[dict[str, Any]]] = {"generations": [], "uploads": []}
        for world in selected(request):
            with world.lock:
                world.settle()
                found["generations"] += generations(world)
                found["uploads"] += uploads(world)
        found["generations"].sort(key=lambda row: row["created"] or "", reverse=True)
        return JSONResponse(found)

    async def small(request: Request) -> Response:
        """Return a thumbnail."""
        key = request.query_params.get("key", "")
        for world in selected(request):
            if content := await run_in_threadpool(thumbnail, world, key):
                return Response(content, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})
        return JSONResponse({"error": "leomock: no picture is stored under this key"}, 404)

    async def live(request: Request) -> Response:
        """Stream changes as server-sent events."""
        everything = "x-leomock-tenant" not in request.headers and not request.headers.get("authorization")
        journal = api.worlds.unauthenticated_journal if everything else None
        selected(request)  # refuses an unknown tenant before the stream begins
        connection = connection_of(request.scope)

        async def stream() -> AsyncIterator[bytes]:
            changes = Changes()
            if hasattr(connection, "waiting"):
                connection.waiting = True  # a stop of the server ends the stream at once
            yield b"retry: 1000\n\n"
            looks = 0
            while True:
                for name, data in changes.look(selected(request), journal):
                    yield b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))
                looks += 1
                if looks % LOOKS_BETWEEN_COMMENTS == 0:
                    yield b":\n\n"
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

        return StreamingResponse(
            stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    return [
        Route("/tenants", tenants, methods=["GET"]),
        Route("/gallery", gallery, methods=["GET"]),
        Route("/thumbnail", small, methods=["GET"]),
        Route("/live", live, methods=["GET"]),
    ]
