"""Compares schemas: what a value of the one may be, and one of the other not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from leomock.contract.drift.nodes import PROSE, Node, frozen, plain, pointer
from leomock.contract.drift.notes import Notes

Direction: TypeAlias = Literal["request", "response"]

# The higher, the tighter; and the lower, the tighter. Of those that are flags, true is tighter.
_LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "uniqueItems")
_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LIMITS = (*_LOWEST, *_HIGHEST, "multipleOf")
_TEXTS = ("pattern", "format")
_VARIANTS = ("oneOf", "anyOf")
# Keywords that `Schemas.compare` looks at by name, and those of words.
_KNOWN = {
    *(*_LIMITS, *_TEXTS, *_VARIANTS, *PROSE, "type", "nullable", "enum", "const", "default", "properties"),
    *("required", "items", "additionalProperties", "allOf", "title", "deprecated", "example", "examples"),
}


@dataclass(frozen=True, slots=True)
class Schemas:
    """Compares schemas of what goes in one direction."""

    on: Notes
    direction: Direction
    # The pairs that are being compared: one that leads back to itself has been seen.
    _pairs: list[tuple[int, int]] = field(default_factory=list)

    def tell(
        self, what: str, node: Node, place: str, fact: str, old: Any = None, new: Any = None, at: str = ""
    ) -> None:
        """Note a change of a rule that there is for both directions."""
        self.on.tell(f"{self.direction}-{what}", node, place, fact, old, new, at)

    def compare(self, old: Node, new: Node, place: str, *, required: bool = False) -> None:
        """Note what changed in a schema; `required` says whether what it describes must be given."""
        pair = (id(old.value), id(new.value))
        if pair in self._pairs:
            return
        self._pairs.append(pair)
        was, now = Flat(old), Flat(new)
        self.words(was, now, place)
        self.nullable(was, now, place)
        if self.type(was, now, place):
            self.enum(was, now, place)
            self.limits(was, now, place)
            self.texts(was, now, place)
            self.default(was, now, place, required)
            self.fields(was, now, place)
            self.additional(was, now, place)
            self.items(was, now, place)
            self.variants(was, now, place)
            self.rest(was, now, place)
        self._pairs.pop()

    def words(self, old: Flat, new: Flat, place: str) -> None:
        """Titles, prose, examples, extensions, deprecation."""
        for word in dict.fromkeys([*old.words, *new.words]):
            rule = {
                "title": "title-changed",
                "example": "example-changed",
                "examples": "example-changed",
            }.get(word)
            if word.startswith("x-"):
                rule = "extension-changed"
            elif word in PROSE:
                rule = "prose-changed" if self.on.prose else None
            if rule and frozen(old.value(word)) != frozen(new.value(word)):
                self.on.tell(rule, new.at(word), place, word, old.value(word), new.value(word))
        if (old.value("deprecated") is True) != (new.value("deprecated") is True):
            is_now = new.value("deprecated") is True
            self.on.tell("deprecated-changed", new.node, place, "deprecated", not is_now, is_now)

    def nullable(self, old: Flat, new: Flat, place: str) -> None:
        """Whether null is a value."""
        if old.nullable != new.nullable:
            what = "nullable" if new.nullable else "not-nullable"
            at = pointer(("nullable",))
            self.tell(what, new.node, place, "nullable", old.nullable, new.nullable, at)

    def type(self, old: Flat, new: Flat, place: str) -> bool:
        """The types; tells whether it makes sense to look any further."""
        if old.types == new.types:
            return True
        wider = new.types is None or (old.types is not None and old.types <= _with_integer(new.types))
        narrower = old.types is None or (new.types is not None and new.types <= _with_integer(old.types))
        what = "widened" if wider else "narrowed" if narrower else "changed"
        self.tell(f"type-{what}", new.at("type"), place, "type", old.value("type"), new.value("type"))
        return what != "changed"

    def enum(self, old: Flat, new: Flat, place: str) -> None:
        """The values that there are; whether null is one says `nullable`."""
        was, now = old.enum, new.enum
        if was is None and now is None:
            return
        gone = [value for value in was or () if now is not None and value not in now]
        come = [value for value in now or () if was is not None and value not in was]
        if was is None or gone:
            told = _loaded(gone) if gone else "any"
            self.tell("enum-narrowed", new.at("enum"), place, "enum", told, None if gone else _loaded(now))
        if now is None or come:
            told = _loaded(come) if come else "any"
            self.tell("enum-widened", new.at("enum"), place, "enum", None if come else _loaded(was), told)

    def limits(self, old: Flat, new: Flat, place: str) -> None:
        """Numbers and flags that bound a value."""
        for word in _LIMITS:
            # A flag that is false is none.
            was, now = (None if v is False else v for v in (old.value(word), new.value(word)))
            if was != now:
                how = _judged(word, was, now)
                self.tell(f"limit-{how}", new.at(word), place, word, _or_none(was), _or_none(now))

    def texts(self, old: Flat, new: Flat, place: str) -> None:
        """Patterns and formats: a new one bounds, one that is gone frees."""
        for word in _TEXTS:
            was, now = old.value(word), new.value(word)
            if was == now:
                continue
            what = (
                "limit-tightened" if was is None else "limit-loosened" if now is None else f"{word}-changed"
            )
            self.tell(what, new.at(word), place, word, _or_none(was), _or_none(now))

    def default(self, old: Flat, new: Flat, place: str, required: bool) -> None:
        """What holds where nothing is given."""
        was, now = (
            frozen(flat.value("default")) if "default" in flat.words else "none" for flat in (old, new)
        )
        if was != now:
            what = "sample-changed" if required and self.direction == "request" else "default-changed"
            self.tell(what, new.at("default"), place, "default", was, now)

    def fields(self, old: Flat, new: Flat, place: str) -> None:
        """The fields of an object, and which of them must be there."""
        for name, was in old.fields.items():
            there = f"{place}.{name}"
            if name not in new.fields:
                self.tell("field-removed", was, there, "field", name)
                continue
            now = new.fields[name]
            if (name in old.required) != (name in new.required):
                is_now = name in new.required
                what = "field-required" if is_now else "field-optional"
                self.tell(what, now, there, "required", not is_now, is_now)
            self.compare(was, now, there, required=name in new.required)
        for name, now in new.fields.items():
            if name not in old.fields:
                there = f"{place}.{name}"
                what = "field-added"
                if self.direction == "request":
                    what += "-required" if name in new.required else "-optional"
                self.tell(what, now, there, "field", None, name)
        # What must be there without being described.
        for name in sorted(old.required ^ new.required):
            if name not in old.fields and name not in new.fields:
                is_now = name in new.required
                what = "field-required" if is_now else "field-optional"
                self.tell(what, new.node, f"{place}.{name}", "required", not is_now, is_now)

    def additional(self, old: Flat, new: Flat, place: str) -> None:
        """Fields that have no name: any, none, or those of a schema."""
        was, now = old.additional, new.additional
        if isinstance(was, Node) and isinstance(now, Node):
            self.compare(was, now, f"{place}.*")
        elif isinstance(was, Node) or isinstance(now, Node):
            what = "limit-loosened" if now is True or was is False else "limit-tightened"
            self._tell_additional(what, was, now, new, place)
        elif was != now:
            self._tell_additional("limit-loosened" if now else "limit-tightened", was, now, new, place)

    def _tell_additional(self, what: str, was: Node | bool, now: Node | bool, new: Flat, place: str) -> None:
        old_told = was.value if isinstance(was, Node) else was
        new_told = now.value if isinstance(now, Node) else now
        self.tell(what, new.at("additionalProperties"), place, "additionalProperties", old_told, new_told)

    def items(self, old: Flat, new: Flat, place: str) -> None:
        """What a list holds."""
        was, now = old.words.get("items"), new.words.get("items")
        if was and now:
            self.compare(was, now, f"{place}[]")
        elif was or now:
            some = now or was
            assert some
            self.tell("keyword-changed", some, place, "items", was and was.value, now and now.value)

    def variants(self, old: Flat, new: Flat, place: str) -> None:
        """Alternatives: equal ones are no matter, then those of one title are compared, then in order."""
        for word in _VARIANTS:
            if (word in old.words) != (word in new.words):
                self.tell("keyword-changed", new.at(word), place, word, old.value(word), new.value(word))
                continue
            if word not in old.words:
                continue
            was, now = old.words[word].elements, new.words[word].elements
            for alike in (plain, _title, lambda _: ""):
                was, now = self._paired(was, now, alike, place)
            for node in was:
                self.tell("variant-removed", node, place, word, _title(node) or node.value)
            for node in now:
                self.tell("variant-added", node, place, word, None, _title(node) or node.value)

    def _paired(
        self, old: list[Node], new: list[Node], alike: Callable[[Node], str | None], place: str
    ) -> tuple[list[Node], list[Node]]:
        """Compare the alternatives that are alike; return the others."""
        left, rest = [], list(new)
        for was in old:
            now = next((n for n in rest if alike(was) is not None and alike(n) == alike(was)), None)
            if now is None:
                left.append(was)
                continue
            rest.remove(now)
            self.compare(was, now, place)
        return left, rest

    def rest(self, old: Flat, new: Flat, place: str) -> None:
        """Keywords that nothing else looks at."""
        for word in dict.fromkeys([*old.words, *new.words]):
            if word in _KNOWN or word.startswith("x-"):
                continue
            was, now = old.words.get(word), new.words.get(word)
            if (plain(was) if was else None) != (plain(now) if now else None):
                self.tell("keyword-changed", new.at(word), place, word, old.value(word), new.value(word))


class Flat:
    """Merge `allOf` into a schema as `ResponseSerializer` does: its own keywords win, then the last ones."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.words: dict[str, Node] = {}
        self.fields: dict[str, Node] = {}
        self.required: set[str] = set()
        self._lay(node)

    def _lay(self, node: Node) -> None:
        for word, child in node.children.items():
            self.words.setdefault(word, child)
        for name, child in node.below("properties").items():
            self.fields.setdefault(name, child)
        if (required := node.get("required")) is not None and isinstance(required.value, list):
            self.required |= set(node.names("required"))
        for part in reversed(node.listed("allOf")):
            self._lay(part)

    def value(self, word: str) -> Any:
        """What stands at a keyword; None if nothing does."""
        return self.words[word].value if word in self.words else None

    def at(self, word: str) -> Node:
        """The node of a keyword, or the place where it would stand."""
        return self.words.get(word) or Node(self.node.document, (*self.node.way, word))

    @property
    def types(self) -> frozenset[str] | None:
        """The types that a value may have, null left out; None: any."""
        value = self.value("type")
        if value is None:
            return None
        # What is no name of a type is kept as a text: it is another type than any that has one.
        return frozenset(map(str, value if isinstance(value, list) else [value])) - {"null"}

    @property
    def nullable(self) -> bool:
        """Whether null is a value, in the words of OpenAPI 3.0 or 3.1."""
        value = self.value("type")
        return self.value("nullable") is True or (isinstance(value, list) and "null" in value)

    @property
    def enum(self) -> dict[str, None] | None:
        """The values that there are, as JSON texts, null left out; None: any."""
        if "const" in self.words:
            return {frozen(self.value("const")): None}
        if "enum" not in self.words:
            return None
        return {frozen(node.value): None for node in self.words["enum"].elements if node.value is not None}

    @property
    def additional(self) -> Node | bool:
        """What `additionalProperties` says; fields without a name are let in unless it says otherwise."""
        node = self.words.get("additionalProperties")
        if node is None or node.value is True or node.value == {}:
            return True
        return False if node.value is False else node


def _with_integer(types: frozenset[str]) -> frozenset[str]:
    """Every integer is a number."""
    return types | {"integer"} if "number" in types else types


def _judged(word: str, old: Any, new: Any) -> str:
    """Whether a limit that is another now is tighter or looser."""
    if old is None or new is None:
        return "tightened" if old is None else "loosened"
    if not (isinstance(old, int | float) and isinstance(new, int | float)):
        return "changed"
    if word != "multipleOf":
        return "tightened" if (new > old) == (word in _LOWEST) else "loosened"
    if old and new % old == 0:
        return "tightened"
    return "loosened" if new and old % new == 0 else "changed"


def _title(node: Node) -> str | None:
    title = node.value.get("title") if isinstance(node.value, dict) else None
    return title if isinstance(title, str) else None


def _loaded(values: Iterable[str] | None) -> list[Any]:
    return [json.loads(value) for value in values or ()]


def _or_none(value: Any) -> Any:
    return "none" if value is None else value
