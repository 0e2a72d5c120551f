"""Serve complete byte strings conditionally, in part, or as headers only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

_PRECONDITIONS = ("If-Match", "If-Unmodified-Since")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def stored_response(
    request: Request,
    body: bytes,
    content_type: str,
    etag: str,
    headers: Mapping[str, str] | None = None,
    modified: float | None = None,
) -> Response:
    """Return 200 with `body`, 206 with the Range of it, 304, 412 or 416 (RFC 9110); on HEAD only headers.

    `etag` is the quoted entity tag, `modified` the time of the last change in seconds since 1970. For several
    ranges at once and for invalid ranges, the response is the whole body, as RFC 9110 allows and S3 does.
    """
    kept = {**(headers or {}), "ETag": etag, "Accept-Ranges": "bytes"}
    if modified is not None:
        kept["Last-Modified"] = formatdate(modified, usegmt=True)
    if failed := failed_condition(request.headers, etag, modified):
        return Response(status_code=412 if failed in _PRECONDITIONS else 304, headers=kept)
    part = _part(request.headers.get("range", ""), len(body))
    if part is None or request.headers.get("if-range", etag) not in (etag, kept.get("Last-Modified")):
        return _sent(request, 200, body, content_type, kept)
    start, end = part
    if start >= end:
        return Response(status_code=416, headers={**kept, "Content-Range": f"bytes */{len(body)}"})
    kept["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return _sent(request, 206, body[start:end], content_type, kept)


def failed_condition(headers: Mapping[str, str], etag: str, modified: float | None) -> str:
    """Return the name of the header whose condition does not hold, or '' (RFC 9110, section 13.2.2).

    An invalid date is ignored. HTTP dates have whole seconds.
    """
    if "if-match" in headers:
        if not _matches(headers["if-match"], etag):
            return "If-Match"
    elif modified is not None:
        since = _moment(headers.get("if-unmodified-since"))
        if since is not None and int(modified) > since:
            return "If-Unmodified-Since"
    if "if-none-match" in headers:
        return "If-None-Match" if _matches(headers["if-none-match"], etag) else ""
    since = _moment(headers.get("if-modified-since"))
    return (
        "If-Modified-Since" if since is not None and modified is not None and int(modified) <= since else ""
    )


def _moment(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None


def _matches(header: str | None, etag: str) -> bool:
    """Return True if If-Match or If-None-Match names the tag; S3's tags are never weak."""
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
