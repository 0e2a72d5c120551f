"""Answer and record calls that match no API version and no other part of the fake."""

from __future__ import annotations

import re
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leomock.leonardo.errors import ApiError
from leomock.operations.dispatch import Dispatcher
from leomock.server.access_log import LOG_CONTEXT
from leomock.server.api_routes import header_text
from leomock.state.world import World

_PREFIX = re.compile(r"/(?:api/)?(?:rest/)?(?:(?P<version>v\d+)(?=/|$))?/*")
# The fake's own paths: a wrong call to them says nothing about the client's use of the API.
_OWN = ("/_leomock", "/cdn/", "/s3/", "/favicon.ico", "/robots.txt")


def unknown_route(api: Dispatcher, request: Request, error: HTTPException) -> Response:
    """Answer a call that matches no route, and record it in the journal of its key."""
    path = request.url.path
    headers = dict(error.headers or {})
    if path == "/" or path.startswith(_OWN):
        text = f"{request.method} {path}: nothing is here"
        if error.status_code == 405:
            text = f"{request.method} {path}: this address answers {headers.get('Allow', '')}"
        elif path.startswith("/_leomock"):
            text = f"{text}; GET /_leomock lists what is"
        return JSONResponse({"error": f"leomock: {error.status_code} {text}"}, error.status_code, headers)
    explain = explain_unknown(api, request.method, path)
    headers["X-Leomock-Explain"] = header_text(explain).decode()
    response = JSONResponse({"error": f"leomock: {error.status_code} {explain}"}, error.status_code, headers)
    _record(api, request, response, explain)
    return response


def explain_unknown(api: Dispatcher, method: str, path: str) -> str:
    """Suggest the intended call for one that is outside every version of the API."""
    found = _PREFIX.match(path)
    version = found["version"] if found else None
    rest = path[found.end() :] if found else path.lstrip("/")
    known = " and ".join(api.specs)
    if version and version not in api.specs:
        begin = f"{path}: there is no version {version}, only {known}"
    else:
        begin = f"{path}: the API is under /api/rest/v1 and /api/rest/v2"
    for name, spec in api.specs.items():
        if version in api.specs and name != version:
            continue
        try:
            operation, _ = spec.route(method, rest.split("/"))
        except ApiError:
            continue
        return f"{begin}; call {method} /api/rest/{name}/{rest} ({operation.id})"
    nearest = api.spec.closest(method, rest.split("/"))
    return f"{begin}; the nearest operation is {nearest}" if nearest else begin


def _record(api: Dispatcher, request: Request, response: Response, explain: str) -> None:
    world: World | None = None
    with suppress(ApiError):
        world = api.worlds.enter(request.headers.get("authorization", ""))
    journal = world.journal if world else api.worlds.unauthenticated_journal
    if context := request.scope.get(LOG_CONTEXT):
        context.key = world.key if world else ""
        context.explain = explain
    raw_path = request.scope.get("raw_path") or request.url.path.encode()
    journal.add(
        moment=world.clock.now() if world else api.worlds.now(),
        channel="api",
        operation="",
        method=request.method,
        path=raw_path.decode("latin-1"),
        query=request.url.query,
        request_headers=request.scope["headers"],
        request_body=b"",
        status=response.status_code,
        response_headers=response.raw_headers,
        response_body=bytes(response.body),
        explain=explain,
    )
