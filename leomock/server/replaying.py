"""Answer calls from a recording."""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urljoin, urlsplit

from starlette.types import Receive, Scope, Send

from leomock.files.recordings.api_urls import api_path
from leomock.files.recordings.model import RecordedExchange, Recording
from leomock.leonardo.errors import shown
from leomock.server.access_log import LOG_CONTEXT
from leomock.server.api_routes import header_text
from leomock.state.matching import ABSENT, differences
from leomock.state.redaction import one_line

# Recorded calls to hosts other than the API's are below this path and the host's name.
ELSEWHERE = "/elsewhere"

# Larger request bodies are refused: no API call comes close, and uploads are images.
MOST_BODY = 64 * 2**20
_HEALTH = "/_leomock/health"

# The same server, whatever name a client uses for it.
_HERE = "http://replay.invalid"

# The identity of a call: method, place, query, and the body if it counts.
_Call: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...], str]
# These described the connection, or the body as it was compressed then.
_NOT_AGAIN = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"),
        *("content-length", "content-encoding"),
    )
)


# Valid header names and values in HTTP (RFC 9110, 5.1 and 5.5).
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _unsendable(recorded: RecordedExchange) -> str:
    """Return why a response cannot be sent; '' if it can."""
    if not 200 <= recorded.status <= 599:
        return f"no answer has the status {recorded.status}"
    apart = {name for name, _ in recorded.repeated_headers}
    for name, value in (*recorded.response_headers.items(), *recorded.repeated_headers):
        if name in apart and (name, value) not in recorded.repeated_headers:
            continue
        if not _NAME.fullmatch(name) or _NO_VALUE.search(value):
            return f"no answer has the header {name!r} with the value {value!r}"[:200]
    return ""


