"""Read exchanges from a HAR file."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from leomock.files.recordings.model import (
    CUT,
    LONGEST_BODY,
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


def har_entry(entry: Entry, folder: Path | None = None) -> RecordedExchange:
    """Read one entry of a HAR log. Raises ValueError if it is malformed.

    `folder` is the folder of the file: Playwright writes bodies to files next to it (`_file`).
    """
    request, response = (
        as_object(entry.get("request"), "request"),
        as_object(entry.get("response"), "response"),
    )
    asked, answered = as_headers(request.get("headers")), as_headers(response.get("headers"))
    post = as_object(request.get("postData") or {}, "request.postData")
    content = as_object(response.get("content") or {}, "response.content")
    request_body, request_cut = _of_har(post, request.get("bodySize"), folder)
    response_body, response_cut = _of_har(content, content.get("size"), folder)
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


def _of_har(part: Entry, size: Any, folder: Path | None) -> tuple[bytes, bool]:
    """Return the body of `postData` or `content`, and True if a part is missing."""
    if (name := part.get("_file")) and isinstance(name, str):
        return read_side_file(name, folder), False
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


def read_side_file(name: str, folder: Path | None) -> bytes:
    """Return a body from a file next to the recording; files elsewhere are not read."""
    path = (folder / name).resolve() if folder else None
    if path is None or folder is None or not path.is_relative_to(folder.resolve()):
        raise ValueError(f"the body is in the file {name[:100]!r}, which is not beside the recording")
    try:
        if path.stat().st_size > LONGEST_BODY:
            raise ValueError(f"the file {name[:100]!r} has more than {LONGEST_BODY} bytes")
        return path.read_bytes()
    except OSError as error:
        why = error.strerror
        raise ValueError(f"the body is in the file {name[:100]!r}, which cannot be read: {why}") from None
