"""Register the rules of the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from leomock.state.journal import Exchange
from leomock.verdict.evidence import Evidence


class Seen(NamedTuple):
    """What a rule saw: the exchanges that prove it, and a sentence about them."""

    exchanges: Sequence[Exchange]
    what: str


Judge: TypeAlias = Callable[[Evidence], Iterable[Seen]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to treat the API badly, and the function that sees it."""

    name: str
    why: str
    remedy: str
    judge: Judge


RULES: dict[str, Rule] = {}


def rule(name: str, *, why: str, remedy: str) -> Callable[[Judge], Judge]:
    """Let a function judge under a name; findings come in the order of these where they begin alike."""

    def register(judge: Judge) -> Judge:
        if name in RULES:
            raise ValueError(f"there are two rules {name!r}")
        RULES[name] = Rule(name, why, remedy, judge)
        return judge

    return register
