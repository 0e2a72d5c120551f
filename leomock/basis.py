"""Reads from docstrings how it is known that the real service behaves like this.

A function that decides what no document, wording or scenario says states it in a paragraph of its docstring::

    Basis: chosen; the real order is not documented.
"""

from __future__ import annotations

import inspect
import re
from typing import get_args

from leomock.errors import Basis

# The surest first.
KINDS: tuple[Basis, ...] = get_args(Basis)

_STATEMENT = re.compile(r"^Basis: (\w+); (.+?)(?=\n\s*\n|\nBasis: |\Z)", re.MULTILINE | re.DOTALL)


def stated(docstring: str | None) -> list[tuple[Basis, str]]:
    """The statements of a docstring, in its order. Raises ValueError for a basis that there is not."""
    found: list[tuple[Basis, str]] = []
    for kind, text in _STATEMENT.findall(inspect.cleandoc(docstring or "")):
        if kind not in KINDS:
            raise ValueError(f"Basis: {kind}: use {', '.join(KINDS)}")
        found.append((kind, " ".join(text.split())))
    return found


def least_sure(docstring: str | None) -> tuple[Basis, str]:
    """The least sure statement of a docstring; what states nothing does as documented."""
    return max(stated(docstring), key=lambda said: KINDS.index(said[0]), default=("documented", ""))