class Replaying:
    """An app that answers as recorded.

    Two calls are the same if their method, path, query and JSON body are equal (the order of names does not
    matter), regardless of keys and hosts. For calls to hosts other than the API's (downloads and uploads,
    whose forms differ every time) the body does not count. A call that was recorded several times gets the
    responses in the recorded order, and then the last one again.

    `left_out` lists the exchanges whose response cannot be sent, with the reason.
    """

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._name = ", ".join(recording.file for recording in recordings)
        self._answers: dict[_Call, list[RecordedExchange]] = defaultdict(list)
        self._held: dict[str, str] = {}  # recorded URLs on other hosts, mapped to their URLs on this server
        self.left_out: list[tuple[RecordedExchange, str]] = []
        for recorded in (each for recording in recordings for each in recording.exchanges if each.status):
            if why := _unsendable(recorded):
                self.left_out.append((recorded, why))
                continue
            self._answers[self._call(recorded)].append(recorded)
            place = self._place(recorded.url)
            if place.startswith(ELSEWHERE):
                self._held[recorded.url] = self._held[recorded.url.partition("?")[0]] = place
        self._next = dict.fromkeys(self._answers, 0)

    @property
    def holds(self) -> int:
        """The number of calls that can be answered."""
        return len(self._answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == _HEALTH and scope["method"] in ("GET", "HEAD"):
            await self._tell_health(scope, send)
            return
        body = await _body(receive)
        if body is None:  # the client disconnected before the end of its request
            return
        if len(body) > MOST_BODY:
            why = f"the request body has more than {MOST_BODY} bytes; no recorded call is compared with it"
            await _send_error(scope, send, 413, "too-large", why)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        origin = f"{scope['scheme']}://{headers.get('host', 'localhost')}"
        raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        asked = RecordedExchange(
            scope["method"], f"{_HERE}{raw}{f'?{query}' if query else ''}", headers, body
        )
        call = self._call(asked)
        answers = self._answers.get(call)
        if answers is None:
            await self._refuse(call, scope, send)
            return
        number = self._next[call]
        self._next[call] = min(number + 1, len(answers) - 1)
        await self._answer(answers[number], origin, scope, send)

    async def _answer(self, recorded: RecordedExchange, origin: str, scope: Scope, send: Send) -> None:
        content = self._moved(recorded.response_body, origin)
        apart = {name for name, _ in recorded.repeated_headers}
        pairs = [pair for pair in recorded.response_headers.items() if pair[0].lower() not in apart]
        headers = [
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in (*pairs, *recorded.repeated_headers)
            if name.lower() not in _NOT_AGAIN and name.lower() != "location"
        ]
        if location := _header(recorded, "location"):
            headers.append(
                (b"location", self._here(location, recorded.url, origin).encode("latin-1", "replace"))
            )
        length = str(len(content))
        if scope["method"] == "HEAD":
            recorded_length = _header(recorded, "content-length")
            length = recorded_length if recorded_length.isdecimal() else length
        if recorded.status in (204, 304):
            content = b""  # RFC 9110, 15.3.5 and 15.4.5: they have no body
        else:
            headers.append((b"content-length", length.encode()))
        said = f"recorded as #{recorded.number} of {recorded.file}"
        if recorded.response_cut:
            said += ", without the whole of its body"
        headers.append((b"x-leomock-explain", header_text(said)))
        if note := scope.get(LOG_CONTEXT):
            note.explain = said
        await send({"type": "http.response.start", "status": recorded.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    async def _tell_health(self, scope: Scope, send: Send) -> None:
        content = json.dumps(
            {"status": "ok", "ready": True, "problems": [], "mode": "replay", "calls": self.holds}
        ).encode()
        await _send_json(scope, send, 200, content, [])

    def _here(self, location: str, asked: str, origin: str) -> str:
        """Return a redirect's target: on this server if it answers for it or if the API's host was meant."""
        url = urljoin(asked, location)
        place = self._place(url)
        known = any(call[1] == place for call in self._answers)
        if not known and place.startswith(ELSEWHERE):
            return location
        query = urlsplit(url).query
        return f"{origin}{place}{f'?{query}' if query else ''}"

    def _moved(self, body: bytes, origin: str) -> bytes:
        """Rewrite the URLs in a JSON body to this server, where the recording covers them."""
        if not self._held:
            return body
        try:
            moved = _mapped(json.loads(body), self._held, origin)
            return json.dumps(moved, separators=(",", ":")).encode()
        except (ValueError, RecursionError):
            return body

    async def _refuse(self, call: _Call, scope: Scope, send: Send) -> None:
        asked = one_line(f"{call[0]} {call[1]}")
        why = f"{asked}: not in the recording {self._name}; {self._nearest(call)}"
        await _send_error(scope, send, 404, "not-found", why)

    def _nearest(self, call: _Call) -> str:
        """Describe the recorded call that was probably meant, and how it differs."""
        names = {f"{known[0]} {known[1]}": known for known in reversed(self._answers)}
        close = difflib.get_close_matches(f"{call[0]} {call[1]}", names, n=1, cutoff=0.5)
        if not close:
            return "it contains no call like this"
        alike = [known for known in self._answers if known[:2] == names[close[0]][:2]]
        nearest = min(alike, key=lambda known: len(_differing(known, call)))
        told = f"the nearest recorded call is #{self._answers[nearest][0].number} {close[0]}"
        found = "; ".join(_differing(nearest, call)[:3]) if nearest[:2] == call[:2] else ""
        return f"{told} ({found})" if found else told

    def _call(self, recorded: RecordedExchange) -> _Call:
        parts = urlsplit(recorded.url)
        place = self._place(recorded.url)
        query = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
        body = "" if place.startswith(ELSEWHERE) else _canonical(recorded.request_body)
        return recorded.method, place, query, body

    def _place(self, url: str) -> str:
        """Return a call's place: a version and the path below it, or `ELSEWHERE` with a host and a path."""
        found = api_path(url)
        if found is not None:
            version, path = found
            return f"/{version}{urlsplit(path).path}".rstrip("/")
        parts = urlsplit(url)
        return parts.path if url.startswith(_HERE) else f"{ELSEWHERE}/{parts.netloc}{parts.path}"


async def _body(receive: Receive) -> bytes | None:
    """Read the body of a request, at most one byte past the limit; None if the client disconnected."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= MOST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
    return b"".join(chunks)


async def _send_error(scope: Scope, send: Send, status: int, code: str, why: str) -> None:
    """Send an error in the API's format; the log and a header give the reason too."""
    if note := scope.get(LOG_CONTEXT):
        note.explain = why
    content = json.dumps({"error": f"leomock: {status} {why}", "path": "$", "code": code}).encode()
    await _send_json(scope, send, status, content, [(b"x-leomock-explain", header_text(why))])


async def _send_json(
    scope: Scope, send: Send, status: int, content: bytes, more: list[tuple[bytes, bytes]]
) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(content)),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def _header(recorded: RecordedExchange, name: str) -> str:
    """Return the value of a response header; '' if it is missing."""
    return next((text for key, text in recorded.response_headers.items() if key.lower() == name), "")


def _canonical(body: bytes) -> str:
    """Return a body as text that does not depend on the order of names."""
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):
        return body.decode("latin-1")


def _mapped(value: Any, held: dict[str, str], origin: str) -> Any:
    if isinstance(value, dict):
        return {name: _mapped(part, held, origin) for name, part in value.items()}
    if isinstance(value, list):
        return [_mapped(part, held, origin) for part in value]
    if isinstance(value, str) and (place := held.get(value)):
        query = urlsplit(value).query
        return f"{origin}{place}{f'?{query}' if query else ''}"
    return value


def _differing(known: _Call, call: _Call) -> list[str]:
    """Return the differences between a call and a recorded one of the same place."""
    told = []
    if known[2] != call[2]:
        told.append(f"query: recorded {shown(dict(known[2]))}, got {shown(dict(call[2]))}")
    if known[3] != call[3]:
        try:
            recorded, got = json.loads(known[3] or "null"), json.loads(call[3] or "null")
            found, back = list(differences(recorded, got)), list(differences(got, recorded))
        except (ValueError, RecursionError):
            return [*told, "body"]
        both = {each.name: (each.wanted, each.found) for each in found}
        both |= {each.name: (each.found, each.wanted) for each in back}
        told += [
            f"{name or 'body'}: recorded {_said(was)}, got {_said(now)}" for name, (was, now) in both.items()
        ]
    return told


def _said(value: Any) -> str:
    return "nothing" if value is ABSENT else shown(value)
