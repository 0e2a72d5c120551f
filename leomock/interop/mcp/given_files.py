"""Files that a caller of a tool gives: as an address, or as base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import httpx

from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.tools import WRONG_ARGUMENT
from leomock.leonardo.errors import ApiError

# The largest file, in bytes, and the seconds in which an address must answer.
LARGEST, PATIENCE = 25 * 2**20, 30.0
_MAGIC = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpg"))


async def given_file(arguments: Mapping[str, Any], caller: Caller, id: str) -> bytes:
    """Return the file of the arguments `url` or `data`. Raises `Refused`.

    A URL of the server that answers the calls is fetched through the caller; `id` is one of its operations.
    """
    url, data = arguments.get("url"), arguments.get("data")
    if (url is None) == (data is None):
        raise Refused("leomock: give either url or data", code=WRONG_ARGUMENT)
    if data is not None:
        return _decoded(str(data))
    try:
        if not str(url).lower().startswith(("http://", "https://")):
            raise Refused("leomock: url must begin with http:// or https://", code=WRONG_ARGUMENT)
        return await caller.fetch(id, str(url)) if caller.is_ours(id, str(url)) else await _fetched(str(url))
    except (ApiError, httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        text = f"leomock: {str(url)[:200]} cannot be fetched: {reason}"
        raise Refused(text, "Check the address, or send the file as `data`.", retryable=True) from None


async def _fetched(url: str) -> bytes:
    file = b""
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", url) as response,
    ):
        response.raise_for_status()
        async for chunk in response.aiter_bytes():
            file += chunk
            if len(file) > LARGEST:
                raise Refused(f"leomock: {url[:200]} has more than {LARGEST} bytes", code=WRONG_ARGUMENT)
    return file


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
