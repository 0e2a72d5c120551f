"""The whole server as one ASGI app."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from leomock.operations.dispatch import Dispatcher
from leomock.server.access_log import AccessLog, LogFormat
from leomock.server.api_routes import ApiRoutes
from leomock.server.cors import with_cors
from leomock.server.health import Health
from leomock.server.metrics import CallCounts
from leomock.server.rendering import Renderers
from leomock.server.webhook_sender import Sender

if TYPE_CHECKING:
    from leomock.server.tracing import Tracing


def make_app(
    api: Dispatcher,
    log: Callable[[str], object] | None = None,
    sender: Sender | None = None,
    *,
    log_format: LogFormat = "text",
    health: Health | None = None,
    tracing: Tracing | None = None,
) -> ASGIApp:
    """Make the app for an API.

    `log` receives a line for each call, in `log_format`; `sender` delivers webhooks; `health` knows whether
    the server is ready; `tracing` makes spans.
    """
    counts, renderers = CallCounts(), Renderers()
    known = sender or Sender(), health or Health(), counts, renderers

    def make_rest() -> ASGIApp:
        from leomock.server.around_the_api import around_the_api

        return around_the_api(api, *known)

    app: ASGIApp = ApiRoutes(api, _LateApp(make_rest), renderers, counts)
    app = with_cors(app, api.settings.cors)
    app = tracing.app(app) if tracing else app
    return AccessLog(app, log, log_format) if log else app


def beside(app: ASGIApp, path: str, other: ASGIApp) -> ASGIApp:
    """Return an app in which another app answers one path."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        chosen = other if scope.get("path", "").rstrip("/") == path else app
        await chosen(scope, receive, send)

    return routed


class _LateApp:
    """An app that is made when the first call arrives."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = self._make()
        await self._app(scope, receive, send)
