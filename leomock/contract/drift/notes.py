"""Notes what changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from leomock.contract.drift.nodes import PROSE, Node, plain, pointer
from leomock.contract.drift.rules import RULES, Rule

_LONGEST_VALUE = 300


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different.

    `operation` is the id of an operation, `place` is where in it, in words; `pointer` is where in the
    document (the new one, or the old one of what is gone) and `source` that document. `fact` is the keyword
    or the kind of thing. `old` and `new` are what there was and is, as text; None: there is nothing to say.
    """

    rule: Rule
    operation: str
    place: str
    pointer: str
    source: str
    fact: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        """What changed, in words."""
        # Of a flag the rule says already what it is now.
        told = [text for text in (self.old, self.new) if text is not None]
        if set(told) == {"false", "true"}:
            told = []
        return ": ".join(filter(None, [self.rule.what, " became ".join(told)]))


@dataclass(slots=True)
class Notes:
    """What was found about one operation so far; `prose` says whether other words count."""

    operation: str
    prose: bool
    found: list[Change] = field(default_factory=list)

    def tell(
        self, rule: str, node: Node, place: str, fact: str, old: Any = None, new: Any = None, at: str = ""
    ) -> None:
        """Note a change at a node, or at what it has under the key `at`."""
        self.found.append(
            Change(
                RULES[rule],
                *(self.operation, place, node.pointer + at, node.source, fact),
                *(told(old), told(new)),
            )
        )

    def differs(self, rule: str, old: Node, new: Node, place: str, key: str) -> None:
        """Note that a key has another meaning, if it has."""
        was, now = old.get(key), new.get(key)
        if (plain(was) if was else None) != (plain(now) if now else None):
            at = pointer((key,))
            self.tell(rule, new, place, key, was and was.value, now and now.value, at)

    def flag(self, rule: str, old: Node, new: Node, place: str, key: str) -> None:
        """Note that something is now true, or no longer."""
        was, now = old.look(key) is True, new.look(key) is True
        if was != now:
            self.tell(rule, new, place, key, was, now, pointer((key,)))

    def sets(self, rule: str, old: Node, new: Node, key: str) -> None:
        """Note that a list holds other names; they have no order."""
        was, now = old.names(key), new.names(key)
        if set(was) != set(now):
            self.tell(rule, new, "", key, was, now, pointer((key,)))

    def words(self, old: Node, new: Node, place: str) -> None:
        """Note other prose, examples and extensions."""
        for key in dict.fromkeys([*old.children, *new.children]):
            if key in ("example", "examples"):
                self.differs("example-changed", old, new, place, key)
            elif key.startswith("x-"):
                self.differs("extension-changed", old, new, place, key)
            elif key in PROSE and self.prose and old.look(key) != new.look(key):
                self.tell("prose-changed", new, place, key, old.look(key), new.look(key), pointer((key,)))


def told(value: Any) -> str | None:
    """A value for people: a text as it is, anything else as JSON, not more than a line of it."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
