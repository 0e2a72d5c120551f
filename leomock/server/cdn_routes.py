"""The CDN over HTTP: results of jobs are rendered on request, uploaded files are returned unchanged."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from leomock.operations.assets.resolver import modified_at, resolve
from leomock.operations.assets.results import SIGNED_QUERY
from leomock.operations.dispatch import Dispatcher
from leomock.server.bucket_routes import object_response, precondition_failed
from leomock.server.ranges import stored_response
from leomock.server.rendering import Renderers
from leomock.state.bucket.errors import Refusal, refusal_xml
from leomock.state.bucket.objects import StoredObject


def cdn_routes(api: Dispatcher, renderers: Renderers) -> list[BaseRoute]:
    """Return the only route of the CDN, below the path where it is mounted; an API key is optional."""

    async def give(request: Request) -> Response:
        key: str = request.path_params["key"]
        found = resolve(api.worlds, key)
        if found is None:
            return _nothing(key)
        if isinstance(found, StoredObject):
            if found.metadata.get(SIGNED_QUERY, request.url.query) != request.url.query:
                return _nothing(key)
            return object_response(request, found)
        content = await renderers.render(found, key)
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        modified = modified_at(api.worlds, key)
        response = stored_response(
            request, content, found.media_type, etag, {"Cache-Control": "public, max-age=31536000"}, modified
        )
        return precondition_failed(request, etag, modified) if response.status_code == 412 else response

    return [Route("/{key:path}", give, methods=["GET"])]


def _nothing(key: str) -> Response:
    """Return S3's response for a missing key to a reader who may not list the bucket (documented)."""
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
