"""Bytes that are known as a whole, given as a client asks: conditionally, in part, or only their headers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def stored_response(
    request: Request, body: bytes, content_type: str, etag: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return 200 with `body`, 206 with the Range of it, 304 or 416 (RFC 9110); nothing but headers on HEAD.

    `etag` is the quoted entity tag. Several ranges at once, and ranges that cannot be read, are answered with
    the whole, which RFC 9110 allows and S3 does.
    """
    kept = {**(headers or {}), "ETag": etag, "Accept-Ranges": "bytes"}
    if _matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=kept)
    part = _part(request.headers.get("range", ""), len(body))
    if part is None or request.headers.get("if-range", etag) != etag:
        return _sent(request, 200, body, content_type, kept)
    start, end = part
    if start >= end:
        return Response(status_code=416, headers={**kept, "Content-Range": f"bytes */{len(body)}"})
    kept["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return _sent(request, 206, body[start:end], content_type, kept)


def _matches(header: str | None, etag: str) -> bool:
    """Tell whether If-None-Match names the tag, compared weakly as RFC 9110 wants it."""
    tags = [tag.strip().removeprefix("W/") for tag in (header or "").split(",")]
    return "*" in tags or etag in tags


def _part(header: str, length: int) -> tuple[int, int] | None:
    """Return start and end (exclusive) of `bytes=first-last`, `first-` or `-count`; None for all else."""
    asked = _RANGE.fullmatch(header.strip())
    if asked is None:
        return None
    first, last = asked.groups()
    if not first:
        return (max(length - int(last), 0), length) if last else None
    if not last:
        return int(first), length
    return (int(first), min(int(last) + 1, length)) if int(first) <= int(last) else None


def _sent(request: Request, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> Response:
    headers = {**headers, "Content-Type": content_type, "Content-Length": str(len(body))}
    return Response(b"" if request.method == "HEAD" else body, status, headers)
