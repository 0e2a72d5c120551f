"""Remove API keys from what is logged, stored or shown."""

from __future__ import annotations

from functools import lru_cache

# What these headers say lets somebody in somewhere.
SECRET_HEADERS = frozenset(("authorization", "proxy-authorization", "x-api-key", "cookie"))
# As ASGI and the usual clients write them: looked up on adding, where there is no time for `lower`.
SECRET_SPELLINGS: frozenset[bytes | str] = frozenset(
    spelling for name in SECRET_HEADERS for text in (name, name.title()) for spelling in (text, text.encode())
)
# A first word that is none of these may be the key itself, sent without a scheme.
_SCHEMES = frozenset(("bearer", "basic", "digest", "token", "aws4-hmac-sha256"))


# --- keys ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def redacted_header(header: tuple[bytes | str, bytes | str]) -> tuple[bytes | str, bytes]:
    """A header without the key in it; the scheme stays."""
    name, value = header
    text = (value.decode("latin-1") if isinstance(value, bytes) else value).strip()
    scheme, _, key = text.partition(" ")
    if key and scheme.lower() in _SCHEMES:
        return name, f"{scheme} {shortened(key.lstrip())}".encode()
    return name, shortened(text).encode()


def shortened(key: str) -> str:
    """RequestBudgetExceeded of an API key to tell tenants apart, never the whole of it."""
    return one_line(key[: min(4, len(key) // 2)]) + "…"


def one_line(text: str) -> str:
    """A text without what would break a line or steer a terminal."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
