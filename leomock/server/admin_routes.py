"""What a developer asks the fake itself, under `/_leomock/`."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from leomock import __version__
from leomock.addresses import Addresses
from leomock.answer import Api
from leomock.errors import ApiError
from leomock.server.api_routes import addresses, header_text


def admin_routes(api: Api) -> list[BaseRoute]:
    """Health, the effective document, the bucket's credentials and the ending of jobs by hand."""

    def _addresses(request: Request) -> Addresses:
        host = request.headers.get("host", "").encode("latin-1")
        return addresses(api.settings.public_url, request.url.scheme, host, request.scope.get("server"))

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__, "operations": len(api.spec.operations)})

    async def document(request: Request) -> Response:
        published = request.query_params.get("published", "") not in ("", "0", "false")
        server = _addresses(request).api
        return Response(
            orjson.dumps(api.spec.document(server, published=published)), media_type="application/json"
        )

    async def bucket(request: Request) -> Response:
        world = api.worlds.enter(request.headers.get("authorization", ""))
        bucket = world.bucket
        return JSONResponse(
            {
                "bucket": bucket.name,
                "region": bucket.region,
                "accessKeyId": bucket.access_key_id,
                "secretAccessKey": bucket.secret_access_key,
                "url": f"{_addresses(request).uploads}/{bucket.name}/",
            }
        )

    async def pending(request: Request) -> Response:
        world = api.worlds.enter(request.headers.get("authorization", ""))
        with world.lock:
            world.jobs.settle()
            return JSONResponse({"pending": world.jobs.pending()})

    async def finish(request: Request) -> Response:
        world = api.worlds.enter(request.headers.get("authorization", ""))
        id = request.path_params["id"].lower()
        with world.lock:
            world.jobs.settle()
            if not world.jobs.finish(id):
                return _refused(404, f"no job is pending for {id}; GET /_leomock/jobs lists those that are")
            return JSONResponse({"finished": [id]})

    return [
        Route("/health", health),
        Route("/openapi.json", document),
        Route("/bucket", bucket),
        Route("/jobs", pending),
        Route("/jobs/{id}/finish", finish, methods=["POST"]),
    ]


def refused(request: Request, error: Exception) -> Response:
    """An API refusal met in a Starlette route, e.g. a missing key."""
    assert isinstance(error, ApiError)
    response = JSONResponse(error.body, error.status, error.headers)
    response.headers["X-Leomock-Explain"] = header_text(error.explain).decode()
    return response


def _refused(status: int, text: str) -> Response:
    return JSONResponse({"error": f"leomock: {text}"}, status)
