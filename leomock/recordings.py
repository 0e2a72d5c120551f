"""Reads recorded traffic, whatever wrote it: HAR files, VCR cassettes, leomock's own journal."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from leomock.addresses import API_HOST

Headers: TypeAlias = Mapping[str, str]
Entry: TypeAlias = Mapping[str, Any]

# How a comment of our own HAR begins where only the beginning of a body was kept.
CUT = "leomock kept the first"
# A compressed body that grows beyond this (bytes) is not read.
LONGEST_BODY = 2**28
# The versions of the API; in a path after `/api/rest`, or alone.
VERSIONS = ("v1", "v2")
_NEAR = (".localhost", ".invalid", ".test", ".local", ".internal")
_JOURNAL_HOST = "leomock.invalid"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request and its answer as they were on the wire; `url` is the full one, with the query.

    Bodies are without compression. `status` is 0 where no answer came. `request_cut` and `response_cut` say
    that a body was not kept, or not the whole of it. `file` and `number` (from 1) are where it was read.
    """

    method: str
    url: str
    request_headers: Headers = field(default_factory=dict)
    request_body: bytes = b""
    status: int = 200
    response_headers: Headers = field(default_factory=dict)
    response_body: bytes = b""
    request_cut: bool = False
    response_cut: bool = False
    file: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry of a recording that cannot be read, and why."""

    file: str
    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds, in its order; nothing of it is passed over."""

    file: str
    exchanges: tuple[Recorded, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


class RecordingError(ValueError):
    """A file that is no recording; the text names it and says what would be one."""


def read(path: str | Path) -> Recording:
    """Read a recording of any kind. Raises RecordingError."""
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecordingError(f"{path}: not text, so no HAR, VCR cassette or journal") from None
    tree = _tree(text, path)
    reader: Callable[[Entry], Recorded]
    entries: Any = None
    if isinstance(tree, dict):
        log = tree.get("log")
        if isinstance(log, dict):
            entries, reader = log.get("entries"), _from_har
        elif "requests" in tree:
            entries, reader = tree["requests"], _from_journal
        else:
            entries, reader = tree.get("interactions", tree.get("http_interactions")), _from_cassette
    if not isinstance(entries, list):
        raise RecordingError(
            f"{path}: neither a HAR (log.entries), a VCR cassette (interactions) nor a journal of leomock "
            "(requests)"
        )
    return _recording(str(path), entries, reader)


def from_journal(exchanges: Iterable[Entry], name: str = "journal") -> Recording:
    """The exchanges of a journal, as its `as_json` or `GET /_leomock/requests` gives them."""
    return _recording(name, exchanges, _from_journal)


def api_path(url: str, base_urls: Sequence[str] = ()) -> tuple[str, str] | None:
    """The version of the API and what of a URL is below its base, with the query; None for another API.

    Every server of this API has `/api/rest/v1`, a fake and its REST adapters have `/v1` besides. Many other
    APIs begin with that, so it counts for hosts of this machine or network alone; so it is with version 2.
    `base_urls` are further ones, whole or as a path on any host; those that end in no version are of the
    first.
    """
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    bases = [base.rstrip("/") if "://" in base else origin + base.rstrip("/") for base in base_urls]
    bases += [f"{origin}/api/rest/{version}" for version in VERSIONS]
    if _is_near(parts.hostname or ""):
        bases += [f"{origin}/{version}" for version in VERSIONS]
    for base in bases:
        rest = url.removeprefix(base)
        if rest != url and rest[:1] in ("", "/", "?"):
            last = base.rpartition("/")[2]
            return last if last in VERSIONS else VERSIONS[0], rest
    return None


def _is_near(host: str) -> bool:
    """Whether a host is the API's own, or one of this machine or network."""
    if host == API_HOST or "." not in host or host.endswith(_NEAR):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def decoded(body: bytes, encoding: str) -> bytes:
    """A body without the compression that Content-Encoding names. Raises ValueError.

    Many recorders take the compression away and leave the header: what does not look compressed is not.
    """
    for coding in reversed([part.strip().lower() for part in encoding.split(",")]):
        if coding in ("gzip", "x-gzip"):
            body = _inflated(body, coding) if body.startswith(b"\x1f\x8b") else body
        elif coding == "deflate":
            body = body if _is_text(body) else _inflated(body, coding)
        elif coding not in ("", "identity") and not _is_text(body):
            raise ValueError(f"a body is compressed with {coding[:20]}, which leomock cannot read")
    return body


def _inflated(body: bytes, coding: str) -> bytes:
    # zlib finds out itself whether it is gzip or zlib; some servers send deflate without either.
    for window in (47, -15):
        machine = zlib.decompressobj(window)
        try:
            plain = machine.decompress(body, LONGEST_BODY)
        except zlib.error:
            continue
        if machine.unconsumed_tail:
            raise ValueError(f"a body has more than {LONGEST_BODY} bytes without its compression")
        if machine.eof:
            return plain
    raise ValueError(f"a body is said to be {coding} and is not, or not the whole of it")


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _tree(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] in ("{", "["):
            raise RecordingError(f"{path}: not JSON: {error}") from None
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RecordingError(f"{path}: neither JSON nor YAML: {' '.join(str(error).split())}") from None


def _recording(file: str, entries: Iterable[Any], reader: Callable[[Entry], Recorded]) -> Recording:
    exchanges, unreadable = [], []
    for number, entry in enumerate(entries, 1):
        try:
            exchanges.append(replace(_whole(reader(_object(entry, "the entry"))), file=file, number=number))
        except ValueError as error:
            unreadable.append(Unreadable(file, number, str(error)))
    return Recording(file, tuple(exchanges), tuple(unreadable))


def _whole(recorded: Recorded) -> Recorded:
    """What was read, checked, its bodies without compression."""
    parts = urlsplit(recorded.url)
    if not parts.scheme or not parts.netloc:
        raise ValueError(f"{recorded.url[:100]!r} is no full URL")
    request, response = recorded.request_body, recorded.response_body
    return replace(
        recorded,
        request_body=request
        if recorded.request_cut
        else decoded(request, recorded.request_headers.get("content-encoding", "")),
        response_body=response
        if recorded.response_cut
        else decoded(response, recorded.response_headers.get("content-encoding", "")),
    )


# --- HAR ------------------------------------------------------------------------------------------------


def _from_har(entry: Entry) -> Recorded:
    request, response = _object(entry.get("request"), "request"), _object(entry.get("response"), "response")
    asked, answered = _headers(request.get("headers")), _headers(response.get("headers"))
    post = _object(request.get("postData") or {}, "request.postData")
    content = _object(response.get("content") or {}, "response.content")
    request_body, request_cut = _of_har(post, request.get("bodySize"))
    response_body, response_cut = _of_har(content, content.get("size"))
    # Exports that leave headers out still tell the type of a body.
    for headers, part in ((asked, post), (answered, content)):
        kind = part.get("mimeType")
        if isinstance(kind, str) and "/" in kind:
            headers.setdefault("content-type", kind)
    return Recorded(
        _text(request.get("method"), "request.method").upper(),
        _text(request.get("url"), "request.url"),
        asked,
        request_body,
        _status(response.get("status")),
        answered,
        response_body,
        request_cut,
        response_cut,
    )


def _of_har(part: Entry, size: Any) -> tuple[bytes, bool]:
    """The body of `postData` or `content`, and whether it lacks something."""
    text = part.get("text")
    if not text and part.get("params"):
        fields = [_object(parameter, "a parameter") for parameter in part["params"]]
        if "urlencoded" not in str(part.get("mimeType")):
            return b"", True
        return urlencode([(str(f.get("name", "")), str(f.get("value", ""))) for f in fields]).encode(), False
    if not text:
        return b"", isinstance(size, int) and size > 0
    # The format has no place for the encoding of a request's body: leomock writes `_encoding`.
    body = _bytes(text, part.get("encoding") or part.get("_encoding"))
    return body, str(part.get("comment", "")).startswith(CUT)


# --- VCR ------------------------------------------------------------------------------------------------


def _from_cassette(entry: Entry) -> Recorded:
    request, response = _object(entry.get("request"), "request"), _object(entry.get("response"), "response")
    status = response.get("status", response.get("status_code"))
    return Recorded(
        _text(request.get("method"), "request.method").upper(),
        _text(request.get("uri"), "request.uri"),
        _headers(request.get("headers")),
        _of_cassette(request.get("body")),
        _status(status.get("code") if isinstance(status, dict) else status),
        _headers(response.get("headers")),
        _of_cassette(response.get("body", response.get("content"))),
    )


def _of_cassette(body: Any) -> bytes:
    """A body as vcrpy and the VCR of Ruby write it."""
    if isinstance(body, dict):
        if "base64_string" in body:
            return _bytes(body["base64_string"], "base64")
        body = body.get("string")
    return _bytes(body)


# --- the journal ----------------------------------------------------------------------------------------


def _from_journal(entry: Entry) -> Recorded:
    request, response = _object(entry.get("request"), "request"), _object(entry.get("response"), "response")
    asked = _headers(request.get("headers"))
    url = _text(entry.get("path"), "path")
    if not url.startswith(("http://", "https://")):
        url = f"http://{asked.get('host', _JOURNAL_HOST)}/{url.removeprefix('/')}"
    if query := entry.get("query"):
        url += f"?{query}"
    request_body, request_cut = _of_journal(request)
    response_body, response_cut = _of_journal(response)
    return Recorded(
        _text(entry.get("method"), "method").upper(),
        url,
        asked,
        request_body,
        _status(entry.get("status")),
        _headers(response.get("headers")),
        response_body,
        request_cut,
        response_cut,
    )


def _of_journal(half: Entry) -> tuple[bytes, bool]:
    """The body of one half of an exchange, and whether it lacks something."""
    if "json" in half:
        return json.dumps(half["json"]).encode(), False
    body = _bytes(half["base64"], "base64") if "base64" in half else _bytes(half.get("text"))
    return body, len(body) < half.get("size", 0)


# --- what all have --------------------------------------------------------------------------------------


def _object(value: Any, name: str) -> Entry:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is missing" if value is None else f"{name} is no object")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is missing")
    return value


