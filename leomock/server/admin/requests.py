"""Read the bodies of admin requests, and explain what is wrong with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leomock.leonardo.errors import ApiError, shown
from leomock.openapi.suggest import suggestion
from leomock.server.api_routes import header_text

LONGEST_BODY = 2**20
Answer: TypeAlias = Callable[[Request], Awaitable[Response]]
# The method, the path below `/_leomock` and the handler of each address.
Table: TypeAlias = list[tuple[str, str, Answer]]


class AdminError(Exception):
    """An invalid admin call; the text says what would work."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


def admin_error(request: Request, error: Exception) -> Response:
    """Answer an admin call that raised `AdminError`."""
    assert isinstance(error, AdminError)
    return JSONResponse({"error": f"leomock: {error.text}"}, error.status)


def refused(request: Request, error: Exception) -> Response:
    """Answer an admin call that raised `ApiError`, e.g. for a missing key."""
    assert isinstance(error, ApiError)
    response = JSONResponse(error.body, error.status, error.headers)
    response.headers["X-Leomock-Explain"] = header_text(error.explain).decode()
    return response


async def read_json(request: Request, longest: int = LONGEST_BODY, option: str = "") -> Any:
    """Parse a body of at most `longest` bytes. Raises AdminError, naming the `option` that allows more."""
    hint = f"; leomock serve {option} changes the limit" if option else ""
    too_long = AdminError(f"the body has more than {longest} bytes{hint}", 413)
    if int(request.headers.get("content-length", 0)) > longest:
        raise too_long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > longest:
            raise too_long
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise AdminError(f"the body is not JSON: {error}") from None


async def read_object(request: Request, known: set[str]) -> dict[str, Any]:
    """Read the JSON object in a body; refuse names other than `known`."""
    content = await read_json(request)
    if not isinstance(content, dict):
        raise AdminError(f"the body must be a JSON object with {', '.join(sorted(known))}")
    if unknown := content.keys() - known:
        name = sorted(unknown)[0]
        near = suggestion(name, dict.fromkeys(known)) or f"; use {', '.join(sorted(known))}"
        raise AdminError(f"unknown name {shown(name)}{near}")
    return content


def read_number(name: str, value: Any) -> float:
    """Return `value` if it is a number. Raises ValueError, naming what it is for."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}={shown(value)}: use a number")
    return float(value)
