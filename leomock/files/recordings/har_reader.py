"""Read exchanges from a HAR file."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from leomock.files.recordings.model import (
    CUT,
    Entry,
    RecordedExchange,
    as_bytes,
    as_headers,
    as_moment,
    as_object,
    as_status,
    as_text,
    repeated,
)
from leomock.files.recordings.side_files import SideFiles


def har_entry(entry: Entry, side_files: SideFiles) -> RecordedExchange:
    """Read one entry of a HAR log. Raises ValueError if it is malformed.

    Playwright writes bodies to `side_files`, which an entry names in `_file`.
    """
    request, response = (
        as_object(entry.get("request"), "request"),
        as_object(entry.get("response"), "response"),
    )
    asked, answered = as_headers(request.get("headers")), as_headers(response.get("headers"))
    post = as_object(request.get("postData") or {}, "request.postData")
    content = as_object(response.get("content") or {}, "response.content")
    request_body, request_cut = _of_har(post, request.get("bodySize"), side_files)
    response_body, response_cut = _of_har(content, content.get("size"), side_files)
    # Exports without headers still give the type of a body.
    for headers, part in ((asked, post), (answered, content)):
        kind = part.get("mimeType")
        if isinstance(kind, str) and "/" in kind:
            headers.setdefault("content-type", kind)
    return RecordedExchange(
        as_text(request.get("method"), "request.method").upper(),
        as_text(request.get("url"), "request.url"),
        asked,
        request_body,
        as_status(response.get("status")),
        answered,
        response_body,
        request_cut,
        response_cut,
        moment=as_moment(entry.get("startedDateTime")),
        repeated_headers=repeated(response.get("headers")),
    )


def _of_har(part: Entry, size: Any, side_files: SideFiles) -> tuple[bytes, bool]:
    """Return the body of `postData` or `content`, and True if a part is missing."""
    if (name := part.get("_file")) and isinstance(name, str):
        return side_files(name), False
    text = part.get("text")
    if not text and part.get("params"):
        fields = [as_object(parameter, "a parameter") for parameter in part["params"]]
        if "urlencoded" not in str(part.get("mimeType")):
            return b"", True
        return urlencode([(str(f.get("name", "")), str(f.get("value", ""))) for f in fields]).encode(), False
    if not text:
        return b"", isinstance(size, int) and size > 0
    # The format has no field for the encoding of a request body: leomock writes `_encoding`.
    body = as_bytes(text, part.get("encoding") or part.get("_encoding"))
    return body, str(part.get("comment", "")).startswith(CUT)
