"""Recorded exchanges, and functions to read their fields from untrusted values."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

Headers: TypeAlias = Mapping[str, str]
Entry: TypeAlias = Mapping[str, Any]

# The comment in our own HAR if only the beginning of a body was kept.
CUT = "leomock kept the first"
# A compressed body that expands beyond this size (bytes) is not read.
LONGEST_BODY = 2**28


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """One request and its answer as sent over the network; `url` is complete, with the query.

    Bodies are decompressed. `status` is 0 if there was no response. `request_cut` and `response_cut` say that
    a body was not kept, or only in part. `file` and `number` (from 1) say where it was read. `moment` is when
    it was sent, in seconds since 1970 (UTC); 0 if the recording does not say. `repeated_headers` are the
    response headers that came more than once, such as Set-Cookie, with each value.
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
    moment: float = 0.0
    repeated_headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry of a recording that cannot be read, with the reason, and its URL if that can be read."""

    file: str
    number: int
    why: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """The contents of a file, in order and complete."""

    file: str
    exchanges: tuple[RecordedExchange, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


class RecordingError(ValueError):
    """The file is not a recording; the message names it and lists the supported formats."""


# --- shared by all formats ------------------------------------------------------------------------------


def as_object(value: Any, name: str) -> Entry:
    """Return `value` if it is an object. Raises ValueError otherwise."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is missing" if value is None else f"{name} is not an object")
    return value


def as_text(value: Any, name: str) -> str:
    """Return `value` if it is a non-empty string. Raises ValueError otherwise."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is missing")
    return value


def as_status(value: Any) -> int:
    """Return `value` as an HTTP status. Raises ValueError if it is not one."""
    try:
        status = int(value or 0)
    except (TypeError, ValueError):
        raise ValueError(f"the status {str(value)[:40]!r} is not a number") from None
    return max(status, 0)


def as_bytes(value: Any, encoding: Any = None) -> bytes:
    """Return a recorded body as bytes, decoding base64 if `encoding` says so."""
    if encoding == "base64":
        try:
            return base64.b64decode(value, validate=False)
        except (binascii.Error, TypeError, ValueError):
            raise ValueError("a body is declared as base64 but is not") from None
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a body is a {type(value).__name__}, not a string")
    return value.encode("utf-8", "surrogatepass")


def as_headers(value: Any) -> dict[str, str]:
    """Return headers by lower-case name; repeated values are joined, HTTP/2 pseudo-headers are left out."""
    headers: dict[str, str] = {}
    for name, text in _pairs(value):
        name = name.lower()
        if not name.startswith(":"):
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def repeated(value: Any) -> tuple[tuple[str, str], ...]:
    """Return the headers that came more than once, by lower-case name, each value separate."""
    pairs = [(name.lower(), text) for name, text in _pairs(value)]
    names = [name for name, _ in pairs]
    # Chrome joins the values of Set-Cookie with line breaks.
    split = [(name, part) for name, text in pairs for part in text.split("\n")]
    return tuple(
        (name, text)
        for name, text in split
        if not name.startswith(":")
        and (names.count(name) > 1 or (name == "set-cookie" and len(split) > len(pairs)))
    )


def as_moment(value: Any) -> float:
    """Return an ISO 8601 time as seconds since 1970; 0 if it is invalid."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment.timestamp(), 0.0)


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    """Return headers from a list of objects (HAR), or an object of texts or lists of texts (VCR, journal)."""
    if isinstance(value, dict):
        for name, texts in value.items():
            for text in texts if isinstance(texts, list) else [texts]:
                yield str(name), _decoded(text)
    elif isinstance(value, list):
        for header in value:
            header = as_object(header, "a header")
            yield str(header.get("name", "")), _decoded(header.get("value", ""))
    elif value is not None:
        raise ValueError("headers are neither an object nor a list")


def _decoded(text: Any) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else str(text)
