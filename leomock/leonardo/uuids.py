"""The format of the ids that the API uses."""

from __future__ import annotations

import re

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def is_uuid(text: str) -> bool:
    """Return True if the text is a UUID of any version, in the usual format."""
    return UUID.fullmatch(text) is not None
