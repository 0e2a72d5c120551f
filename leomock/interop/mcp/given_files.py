"""Files that a caller passes to a tool: as a URL, or as base64."""

from __future__ import annotations

import base64
import binascii

import httpx

from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.outside_files import OutsideFiles
from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.tools import WRONG_ARGUMENT, Use
from leomock.leonardo.errors import ApiError

_MAGIC = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpg"))


async def given_file(use: Use, caller: Caller, id: str, outside: OutsideFiles) -> bytes:
    """Return the file of the arguments `url` or `data`. Raises `Refused`.

    A URL of the fake's CDN is fetched through the caller; `id` is one of its operations.
    """
    url, data = use.arguments.get("url"), use.arguments.get("data")
    if (url is None) == (data is None):
        raise Refused("leomock: give either url or data", code=WRONG_ARGUMENT)
    if data is not None:
        return _decoded(str(data))
    url = str(url)
    try:
        if not url.lower().startswith(("http://", "https://")):
            raise Refused("leomock: url must begin with http:// or https://", code=WRONG_ARGUMENT)
        if caller.is_ours(id, url, use.headers):
            return await caller.fetch(id, url)
        return await outside.fetch(url)
    except (ApiError, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        text = f"leomock: {url[:200]} cannot be fetched: {reason}"
        raise Refused(text, "Check the URL, or send the file as `data`.", retryable=True) from None


def _decoded(data: str) -> bytes:
    """Return the bytes of base64, also behind the head of a `data:` URL."""
    text = data.partition(",")[2] if data.startswith("data:") else data
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise Refused("leomock: data is not base64", code=WRONG_ARGUMENT) from None


def extension_of(file: bytes) -> str:
    """Return the extension of a picture, by its first bytes. Raises `Refused` for other files."""
    for magic, extension in _MAGIC:
        if file.startswith(magic):
            return extension
    if file[:4] == b"RIFF" and file[8:12] == b"WEBP":
        return "webp"
    raise Refused("leomock: the file is not a PNG, JPEG or WebP", "Convert it first.", code=WRONG_ARGUMENT)
