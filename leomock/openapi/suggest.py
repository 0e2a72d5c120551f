"""Suggest the known word most similar to a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping


def suggestion(word: str, known: Mapping[str, object]) -> str:
    """Return `; did you mean 'x'?` for the end of a sentence, or '' if no known word is similar.

    The shortest known word that continues the given one beats any other.
    """
    lowered = {name.lower(): name for name in known}
    wanted = word.lower()[:100]
    longer = sorted((name for name in lowered if len(wanted) > 2 and name.startswith(wanted)), key=len)
    close = longer or difflib.get_close_matches(wanted, lowered, n=1, cutoff=0.6)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""