def _status(value: Any) -> int:
    try:
        status = int(value or 0)
    except (TypeError, ValueError):
        raise ValueError(f"the status {str(value)[:40]!r} is no number") from None
    return max(status, 0)


def _bytes(value: Any, encoding: Any = None) -> bytes:
    if encoding == "base64":
        try:
            return base64.b64decode(value, validate=False)
        except (binascii.Error, TypeError, ValueError):
            raise ValueError("a body is said to be base64 and is not") from None
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a body is a {type(value).__name__}, not a text")
    return value.encode("utf-8", "surrogatepass")


def _headers(value: Any) -> dict[str, str]:
    """Headers by their names in lower case; what came twice is joined, HTTP/2's own are left out."""
    headers: dict[str, str] = {}
    for name, text in _pairs(value):
        name = name.lower()
        if not name.startswith(":"):
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    """Headers as a list of objects (HAR), or as an object of texts or of lists of texts (VCR, journal)."""
    if isinstance(value, dict):
        for name, texts in value.items():
            for text in texts if isinstance(texts, list) else [texts]:
                yield str(name), _decoded(text)
    elif isinstance(value, list):
        for header in value:
            header = _object(header, "a header")
            yield str(header.get("name", "")), _decoded(header.get("value", ""))
    elif value is not None:
        raise ValueError("headers are neither an object nor a list")


def _decoded(text: Any) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else str(text)
