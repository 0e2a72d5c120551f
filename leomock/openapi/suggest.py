"""Suggest the known word nearest to a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping


def suggestion(word: str, known: Mapping[str, object]) -> str:
    """`; did you mean 'x'?` for the end of a sentence, or nothing when no known word is near."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower()[:100], lowered, n=1, cutoff=0.6)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""
