"""Images as MCP content, small enough for a conversation."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence

import mcp_types as types

from leomock.media.preview import preview

# The maximum in one answer; the largest generation has eight.
MOST_PICTURES = 4


async def picture_content(
    urls: Sequence[str], fetch: Callable[[str], Awaitable[bytes]]
) -> list[types.ContentBlock]:
    """Return the first images, each as a JPEG, and a sentence if there are more."""
    files = await asyncio.gather(*(fetch(url) for url in urls[:MOST_PICTURES]))
    content: list[types.ContentBlock] = []
    for url, file in zip(urls, files, strict=False):
        small = await asyncio.to_thread(preview, file)
        if small is None:
            content.append(types.TextContent(text=f"leomock: {url} is not a picture that can be shown"))
        else:
            data = base64.b64encode(small).decode()
            content.append(types.ImageContent(data=data, mime_type="image/jpeg"))
    if len(urls) > MOST_PICTURES:
        left = len(urls) - MOST_PICTURES
        content.append(types.TextContent(text=f"leomock: {left} more are not shown; their URLs are above"))
    return content
