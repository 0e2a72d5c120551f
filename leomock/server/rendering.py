"""Render images and videos in threads, so that other calls continue."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from leomock.media import Renderable
from leomock.operations.assets.resolver import OWNER, render_cached, resolve
from leomock.state.bucket.objects import StoredObject
from leomock.state.render_cache import RENDERED

if TYPE_CHECKING:
    import anyio

    from leomock.state.worlds import Worlds

# More threads would not render faster, but would slow down other calls through the interpreter lock.
RENDERERS = 2
# A call that refers to more images of this fake than this renders the others itself.
MOST_REFERENCES = 20
_KEY = re.compile(rb"/(users/[^\s\"\\?#]{1,500})")

T = TypeVar("T")


class Renderers:
    """The threads that render for one app."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None  # belongs to the loop of the first rendering

    async def run(self, make: Callable[[], T]) -> T:
        """Run a function in one of the threads."""
        import anyio.to_thread

        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(RENDERERS)
        return await anyio.to_thread.run_sync(make, limiter=self._limiter)

    async def render(self, found: Renderable, key: str) -> bytes:
        """Return the bytes of the file at a key of the CDN; concurrent calls share one rendering."""
        if (kept := RENDERED.get(found)) is not None:
            return kept
        if (running := RENDERED.running(found)) is not None:
            return await asyncio.shield(asyncio.wrap_future(running))
        owner = OWNER.match(key)
        return await self.run(lambda: render_cached(found, owner[1] if owner else ""))

    async def prepare(self, worlds: Worlds, body: bytes) -> None:
        """Render the images whose URLs occur in a body, so that the call finds them in the cache."""
        for match in islice(_KEY.finditer(body), MOST_REFERENCES):
            key = match[1].decode("latin-1")
            found = resolve(worlds, key)
            if found is None or isinstance(found, StoredObject):
                continue
            if found.media_type.startswith("image/"):
                await self.render(found, key)
