"""Bytes from numbers: pictures, videos and meshes; no state, no clock, no files, no network."""

from __future__ import annotations

from typing import Protocol


class Renderable(Protocol):
    """Something that follows from its own few values: hashable, and the same bytes every time."""

    @property
    def media_type(self) -> str:
        """The content type of the bytes."""

    def render(self) -> bytes:
        """Make the bytes."""

    def __hash__(self) -> int:
        """Alike where all values are: rendered bytes are kept by it."""
