"""Read exchanges from a VCR cassette."""

from __future__ import annotations

from typing import Any

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

# --- VCR ------------------------------------------------------------------------------------------------


def cassette_entry(entry: Entry) -> RecordedExchange:
    """Read one interaction of a cassette. Raises ValueError if it is malformed."""
    request, response = (
        as_object(entry.get("request"), "request"),
        as_object(entry.get("response"), "response"),
    )
    status = response.get("status", response.get("status_code"))
    return RecordedExchange(
        as_text(request.get("method"), "request.method").upper(),
        as_text(request.get("uri"), "request.uri"),
        as_headers(request.get("headers")),
        _of_cassette(request.get("body")),
        as_status(status.get("code") if isinstance(status, dict) else status),
        as_headers(response.get("headers")),
        _of_cassette(response.get("body", response.get("content"))),
        moment=as_moment(entry.get("recorded_at")),
        repeated_headers=repeated(response.get("headers")),
    )


def _of_cassette(body: Any) -> bytes:
    """Return a body as vcrpy and Ruby's VCR write it."""
    if isinstance(body, dict):
        if "base64_string" in body:
            return as_bytes(body["base64_string"], "base64")
        body = body.get("string")
    return as_bytes(body)
