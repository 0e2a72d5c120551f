"""Register the rules of the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from leomock.state.journal import Exchange
from leomock.verdict.evidence import Evidence


class Seen(NamedTuple):
    """The evidence of a rule: the exchanges that prove a finding, and a sentence about them."""

    exchanges: Sequence[Exchange]
    what: str


Judge: TypeAlias = Callable[[Evidence], Iterable[Seen]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A mistake in using the API, and the function that detects it."""

    name: str
    why: str
    remedy: str
    judge: Judge


RULES: dict[str, Rule] = {}


def rule(name: str, *, why: str, remedy: str) -> Callable[[Judge], Judge]:
    """Register a function as the rule of a name; findings that begin at the same exchange keep this order."""

    def register(judge: Judge) -> Judge:
        if name in RULES:
            raise ValueError(f"there are two rules {name!r}")
        RULES[name] = Rule(name, why, remedy, judge)
        return judge

    return register
