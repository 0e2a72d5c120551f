"""The app for everything except the API: files, uploads, the page, metrics and leomock's own endpoints.

It is imported at the first call for one of them: Starlette and these routes take as long to load as the API.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from leomock.leonardo.errors import ApiError
from leomock.leonardo.hosts import FAKE_HOST, REAL_HOSTS
from leomock.operations.assets.resolver import OWNER
from leomock.operations.dispatch import Dispatcher
from leomock.server.access_log import JournalMiddleware
from leomock.server.admin.access import AdminAccess
from leomock.server.admin.requests import AdminError, admin_error, refused
from leomock.server.admin.routes import admin_routes
from leomock.server.admin.tenants import Tenants
from leomock.server.api_routes import defect
from leomock.server.bucket_routes import bucket_routes
from leomock.server.cdn_routes import cdn_routes
from leomock.server.guard import Guard
from leomock.server.health import Health
from leomock.server.metrics import CallCounts, Metrics
from leomock.server.page.routes import index, page_routes, static_routes
from leomock.server.rendering import Renderers
from leomock.server.unknown_routes import unknown_route
from leomock.server.webhook_sender import Sender
from leomock.state.bucket.storage import Bucket
from leomock.state.world import World


def around_the_api(
    api: Dispatcher, sender: Sender, health: Health, counts: CallCounts, renderers: Renderers
) -> ASGIApp:
    """Build the app for everything except the API itself."""

    def find_bucket(name: str) -> Bucket | None:
        world = api.worlds.of_bucket(name)
        return world.bucket if world else None

    def world_of_bucket(path: str) -> World | None:
        return api.worlds.of_bucket(path.split("/")[0])

    def world_of_key(path: str) -> World | None:
        owner = OWNER.match(path)
        return api.worlds.of_user(owner[1]) if owner else None

    uploads = Router(bucket_routes(find_bucket, api.requested))

    async def not_found(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return unknown_route(api, request, error)

    async def broken(request: Request, error: Exception) -> Response:
        return JSONResponse(defect(error).body, 500)

    async def unanswered(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # only for the log: the client has disconnected

    hosts = [*api.settings.allow_hosts, urlsplit(api.settings.public_url).hostname or "", FAKE_HOST]
    tenants = Tenants(api)
    guarded = Middleware(Guard, hosts, origins=api.settings.cors)
    metrics = Metrics(api.worlds, counts, sender.attempts, health.save_age)
    page: list[BaseRoute] = []
    if api.settings.ui:
        page = [
            Mount("/_leomock/page", routes=static_routes(), middleware=[guarded]),
            Route("/", index, middleware=[guarded]),
        ]
    app = Starlette(
        routes=[
            *page,
            Mount(
                "/cdn",
                app=JournalMiddleware(Router(cdn_routes(api, renderers)), "cdn", world_of_key, counts),
            ),
            Mount("/s3", app=JournalMiddleware(uploads, "upload", world_of_bucket, counts)),
            Route("/favicon.ico", _no_icon),
            Route("/metrics", metrics.answer, middleware=[guarded]),
            Route("/_leomock", _add_slash),
            Mount(
                "/_leomock",
                routes=[
                    *admin_routes(api, tenants, sender, health),
                    *page_routes(api, tenants.selected),
                ],
                middleware=[
                    guarded,
                    Middleware(AdminAccess, api.settings.admin_token),
                ],
            ),
        ],
        exception_handlers={
            ApiError: refused,
            AdminError: admin_error,
            ClientDisconnect: unanswered,
            HTTPException: not_found,
            Exception: broken,
        },
    )
    return by_host(app)


async def _no_icon(request: Request) -> Response:
    """Answer browsers' automatic requests for an icon."""
    return Response(status_code=204)


async def _add_slash(request: Request) -> Response:
    return RedirectResponse("/_leomock/")


def by_host(app: ASGIApp) -> ASGIApp:
    """Answer requests for the real CDN and upload hosts as if they came below `/cdn` and `/s3`.

    Interception, the forward proxy and the TLS port only bring connections here; the `Host` header selects
    the service. The API needs no mapping, since its paths are the same on its real host.
    """
    prefixes = {host.encode(): prefix for host, prefix in REAL_HOSTS.items() if prefix}

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if prefix := prefixes.get(host.partition(b":")[0].lower()):
            raw = scope.get("raw_path") or scope["path"].encode()
            scope = {**scope, "path": prefix + scope["path"], "raw_path": prefix.encode() + raw}
        await app(scope, receive, send)

    return routed
