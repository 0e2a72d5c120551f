"""Remove API keys and other credentials from what is logged, recorded or shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from urllib.parse import quote

# Headers that carry credentials; their values are redacted.
SECRET_HEADERS = frozenset(
    ("authorization", "proxy-authorization", "x-api-key", "cookie", "api-key", "x-auth-token", "set-cookie")
)
# The spellings of ASGI and common clients; `lower()` would be too slow for every header of every call.
SECRET_SPELLINGS: frozenset[bytes | str] = frozenset(
    spelling for name in SECRET_HEADERS for text in (name, name.title()) for spelling in (text, text.encode())
)
# A shortened value: at most four characters and the ellipsis.
_SHORTENED = "…".encode()
_LONGEST_SHORTENED = 4 + len(_SHORTENED)
# Any other first word may be the key itself, sent without a scheme.
_SCHEMES = frozenset(("bearer", "basic", "digest", "token", "aws4-hmac-sha256"))


# --- keys ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def redacted_header(header: tuple[bytes | str, bytes | str]) -> tuple[bytes | str, bytes]:
    """Return a header with its key shortened; the scheme stays."""
    name, value = header
    if isinstance(value, bytes) and value.endswith(_SHORTENED) and _is_short(value):
        return name, value
    text = (value.decode("latin-1") if isinstance(value, bytes) else value).strip()
    scheme, _, key = text.partition(" ")
    if key and scheme.lower() in _SCHEMES:
        return name, f"{scheme} {shortened(key.lstrip())}".encode()
    return name, shortened(text).encode()


def _is_short(value: bytes) -> bool:
    return len(value.split(b" ")[-1]) <= _LONGEST_SHORTENED


def shortened(key: str) -> str:
    """Return the start of an API key: enough to tell tenants apart, never the whole key."""
    return one_line(key[: min(4, len(key) // 2)]) + "…"


def one_line(text: str) -> str:
    """Return a text with line breaks and control characters escaped."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


# --- recordings ---------------------------------------------------------------------------------------------

# Names of headers, query parameters and fields whose values are credentials. Names such as `tokens` are
# counts.
_SECRET_NAMES = (
    r"[\w.-]*api[-_]?key",
    r"[\w.-]*(?:auth|access|refresh|session|csrf|xsrf|bearer)[-_]?token",
    r"token",
    r"[\w.-]*secret",
    r"[\w.-]*passw(?:or)?d",
    r"[\w.-]*authorization",
    r"(?:set-)?cookie",
)
# Shorter values would occur in other texts by chance.
_SHORTEST_SECRET = 8


class Redactor:
    """Shorten credentials in exchanges that are written to a file.

    A value counts as a credential by the name of its header, query parameter or body field. `names` are
    further such names. Values that were seen in a header are shortened wherever they appear, also in later
    exchanges.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        named = "|".join((*_SECRET_NAMES, *map(re.escape, names)))
        self._name = re.compile(f"(?i)(?:{named})")
        self._parameter = re.compile(f'(?i)((?:^|[?&;])(?:{named})=)([^&#\\s"]+)')
        self._field = re.compile(f'(?i)("(?:{named})"\\s*:\\s*")((?:[^"\\\\]|\\\\.)*)(")')
        self._seen: dict[str, str] = {}

    def headers(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return headers with their credentials shortened, and remember each credential."""
        found = []
        for name, value in headers:
            if self._name.fullmatch(name.decode("latin-1")):
                self._remember(value.decode("latin-1"))
                value = redacted_header((name, value))[1]
            found.append((name, value))
        return [
            (name, self._without_seen(value.decode("latin-1")).encode("latin-1", "replace"))
            for name, value in found
        ]

    def text(self, text: str) -> str:
        """Return a URL or a query with its credentials shortened."""
        return self._without_seen(self._parameter.sub(lambda m: m[1] + quote(shortened(m[2])), text))

    def body(self, body: bytes) -> bytes:
        """Return a body with its credentials shortened: JSON and form fields, and remembered values."""
        text = body.decode("latin-1")
        text = self._field.sub(lambda m: m[1] + _latin(shortened(m[2])) + m[3], text)
        if "=" in text[:2000] and text.lstrip()[:1] not in ("{", "["):
            text = self._parameter.sub(lambda m: m[1] + quote(shortened(m[2])), text)
        return self._without_seen(text, _latin).encode("latin-1", "replace")

    def _remember(self, value: str) -> None:
        scheme, _, key = value.strip().partition(" ")
        secret = key.strip() if key and scheme.lower() in _SCHEMES else value.strip()
        if len(secret) >= _SHORTEST_SECRET:
            self._seen[secret] = shortened(secret)
            self._seen.setdefault(quote(secret, safe=""), shortened(secret))

    def _without_seen(self, text: str, written: Callable[[str], str] = quote) -> str:
        for secret, short in self._seen.items():
            if secret in text:
                text = text.replace(secret, written(short))
        return text


def _latin(text: str) -> str:
    """Return a text with each of its UTF-8 bytes as one Latin-1 character, to match a body read that way."""
    return text.encode().decode("latin-1")
