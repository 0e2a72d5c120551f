"""Recognise uploaded files that are not images, and say so in the explanation of the call that uses them."""

from __future__ import annotations

import base64
import binascii
import json
import re

from leomock.state.bucket.objects import StoredObject
from leomock.state.remarks import NO_IMAGE, OTHER_FORMAT
from leomock.state.world import World

_MAGIC = {"jpg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n"}
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")


def note_content(world: World, stored: StoredObject, key: str, name: str) -> None:
    """Explain the current call if the file in its variable `name` is not an image of the right format."""
    extension = key.rpartition(".")[2].lower().replace("jpeg", "jpg")
    format = _format_of(stored.body)
    if not format:
        world.note = f"{name}: {NO_IMAGE}{_kind_of(stored.body)}"
    elif extension in ("jpg", "png", "webp") and format != extension:
        world.note = f"{name}: {OTHER_FORMAT}a {format} under .{extension}"


def no_image(content: bytes) -> str:
    """Return the explanation for content that is not an image; '' for an image."""
    return "" if _format_of(content) else f"{NO_IMAGE}{_kind_of(content)}"


def _format_of(content: bytes) -> str:
    """Return jpg, png or webp by the first bytes of a file; '' for anything else."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    return next((format for format, magic in _MAGIC.items() if content.startswith(magic)), "")


def _kind_of(content: bytes) -> str:
    """Describe a file that is not an image, such as "base64 text (decode it first)"."""
    start = content[:4096].lstrip()
    if not content:
        return "it is empty"
    if content.startswith(b"\x1f\x8b"):
        return "a gzip body (decompress it first)"
    if start.startswith(b"data:"):
        return "a data URL (send the decoded bytes)"
    if start.startswith((b"{", b"[")) and _is_json(content):
        return "JSON, such as an error response"
    if start.startswith(b"<"):
        return "HTML or XML, such as an error page"
    if _format_of(_decoded(content)):
        return "base64 text (decode it first)"
    return "neither JPEG, PNG nor WebP"


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _decoded(content: bytes) -> bytes:
    """Return the first bytes of base64 text; empty if it is not base64."""
    start = content[:64]
    if not _BASE64.fullmatch(start):
        return b""
    text = b"".join(start.split())
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except binascii.Error:
        return b""
