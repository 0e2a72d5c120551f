"""The basis of each behaviour, as data: how we know that the real service behaves like this.

A function or class whose behaviour no document, error template or scenario settles states its basis::

    @based_on(Chosen("the real order is not documented"))
    def order(rows): ...

Where another function makes the decision, name it; its statements then count here as well::

    @based_on(SameAs("code:World.read"), Inferred("both operations show the same rows"))
    def get_dataset(call, world): ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal, TypeVar, get_args

BasisKind = Literal["documented", "observed", "inferred", "chosen"]

# Most reliable first.
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
class SameAs:
    """The statements of another decision, by its name in `DECISIONS`."""

    name: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision of one function or class: the first line of its docstring, and its statements."""

    summary: str
    basis: tuple[Basis | SameAs, ...]


# By name: `operation:createDataset` for a handler, otherwise `code:World.read`.
DECISIONS: dict[str, Decision] = {}


def based_on(*basis: Basis | SameAs, name: str = "") -> Callable[[T], T]:
    """Record the basis of the behaviour of a function or class.

    The record is kept under `name`, or under `code:` and the qualified name. Raises ValueError
    without a statement, or if the name is taken.
    """

    def record(decided: T) -> T:
        key = name or f"code:{decided.__qualname__}"
        if not basis:
            raise ValueError(f"{key}: state at least one basis")
        if key in DECISIONS:
            raise ValueError(f"{key}: this name is taken; rename one of the two")
        summary = (inspect.getdoc(decided) or "").partition("\n")[0]
        DECISIONS[key] = Decision(summary, basis)
        return decided

    return record


def statements(name: str) -> tuple[Basis, ...]:
    """Return the statements of a decision, replacing each `SameAs` with those of the decision it names.

    Raises ValueError if there is no such decision.
    """
    if name not in DECISIONS:
        raise ValueError(f"{name}: nothing states a basis under this name")
    found: list[Basis] = []
    for each in DECISIONS[name].basis:
        found += statements(each.name) if isinstance(each, SameAs) else (each,)
    return tuple(found)


@cache
def least_reliable(name: str) -> Basis:
    """Return the least reliable statement of a decision; the first one, if several are equally unreliable."""
    return max(statements(name), key=lambda statement: KINDS.index(statement.kind))
