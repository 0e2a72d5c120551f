"""Write exchanges as an HTTP Archive (HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/)."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable
from http import HTTPStatus
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from leomock.files.recordings.model import CUT
from leomock.files.whole import write_whole
from leomock.state.journal import Exchange, Journal, body_text

# The value that browsers write if a message does not specify one.
UNKNOWN_TYPE = "x-unknown"
UNKNOWN_HOST = "leomock.invalid"
NOT_KNOWN = -1
OF_A_FAKE = "Calls to a fake of the Leonardo.AI API; startedDateTime is by the fake's clock."


def to_har(exchanges: Iterable[Exchange], creator_version: str, comment: str = OF_A_FAKE) -> dict[str, Any]:
    """Return an archive of exchanges, earliest first, as JSON values.

    Times are those of the exchanges; `comment` names the clock. Data that the format has no place for
    goes under `_leomock`. A request body that is not text is written in base64, marked by
    `_encoding`, since the format has a field for that in responses only. A truncated body is written as
    its beginning and a comment.
    """
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "leomock", "version": creator_version},
            "entries": [_entry(exchange) for exchange in sorted(exchanges, key=attrgetter("moment"))],
            "comment": comment,
        }
    }


class HarFile:
    """The file of `leomock proxy --record`, saved by one thread at a time."""

    def __init__(self, path: Path, journal: Journal, creator_version: str, comment: str) -> None:
        self.path = path
        self._journal = journal
        self._creator_version = creator_version
        self._comment = comment
        self._saved = -1  # the number of the newest exchange in the file
        self._lock = threading.Lock()

    def save(self) -> None:
        """Write the exchanges if there are new ones, after any save in progress. Raises OSError."""
        with self._lock:
            newest = self._journal.last
            if newest == self._saved and self.path.exists():
                return
            har = to_har(self._journal, self._creator_version, self._comment)
            write_whole(self.path, json.dumps(har, indent=1, ensure_ascii=False).encode("utf-8", "replace"))
            self._saved = newest


def _entry(exchange: Exchange) -> dict[str, Any]:
    milliseconds = round(exchange.milliseconds, 3)
    entry: dict[str, Any] = {
        "startedDateTime": exchange.created,
        "time": milliseconds,
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "_leomock": {
            "number": exchange.number,
            "channel": exchange.channel,
            "operation": exchange.operation,
            "rules": exchange.rules,
            "breakage": exchange.breakage,
            "delay": exchange.delay,
        },
    }
    if exchange.explain:
        entry["comment"] = exchange.explain
    return entry


def _request(exchange: Exchange) -> dict[str, Any]:
    body, size = exchange.request_body, exchange.request_size
    request: dict[str, Any] = {
        "method": exchange.method,
        "url": _url(exchange),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(exchange.request_headers.items()),
        "queryString": _pairs(parse_qsl(exchange.query, keep_blank_values=True)),
        "headersSize": NOT_KNOWN,
        "bodySize": size,
    }
    if size:
        text = body_text(body, cut=size > len(body))
        post = request["postData"] = {
            "mimeType": exchange.request_headers.get("content-type", UNKNOWN_TYPE),
            "text": base64.b64encode(body).decode() if text is None else text,
        }
        if text is None:
            post["_encoding"] = "base64"
        if size > len(body):
            post["comment"] = _cut(body, size)
    return request


def _response(exchange: Exchange) -> dict[str, Any]:
    body, size = exchange.response_body, exchange.response_size
    content: dict[str, Any] = {
        "size": size,
        "mimeType": exchange.response_headers.get("content-type", UNKNOWN_TYPE),
    }
    if size:
        text = body_text(body, cut=size > len(body))
        content["text"] = base64.b64encode(body).decode() if text is None else text
        if text is None:
            content["encoding"] = "base64"
        if size > len(body):
            content["comment"] = _cut(body, size)
    return {
        "status": exchange.status,
        "statusText": _phrase(exchange.status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(exchange.response_headers.items()),
        "content": content,
        "redirectURL": exchange.response_headers.get("location", ""),
        "headersSize": NOT_KNOWN,
        "bodySize": size,
    }


def _url(exchange: Exchange) -> str:
    """Return the absolute URL; webhooks have it as their path."""
    path = exchange.path
    if not path.startswith(("http://", "https://")):
        path = f"http://{exchange.request_headers.get('host') or UNKNOWN_HOST}/{path.removeprefix('/')}"
    query = f"?{exchange.query}" if exchange.query else ""
    # Requests never contain a fragment, so a hash is an ordinary character here.
    return quote(path + query, safe="!$%&'()*+,/:;=?@[]~")


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _cut(body: bytes, size: int) -> str:
    return f"{CUT} {len(body)} of {size} bytes"
