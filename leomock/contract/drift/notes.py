"""Collect changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

from leomock.contract.drift.lines import line_of
from leomock.contract.drift.nodes import PROSE, Document, Equality, Node, pointer
from leomock.contract.drift.rules import RULES, Class, Rule

_LONGEST_VALUE = 300


# Keywords that say how long something lasts; oasdiff and others read these extensions too.
LIFECYCLE = ("x-sunset", "x-stability-level")
# From least to most stable; an operation without a level is stable.
STABILITY = ("draft", "alpha", "beta", "stable")
_MAY_BREAK = ("draft", "alpha")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    `operation` is the id of an operation, and `place` is the location in it. `pointer` is the location in the
    document (the old one if the value was removed, else the new one), and `source` is that document. `fact`
    is the keyword or the kind of value. `old` and `new` are the values as text; None means that no value can
    be shown. `unstable` is the level of an operation that was published as draft or alpha, else empty.
    """

    rule: Rule
    operation: str
    place: str
    pointer: str
    source: str
    fact: str
    old: str | None
    new: str | None
    unstable: str = ""
    document: Document | None = field(default=None, compare=False, repr=False)

    @property
    def line(self) -> int:
        """Return the line of the place in its document, from 1."""
        return line_of(self.document, self.source, self.pointer) if self.document else 1

    @property
    def client(self) -> Class:
        """Return what the change means to clients; unstable operations were announced to change."""
        return "compatible" if self.unstable and self.rule.client == "breaking" else self.rule.client

    @property
    def to_client(self) -> str:
        """Return the reason for the class for clients."""
        if self.client != self.rule.client:
            return f"the operation is marked as {self.unstable}, so it may change"
        return self.rule.to_client

    @property
    def fake(self) -> Class:
        """Return what the change means to the fake."""
        return self.rule.fake

    def __str__(self) -> str:
        """Describe the change."""
        # The rule already states a flag's new value.
        told = [text for text in (self.old, self.new) if text is not None]
        if set(told) == {"false", "true"}:
            told = []
        return ": ".join(filter(None, [self.rule.what, " became ".join(told)]))


class Notes:
    """The changes found so far in one operation; with `prose`, changed descriptions count."""

    def __init__(self, operation: str, equality: Equality, *, prose: bool, unstable: str = "") -> None:
        self.operation = operation
        self.prose = prose
        self.found: list[Change] = []
        self.equality = equality
        self.same = equality.same
        self._unstable = unstable

    def tell(
        self, rule: str, node: Node, place: str, fact: str, old: Any = None, new: Any = None, at: str = ""
    ) -> None:
        """Record a change at a node, or at its key `at`."""
        self.found.append(
            Change(
                RULES[rule],
                *(self.operation, place, node.pointer + at, node.source, fact),
                *(told(old), told(new)),
                self._unstable,
                node.document,
            )
        )

    def differs(self, rule: str, old: Node, new: Node, place: str, key: str) -> None:
        """Record a change if the meaning of a key changed."""
        was, now = old.get(key), new.get(key)
        if not self.same(was, now):
            at = pointer((key,))
            self.tell(rule, new, place, key, was and was.value, now and now.value, at)

    def flag(self, rule: str, old: Node, new: Node, place: str, key: str) -> None:
        """Record that a flag is now true, or no longer true."""
        was, now = old.look(key) is True, new.look(key) is True
        if was != now:
            self.tell(rule, new, place, key, was, now, pointer((key,)))

    def lifecycle(self, old: Look, new: Look, node: Node, place: str) -> None:
        """Record deprecation and a moved sunset date."""
        was, now = old("deprecated") is True, new("deprecated") is True
        if was != now:
            self.tell("deprecated-changed", node, place, "deprecated", was, now, pointer(("deprecated",)))
        was, now = old("x-sunset"), new("x-sunset")
        if was != now:
            rule = f"sunset-{_moved(as_date(was), as_date(now), is_set=now is not None)}"
            self.tell(rule, node, place, "x-sunset", was, now, pointer(("x-sunset",)))

    def stability(self, old: Node, new: Node) -> None:
        """Record a changed stability level; clients of a less stable operation must expect changes."""
        was, now = (node.look("x-stability-level") for node in (old, new))
        if was != now:
            # Treat an unknown level as missing.
            levels = [STABILITY.index(x) if x in STABILITY else len(STABILITY) - 1 for x in (was, now)]
            rule = "stability-decreased" if levels[1] < levels[0] else "stability-increased"
            at = pointer(("x-stability-level",))
            self.tell(rule, new, "", "x-stability-level", was or "stable", now or "stable", at)

    def sets(self, rule: str, old: Node, new: Node, key: str) -> None:
        """Record changed names in a list whose order does not matter."""
        was, now = old.names(key), new.names(key)
        if set(was) != set(now):
            self.tell(rule, new, "", key, was, now, pointer((key,)))

    def words(self, old: Node, new: Node, place: str) -> None:
        """Record changed prose, examples and extensions."""
        for key in dict.fromkeys([*old.children, *new.children]):
            if key in ("example", "examples"):
                self.differs("example-changed", old, new, place, key)
            elif key.startswith("x-") and key not in LIFECYCLE:
                self.differs("extension-changed", old, new, place, key)
            elif key in PROSE and self.prose and old.look(key) != new.look(key):
                self.tell("prose-changed", new, place, key, old.look(key), new.look(key), pointer((key,)))


class Recorder(Notes):
    """A collector that keeps changes for several operations; places are relative."""

    def __init__(self, equality: Equality, *, prose: bool) -> None:
        super().__init__("", equality, prose=prose)
        self.told: list[tuple[str, Node, str, str, Any, Any, str]] = []

    def tell(
        self, rule: str, node: Node, place: str, fact: str, old: Any = None, new: Any = None, at: str = ""
    ) -> None:
        """Keep a change."""
        self.told.append((rule, node, place, fact, old, new, at))


Look: TypeAlias = Callable[[str], Any]


def unstable(entry: Node) -> str:
    """Return the level of an operation that may break at any time; empty if it is more stable."""
    level = entry.look("x-stability-level")
    return level if level in _MAY_BREAK else ""


def as_date(value: Any) -> date | None:
    """Return the day of an ISO 8601 date or date-time; None for other values."""
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _moved(old: date | None, new: date | None, *, is_set: bool) -> str:
    if old is None or new is None:
        return "added" if is_set else "removed"
    return "earlier" if new < old else "later"


def told(value: Any) -> str | None:
    """Format a value for people: a text unchanged, anything else as JSON, cut to one line."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
