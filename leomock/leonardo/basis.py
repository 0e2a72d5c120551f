"""How it is known that the real service behaves like this: the basis of each behaviour, as data.

A function or class whose behaviour no document, error template or scenario settles says what it rests on::

    @based_on(Chosen("the real order is not documented"))
    def order(rows): ...

Where another function makes the decision, name that function; its statements then count here as well::

    @based_on(World.read, Inferred("both operations show the same rows"))
    def get_dataset(call, world): ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar, get_args

BasisKind = Literal["documented", "observed", "inferred", "chosen"]

# The most reliable first.
KINDS: tuple[BasisKind, ...] = get_args(BasisKind)

T = TypeVar("T", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Basis:
    """One statement about a behaviour. `source` says where the knowledge comes from, or why we chose it."""

    kind: ClassVar[BasisKind]
    source: str

    def __str__(self) -> str:
        return f"{self.kind}; {self.source}"


class Documented(Basis):
    """The vendor documents it."""

    __slots__ = ()
    kind = "documented"


class Observed(Basis):
    """Somebody saw the real service do it."""

    __slots__ = ()
    kind = "observed"


class Inferred(Basis):
    """It follows from something documented or observed."""

    __slots__ = ()
    kind = "inferred"


class Chosen(Basis):
    """Nobody knows; this is our choice."""

    __slots__ = ()
    kind = "chosen"


@dataclass(frozen=True, slots=True)
class Decision:
    """What one function or class decides: a summary, and its own statements."""

    summary: str
    basis: tuple[Basis, ...]


# By name: `operation:createDataset` for a handler, otherwise `code:World.read`.
DECISIONS: dict[str, Decision] = {}


def based_on(*basis: Basis | Callable[..., object], name: str = "") -> Callable[[T], T]:
    """Record how the behaviour of a function or class is known.

    Each item is a statement, or something decorated with `based_on` itself. Raises ValueError without a
    statement, if `name` (by default `code:` and the qualified name) is taken, or if an item states nothing.
    """

    def record(decided: T) -> T:
        own = tuple(each for each in basis if isinstance(each, Basis))
        all_statements = [each for item in basis for each in ([item] if isinstance(item, Basis) else stated(item))]
        id = name or f"code:{decided.__qualname__}"
        if not all_statements:
            raise ValueError(f"{id}: state at least one basis")
        if id in DECISIONS:
            raise ValueError(f"{id}: this name is taken; rename one of the two functions")
        summary = (inspect.getdoc(decided) or "").partition("\n")[0]
        DECISIONS[id] = Decision(summary, own)
        decided.__basis__ = tuple(all_statements)  # type: ignore[attr-defined]
        return decided

    return record


def stated(decided: object) -> tuple[Basis, ...]:
    """Return all statements about a function or class. Raises ValueError if it has none."""
    found: tuple[Basis, ...] = getattr(decided, "__basis__", ())
    if not found:
        raise ValueError(f"{decided!r} states no basis")
    return found


def least_reliable(statements: Iterable[Basis]) -> Basis:
    """Return the least reliable of some statements, the first of several that are equally so."""
    return max(statements, key=lambda statement: KINDS.index(statement.kind))
