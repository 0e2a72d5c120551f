"""The CDN over HTTP: results of jobs are rendered on request, uploaded files are returned unchanged."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from leomock.operations.assets.narrowed import narrowed
from leomock.operations.assets.resolver import OWNER, modified_at, resolve
from leomock.operations.assets.results import SIGNED_QUERY
from leomock.operations.dispatch import Dispatcher
from leomock.server.access_log import LOG_CONTEXT, LogContext
from leomock.server.bucket_routes import object_response, precondition_failed
from leomock.server.ranges import stored_response
from leomock.server.rendering import Renderers
from leomock.state.bucket.errors import Refusal, refusal_xml
from leomock.state.bucket.objects import StoredObject
from leomock.state.scenario import MatchContext, RuleEffects


def cdn_routes(api: Dispatcher, renderers: Renderers) -> list[BaseRoute]:
    """Return the only route of the CDN, below the path where it is mounted; an API key is optional."""

    async def give(request: Request) -> Response:
        key: str = request.path_params["key"]
        if struck := _struck(api, request, key):
            request.scope.setdefault(LOG_CONTEXT, LogContext()).rules = struck.rules
            return _refused(key, f"{struck.explain}: the CDN refuses this client")
        found = resolve(api.worlds, key)
        if found is None:
            return _nothing(key)
        if isinstance(found, StoredObject):
            if found.metadata.get(SIGNED_QUERY, request.url.query) != request.url.query:
                return _nothing(key)
            return object_response(request, found)
        if width := request.query_params.get("w", ""):
            owner = OWNER.match(key)
            found = narrowed(found, width, owner[1] if owner else "")
        content = await renderers.render(found, key)
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        modified = modified_at(api.worlds, key)
        response = stored_response(
            request, content, found.media_type, etag, {"Cache-Control": "public, max-age=31536000"}, modified
        )
        return precondition_failed(request, etag, modified) if response.status_code == 412 else response

    return [Route("/{key:path}", give, methods=["GET"])]


def _struck(api: Dispatcher, request: Request, key: str) -> RuleEffects | None:
    """Apply the scenarios to a read; None if no rule refuses it."""
    requested = api.requested(request.headers.get("x-leomock-scenario", ""))
    owner = OWNER.match(key)
    world = api.worlds.of_user(owner[1]) if owner else None
    if world is None:
        return None
    headers = {"user-agent": "", **request.headers}
    with world.lock:
        effects = world.apply_rules(MatchContext("cdn", headers=lambda: headers, request=key), requested)
    return effects if effects and effects.cdn else None


def _nothing(key: str) -> Response:
    """Return S3's response for a missing key to a reader who may not list the bucket (documented)."""
    return _refused(
        key,
        "there is no file at this address: results of a job exist once the job is COMPLETE, an uploaded "
        "file exists once the upload was accepted, both until they are deleted; an ephemeral result exists "
        "for half an hour under its complete URL, and a thumbnail as long as what it shows",
    )


def _refused(key: str, explain: str) -> Response:
    refusal = Refusal(403, "AccessDenied", "Access Denied", explain)
    return Response(
        refusal_xml(refusal, "0" * 16, key[:64]),
        refusal.status,
        {"X-Leomock-Explain": explain},
        media_type="application/xml",
    )
