"""The basis of each behaviour, as data: how we know that the real service behaves like this.

A function or class whose behaviour no document, error template or scenario settles states its basis::

    @based_on(Chosen("the real order is not documented"))
    def order(rows): ...

Where another function makes the decision, name it; its statements then count here as well::

    @based_on(SameAs("code:World.read"), Inferred("both operations show the same rows"))
    def get_dataset(call, world): ...

Where a fact in specs/evidence is the reason, name the fact::

    @based_on(Evidence("seed-of-ten-digits"))
    def draw_seed(world): ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal, NamedTuple, TypeVar, get_args

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


class SameAs(NamedTuple):
    """The statements of another decision, by its name in `DECISIONS`."""

    name: str


class Evidence(NamedTuple):
    """A fact by its id, the name of its file in specs/evidence; kind and source come from there."""

    id: str

    def statement(self) -> Basis:
        """Read the fact and return it as a statement. Raises FactError if it does not exist."""
        from leomock.leonardo.evidence import fact

        found = fact(self.id)
        return _BY_MARK[found.mark](f"{found.says} ({found.source})")


_BY_MARK: dict[str, type[Basis]] = {each.kind: each for each in (Documented, Observed, Inferred)}

Stated = Basis | SameAs | Evidence


class Decision(NamedTuple):
    """The decision of one function or class: the first line of its docstring, and its statements.

    `place` is where it is defined.
    """

    summary: str
    basis: tuple[Stated, ...]
    place: str = ""


# By name: `operation:createDataset` for a handler, otherwise `code:World.read`.
DECISIONS: dict[str, Decision] = {}


def based_on(*basis: Stated, name: str = "") -> Callable[[T], T]:
    """Record the basis of the behaviour of a function or class.

    The record is kept under `name`, or under `code:` and the qualified name. Raises ValueError
    without a statement, or if the name is taken by another place. (A module may be imported again: pytest's
    `pytester` forgets what a test run in the same process has imported.)
    """

    def record(decided: T) -> T:
        key = name or f"code:{decided.__qualname__}"
        place = f"{decided.__module__}.{decided.__qualname__}"
        if not basis:
            raise ValueError(f"{key}: state at least one basis")
        if key in DECISIONS and DECISIONS[key].place != place:
            raise ValueError(f"{key}: this name is taken; rename one of the two")
        summary = (decided.__doc__ or "").strip().partition("\n")[0].rstrip()
        DECISIONS[key] = Decision(summary, basis, place)
        return decided

    return record


def require_basis(name: str) -> None:
    """Raise ValueError if a decision, or one that it names, is not recorded. Reads no facts."""
    _stated(name)


def statements(name: str) -> tuple[Basis, ...]:
    """Return the statements of a decision, replacing each `SameAs` with those of the decision it names.

    Raises ValueError if there is no such decision or fact.
    """
    return tuple(each.statement() if isinstance(each, Evidence) else each for each in _stated(name))


def _stated(name: str) -> list[Basis | Evidence]:
    if name not in DECISIONS:
        raise ValueError(f"{name}: nothing states a basis under this name")
    found: list[Basis | Evidence] = []
    for each in DECISIONS[name].basis:
        found += _stated(each.name) if isinstance(each, SameAs) else [each]
    return found


@cache
def least_reliable(name: str) -> Basis:
    """Return the least reliable statement of a decision; the first one, if several are equally unreliable."""
    return max(statements(name), key=lambda statement: KINDS.index(statement.kind))
