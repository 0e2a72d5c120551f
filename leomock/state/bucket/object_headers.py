"""What an upload form stored with an object, as the headers in which S3 returns it."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from leomock.leonardo.basis import Inferred, Observed, based_on

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def metadata_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return an object's metadata as headers; S3 reports only the number of names that no header can have."""
    headers = {name: _metadata_value(value) for name, value in metadata.items() if _TOKEN.issuperset(name)}
    missing = len(metadata) - len(headers)
    return {**headers, "x-amz-missing-meta": str(missing)} if missing else headers


@based_on(
    Observed(
        "S3's responses to metadata with non-ASCII letters and with control characters, recorded by "
        "LocalStack"
    ),
    Inferred("Q encoding if at least half of the characters are ASCII, otherwise B, as JavaMail chooses"),
)
def _metadata_value(value: str) -> str:
    """Return metadata as a header value: all but printable ASCII and tabs encoded by RFC 2047."""
    other = sum(not _is_plain(letter) for letter in value)
    if not other:
        return value
    if other * 2 > len(value):
        return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="
    return f"=?UTF-8?Q?{''.join(map(_q_encoded, value))}?="


def _is_plain(letter: str) -> bool:
    return letter == "\t" or (letter.isascii() and letter.isprintable())


def _q_encoded(letter: str) -> str:
    if letter == " ":
        return "_"
    if _is_plain(letter) and letter not in "=_?\t":
        return letter
    return "".join(f"={byte:02X}" for byte in letter.encode())


def system_value(value: str) -> str:
    """Return a system field as a header value, non-Latin-1 characters as spaces, as S3 does [LocalStack]."""
    return "".join(letter if letter.isprintable() and letter < "\u0100" else " " for letter in value)
