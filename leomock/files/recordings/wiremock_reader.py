"""Read exchanges from WireMock's mappings, which hold responses and the requests they match."""

from __future__ import annotations

import json
from typing import Any

from leomock.files.recordings.model import Entry, RecordedExchange, as_bytes, as_headers, as_object, as_status
from leomock.files.recordings.side_files import SideFiles

# Mappings do not name a host.
_HOST = "leomock.invalid"


def wiremock_entries(tree: Entry) -> list[Any] | None:
    """Return the mappings of an export or of a single file; None for another file."""
    if isinstance(tree.get("mappings"), list):
        return list(tree["mappings"])
    return (
        [tree] if isinstance(tree.get("request"), dict) and isinstance(tree.get("response"), dict) else None
    )


def wiremock_entry(entry: Entry, side_files: SideFiles) -> RecordedExchange:
    """Read one mapping. Raises ValueError if it is malformed or matches more than one URL.

    A matcher is not the request that was sent, so the request counts as not kept. `side_files` has the bodies
    that `bodyFileName` names.
    """
    request, response = (
        as_object(entry.get("request"), "request"),
        as_object(entry.get("response"), "response"),
    )
    url = request.get("url") or request.get("urlPath")
    if not isinstance(url, str):
        raise ValueError("the mapping matches a pattern of URLs, so it is not one exchange")
    method = str(request.get("method") or "GET").upper()
    return RecordedExchange(
        "GET" if method == "ANY" else method,
        f"http://{_HOST}{url}",
        {},
        b"",
        as_status(response.get("status", 200)),
        as_headers(response.get("headers")),
        _body(response, side_files),
        request_cut=True,
    )


def _body(response: Entry, side_files: SideFiles) -> bytes:
    if "jsonBody" in response:
        return json.dumps(response["jsonBody"]).encode()
    if "base64Body" in response:
        return as_bytes(response["base64Body"], "base64")
    if isinstance(name := response.get("bodyFileName"), str):
        return side_files(name)
    return as_bytes(response.get("body"))
