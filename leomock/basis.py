"""Reads from docstrings how it is known that the real service behaves like this.

A function that decides what no document, wording or scenario says states it in a paragraph of its docstring::

    Basis: chosen; the real order is not documented.

Where it is another that decides, a paragraph names that one, as it is found in leomock, and repeats nothing::

    Basis: as state.world.World.read.
"""

from __future__ import annotations

import inspect
import re
from pkgutil import resolve_name
from typing import get_args

from leomock.errors import Basis

# The surest first.
KINDS: tuple[Basis, ...] = get_args(Basis)

_STATEMENT = re.compile(r"^Basis: (\w+); (.+?)(?=\n\s*\n|\nBasis: |\Z)", re.MULTILINE | re.DOTALL)
_ELSEWHERE = re.compile(r"^Basis: as ([\w.]+)\.$", re.MULTILINE)


def stated(docstring: str | None) -> list[tuple[Basis, str]]:
    """The statements of a docstring, in its order. Raises ValueError for a basis that there is not."""
    found: list[tuple[Basis, str]] = []
    for kind, text in _STATEMENT.findall(inspect.cleandoc(docstring or "")):
        if kind not in KINDS:
            raise ValueError(f"Basis: {kind}: use {', '.join(KINDS)}")
        found.append((kind, " ".join(text.split())))
    return found


def elsewhere(docstring: str | None) -> list[str]:
    """The names of what decides in the place of what has this docstring."""
    return _ELSEWHERE.findall(inspect.cleandoc(docstring or ""))


def least_sure(docstring: str | None) -> tuple[Basis, str]:
    """The least sure statement of a docstring and of what it names; what states nothing is documented."""
    return max(all_stated(docstring), key=lambda said: KINDS.index(said[0]), default=("documented", ""))


def all_stated(docstring: str | None) -> list[tuple[Basis, str]]:
    """The statements of a docstring, then those of what it names."""
    found = stated(docstring)
    for name in elsewhere(docstring):
        found += all_stated(resolve_name(f"leomock.{name}").__doc__)
    return found
