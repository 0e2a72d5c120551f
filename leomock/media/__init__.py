"""Generate images, videos, sounds and meshes from numbers; no state, no clock, no files, no network."""

from typing import Protocol


class Renderable(Protocol):
    """Anything with a CDN URL: a frozen value that knows its media type and renders its bytes.

    Equal values give equal bytes, under the same Pillow and zlib.
    """

    @property
    def media_type(self) -> str:
        """Return the media type of the bytes, as in Content-Type; known without rendering."""
        ...

    def render(self) -> bytes:
        """Render the bytes."""
        ...

    def __hash__(self) -> int:
        """Return equal hashes for equal values: the cache uses them as keys."""
        ...
