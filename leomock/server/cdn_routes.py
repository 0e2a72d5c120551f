"""The CDN over HTTP: what jobs made is rendered when asked for, uploaded files are served as they came."""

from __future__ import annotations

import asyncio
import hashlib

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from leomock.media import Renderable
from leomock.operations.assets.resolver import OWNER, modified_at, render_cached, resolve
from leomock.operations.assets.results import SIGNED_QUERY
from leomock.operations.dispatch import Dispatcher
from leomock.server.bucket_routes import object_response, precondition_failed
from leomock.server.ranges import stored_response
from leomock.state.bucket.errors import Refusal, refusal_xml
from leomock.state.bucket.objects import StoredObject
from leomock.state.render_cache import RENDERED

RENDERERS = 2


def cdn_routes(api: Dispatcher) -> list[BaseRoute]:
    """Return the one route of the CDN, below wherever it is mounted; it works with and without a key."""
    # More threads would not render faster, but take the interpreter from other calls.
    limiter: list[anyio.CapacityLimiter] = []

    async def render(found: Renderable, key: str) -> bytes:
        """Render in a thread, once for all that ask at the same time, so that other calls go on."""
        if (kept := RENDERED.get(found)) is not None:
            return kept
        if (running := RENDERED.running(found)) is not None:
            return await asyncio.shield(asyncio.wrap_future(running))
        if not limiter:
            limiter.append(anyio.CapacityLimiter(RENDERERS))
        owner = OWNER.match(key)
        return await anyio.to_thread.run_sync(
            render_cached, found, owner[1] if owner else "", limiter=limiter[0]
        )

    async def give(request: Request) -> Response:
        key: str = request.path_params["key"]
        found = resolve(api.worlds, key)
        if found is None:
            return _nothing(key)
        if isinstance(found, StoredObject):
            if found.metadata.get(SIGNED_QUERY, request.url.query) != request.url.query:
                return _nothing(key)
            return object_response(request, found)
        content = await render(found, key)
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        modified = modified_at(api.worlds, key)
        response = stored_response(
            request, content, found.media_type, etag, {"Cache-Control": "public, max-age=31536000"}, modified
        )
        return precondition_failed(request, etag, modified) if response.status_code == 412 else response

    return [Route("/{key:path}", give, methods=["GET"])]


def _nothing(key: str) -> Response:
    """What S3 answers for a key that is not there to a reader who may not list the bucket (documented)."""
    explain = (
        "nothing is at this address: what a job made is there once the job is COMPLETE, an uploaded file "
        "once the upload was accepted, each until it is deleted; an ephemeral result is there for half an "
        "hour under its whole URL, and a thumbnail as long as what it shows"
    )
    refusal = Refusal(403, "AccessDenied", "Access Denied", explain)
    return Response(
        refusal_xml(refusal, "0" * 16, key[:64]),
        refusal.status,
        {"X-Leomock-Explain": explain},
        media_type="application/xml",
    )
