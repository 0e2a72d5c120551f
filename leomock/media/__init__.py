"""Bytes from numbers: pictures, videos, sounds and meshes; no state, no clock, no files, no network."""

from typing import Protocol


class Renderable(Protocol):
    """Anything that can be at an address of the CDN: a frozen value that says its type and gives its bytes.

    Equal values give equal bytes, under the same Pillow and zlib.
    """

    @property
    def media_type(self) -> str:
        """The type of the bytes, as in Content-Type; known without rendering."""
        ...

    def render(self) -> bytes:
        """Make the bytes."""
        ...

    def __hash__(self) -> int:
        """Alike where all values are: what was rendered is kept by it."""
        ...
