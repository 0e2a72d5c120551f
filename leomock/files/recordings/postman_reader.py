"""Read exchanges from a Postman collection with saved responses, or from a JSON report of newman."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from leomock.files.recordings.model import (
    Entry,
    RecordedExchange,
    as_bytes,
    as_headers,
    as_object,
    as_status,
    as_text,
    repeated,
)


def postman_entries(tree: Entry) -> list[Any] | None:
    """Return the exchanges of a collection or report as (request, response) pairs; None for another file."""
    run = tree.get("run")
    if isinstance(run, dict) and isinstance(run.get("executions"), list):
        return [each for each in run["executions"] if isinstance(each, dict) and each.get("request")]
    if isinstance(tree.get("item"), list) and isinstance(tree.get("info"), dict):
        return list(_saved(tree["item"]))
    return None


def _saved(items: list[Any]) -> Iterator[Any]:
    """Return the saved responses of a collection's requests; folders hold further items."""
    open_items = list(reversed(items))
    while open_items:
        item = open_items.pop()
        if not isinstance(item, dict):
            continue
        open_items += reversed(item.get("item") or [])
        for response in item.get("response") or []:
            if isinstance(response, dict):
                request = response.get("originalRequest") or item.get("request")
                yield {"request": request, "response": response}


def postman_entry(entry: Entry) -> RecordedExchange:
    """Read one exchange. Raises ValueError if it is malformed."""
    request = as_object(entry.get("request"), "request")
    response = as_object(entry.get("response") or {}, "response")
    body = _request_body(request.get("body"))
    return RecordedExchange(
        as_text(request.get("method"), "request.method").upper(),
        _url(request.get("url")),
        as_headers(_pairs(request.get("header"))),
        body or b"",
        as_status(response.get("code")),
        as_headers(_pairs(response.get("header"))),
        _response_body(response),
        request_cut=body is None,
        repeated_headers=repeated(_pairs(response.get("header"))),
    )


def _pairs(headers: Any) -> list[Any]:
    """Return headers in HAR form, without disabled ones."""
    if not isinstance(headers, list):
        return []
    return [
        {"name": each.get("key"), "value": each.get("value") or ""}
        for each in headers
        if isinstance(each, dict) and not each.get("disabled")
    ]


def _url(url: Any) -> str:
    if isinstance(url, str):
        return url
    parts = as_object(url, "request.url")
    if isinstance(parts.get("raw"), str):
        return as_text(parts["raw"], "request.url.raw")
    host = ".".join(map(str, parts.get("host") or []))
    port = f":{parts['port']}" if parts.get("port") else ""
    path = "/".join(map(str, parts.get("path") or []))
    query = urlencode(
        [
            (str(each.get("key", "")), str(each.get("value") or ""))
            for each in parts.get("query") or []
            if isinstance(each, dict) and not each.get("disabled")
        ]
    )
    return f"{parts.get('protocol', 'https')}://{host}{port}/{path}{f'?{query}' if query else ''}"


def _request_body(body: Any) -> bytes | None:
    """Return the body that was sent; None if the file does not contain it, as with file uploads."""
    if not isinstance(body, dict) or not body.get("mode"):
        return b""
    if body["mode"] == "raw":
        return as_bytes(body.get("raw"))
    if body["mode"] == "urlencoded" and isinstance(body.get("urlencoded"), list):
        fields = [each for each in body["urlencoded"] if isinstance(each, dict)]
        return urlencode(
            [(str(each.get("key", "")), str(each.get("value") or "")) for each in fields]
        ).encode()
    return None


def _response_body(response: Entry) -> bytes:
    stream = response.get("stream")
    if isinstance(stream, dict) and isinstance(stream.get("data"), list):
        try:
            return bytes(stream["data"])  # newman writes a Node buffer as a list of numbers
        except (TypeError, ValueError):
            raise ValueError("response.stream is not a list of bytes") from None
    return as_bytes(response.get("body"))
