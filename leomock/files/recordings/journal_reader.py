"""Read exchanges from a journal."""

from __future__ import annotations

import json

from leomock.files.recordings.model import (
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

_JOURNAL_HOST = "leomock.invalid"


# --- the journal ----------------------------------------------------------------------------------------


def journal_entry(entry: Entry) -> RecordedExchange:
    """Read one exchange of a journal. Raises ValueError if it is malformed."""
    request, response = (
        as_object(entry.get("request"), "request"),
        as_object(entry.get("response"), "response"),
    )
    asked = as_headers(request.get("headers"))
    url = as_text(entry.get("path"), "path")
    if not url.startswith(("http://", "https://")):
        url = f"http://{asked.get('host', _JOURNAL_HOST)}/{url.removeprefix('/')}"
    if query := entry.get("query"):
        url += f"?{query}"
    request_body, request_cut = _of_journal(request)
    response_body, response_cut = _of_journal(response)
    return RecordedExchange(
        as_text(entry.get("method"), "method").upper(),
        url,
        asked,
        request_body,
        as_status(entry.get("status")),
        as_headers(response.get("headers")),
        response_body,
        request_cut,
        response_cut,
        moment=as_moment(entry.get("created")),
        repeated_headers=repeated(response.get("headers")),
    )


def _of_journal(half: Entry) -> tuple[bytes, bool]:
    """Return the body of one half of an exchange, and True if a part is missing."""
    if "json" in half:
        return json.dumps(half["json"]).encode(), False
    body = as_bytes(half["base64"], "base64") if "base64" in half else as_bytes(half.get("text"))
    return body, len(body) < half.get("size", 0)
