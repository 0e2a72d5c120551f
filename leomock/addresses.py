"""Where a client finds what an answer points to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Addresses:
    """The three bases that URLs in answers begin with, none with a slash at the end."""

    api: str
    cdn: str
    uploads: str

    @classmethod
    def under(cls, origin: str) -> Addresses:
        """All three on one server, e.g. `http://127.0.0.1:8090`."""
        origin = origin.rstrip("/")
        return cls(api=f"{origin}/api/rest/v1", cdn=f"{origin}/cdn", uploads=f"{origin}/s3")
