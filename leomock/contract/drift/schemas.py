"""Compare schemas: which values one of them accepts and the other does not."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from leomock.contract.drift.flat import LOWEST, Flat, with_integer
from leomock.contract.drift.nodes import PROSE, Node, frozen, pointer
from leomock.contract.drift.notes import LIFECYCLE, Notes, Recorder

Direction: TypeAlias = Literal["request", "response"]

_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LIMITS = (*LOWEST, *_HIGHEST, "multipleOf")
_TEXTS = ("pattern", "format")
_VARIANTS = ("oneOf", "anyOf")
# A value of the format on the left is also one of the formats on the right (OpenAPI format registry).
_WIDER = {"float": {"double"}, "int32": {"int64"}, "int8": {"int16", "int32", "int64"}}
_WIDER |= {"int16": {"int32", "int64"}, "uint8": {"uint16", "uint32", "uint64", "int16", "int32", "int64"}}
# Keywords that `Schemas.compare` handles by name, and those that hold prose.
_KNOWN = {
    *(*_LIMITS, *_TEXTS, *_VARIANTS, *PROSE, "type", "nullable", "enum", "const", "default", "properties"),
    *("required", "items", "additionalProperties", "allOf", "title", "deprecated", "example", "examples"),
    *("readOnly", "writeOnly", "discriminator"),
}


_Nodes: TypeAlias = tuple[Node, ...]


class Schemas:
    """A comparison of the schemas that one operation uses in one direction.

    Differences between two schemas themselves are found once for all operations. An operation lists a
    schema's changes at the first place that uses it. Schemas without further changed schemas below them, such
    as enums, are listed at every place.
    """

    def __init__(self, on: Notes, direction: Direction) -> None:
        self._on = on
        self._direction = direction

    def compare(self, old: Node, new: Node, place: str, *, required: bool = False) -> None:
        """Record what changed in a schema; `required` says whether the value is required."""
        if self._on.same(old, new):
            return
        seen: set[tuple[int, ...]] = set()
        waiting = deque([(place, _Below("", (old,), (new,), required))])
        # Search breadth first: list a schema that is used in several places at the shortest path.
        while waiting:
            place, pair = waiting.popleft()
            if pair.key in seen:
                continue
            local = self._local(pair)
            if local.children:
                seen.add(pair.key)
            for rule, node, below, fact, was, now, at in local.on.told:
                self._on.tell(rule, node, place + below, fact, was, now, at)
            waiting += [(place + child.place, child) for child in local.children if child.key not in seen]

    def _local(self, pair: _Below) -> _Pair:
        known = self._on.equality.pairs
        key = (self._direction, pair.required, self._on.prose, pair.key)
        if key not in known:
            known[key] = self._differences(pair)
        found: _Pair = known[key]
        return found

    def _differences(self, pair: _Below) -> _Pair:
        found = _Pair(Recorder(self._on.equality, prose=self._on.prose), self._direction)
        found.run(Flat(*pair.old), Flat(*pair.new), pair.required)
        return found


class _Below:
    """A pair of schemas (each with all parts that apply) and its place; `key` identifies the pair."""

    __slots__ = ("key", "new", "old", "place", "required")

    def __init__(self, place: str, old: _Nodes, new: _Nodes, required: bool) -> None:
        self.place = place
        self.old = old
        self.new = new
        self.required = required
        self.key = (*(id(node.value) for node in old), 0, *(id(node.value) for node in new))


@dataclass(frozen=True, slots=True)
class _Pair:
    """The differences between two schemas themselves, and the pairs of schemas below them that differ.

    Places are relative to the schemas.
    """

    on: Recorder
    direction: Direction
    children: list[_Below] = field(default_factory=list)

    def tell(
        self, what: str, node: Node, place: str, fact: str, old: Any = None, new: Any = None, at: str = ""
    ) -> None:
        """Record a change for a rule that exists in both directions."""
        self.on.tell(f"{self.direction}-{what}", node, place, fact, old, new, at)

    def compare(
        self, old: Iterable[Node], new: Iterable[Node], place: str, *, required: bool = False
    ) -> None:
        """Queue two schemas below this one if they differ."""
        olds, news = tuple(old), tuple(new)
        if len(olds) != len(news) or not all(map(self.on.same, olds, news)):
            self.children.append(_Below(place, olds, news, required))

    def run(self, was: Flat, now: Flat, required: bool) -> None:
        """Find all differences."""
        self.words(was, now, "")
        self.nullable(was, now, "")
        self.flags(was, now, "")
        if self.type(was, now, ""):
            self.enum(was, now, "")
            self.limits(was, now, "")
            self.texts(was, now, "")
            self.default(was, now, "", required)
            self.fields(was, now, "")
            self.additional(was, now, "")
            self.items(was, now, "")
            self.variants(was, now, "")
            self.rest(was, now, "")

    def flags(self, old: Flat, new: Flat, place: str) -> None:
        """Compare `readOnly` in requests, and discriminators; flags for the other direction do not matter."""
        if self.direction == "request" and old.hidden("request") != new.hidden("request"):
            is_now = new.hidden("request")
            what = "read-only" if is_now else "not-read-only"
            self.tell(what, new.at("readOnly"), place, "readOnly", not is_now, is_now)
        if not self.on.same(old.words.get("discriminator"), new.words.get("discriminator")):
            self.on.tell(
                "discriminator-changed",
                *(new.at("discriminator"), place, "discriminator"),
                *(old.value("discriminator"), new.value("discriminator")),
            )

    def words(self, old: Flat, new: Flat, place: str) -> None:
        """Compare titles, prose, examples, extensions and deprecation."""
        for word in dict.fromkeys([*old.words, *new.words]):
            rule = {
                "title": "title-changed",
                "example": "example-changed",
                "examples": "example-changed",
            }.get(word)
            if word.startswith("x-") and word not in LIFECYCLE:
                rule = "extension-changed"
            elif word in PROSE:
                rule = "prose-changed" if self.on.prose else None
            if rule and frozen(old.value(word)) != frozen(new.value(word)):
                self.on.tell(rule, new.at(word), place, word, old.value(word), new.value(word))
        self.on.lifecycle(old.value, new.value, new.node, place)

    def nullable(self, old: Flat, new: Flat, place: str) -> None:
        """Compare whether null is allowed."""
        if old.nullable != new.nullable:
            what = "nullable" if new.nullable else "not-nullable"
            at = pointer(("nullable",))
            self.tell(what, new.node, place, "nullable", old.nullable, new.nullable, at)

    def type(self, old: Flat, new: Flat, place: str) -> bool:
        """Compare the types; return True if comparing further makes sense."""
        if old.types == new.types:
            return True
        wider = new.types is None or (old.types is not None and old.types <= with_integer(new.types))
        narrower = old.types is None or (new.types is not None and new.types <= with_integer(old.types))
        what = "widened" if wider else "narrowed" if narrower else "changed"
        self.tell(f"type-{what}", new.at("type"), place, "type", old.value("type"), new.value("type"))
        return what != "changed"

    def enum(self, old: Flat, new: Flat, place: str) -> None:
        """Compare the allowed values; `nullable` handles null."""
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
        """Compare numbers and flags that limit a value."""
        for word in _LIMITS:
            was, now = old.limit(word), new.limit(word)
            if was != now:
                how = _judged(word, was, now)
                self.tell(f"limit-{how}", new.at(word), place, word, _or_none(was), _or_none(now))

    def texts(self, old: Flat, new: Flat, place: str) -> None:
        """Compare patterns and formats: a new one restricts values, a removed one no longer does."""
        for word in _TEXTS:
            olds, news = old.texts(word), new.texts(word)
            if olds == news:
                continue
            if set(olds) <= set(news):
                what = "limit-tightened"
            elif set(news) <= set(olds):
                what = "limit-loosened"
            else:
                what = _judged_format(olds, news) if word == "format" else f"{word}-changed"
            was, now = (" and ".join(texts) or "none" for texts in (olds, news))
            self.tell(what, new.at(word), place, word, was, now)

    def default(self, old: Flat, new: Flat, place: str, required: bool) -> None:
        """Compare the default values."""
        was, now = (
            frozen(flat.value("default")) if "default" in flat.words else "none" for flat in (old, new)
        )
        if was != now:
            what = "sample-changed" if required and self.direction == "request" else "default-changed"
            self.tell(what, new.at("default"), place, "default", was, now)

    def fields(self, old: Flat, new: Flat, place: str) -> None:
        """Compare the fields of an object, and which of them are required."""
        olds, news = old.visible(self.direction), new.visible(self.direction)
        was_required, is_required = old.needed(self.direction), new.needed(self.direction)
        for name, was in olds.items():
            there = f"{place}.{name}"
            if name not in news:
                gone = new.fields.get(name, was)
                self.tell("field-removed", gone, there, "field", name)
                continue
            now = news[name]
            if (name in was_required) != (name in is_required):
                is_now = name in is_required
                what = "field-required" if is_now else "field-optional"
                self.tell(what, now, there, "required", not is_now, is_now)
            self.compare(old.parts[name], new.parts[name], there, required=name in is_required)
        for name, now in news.items():
            if name not in olds:
                there = f"{place}.{name}"
                what = "field-added"
                if self.direction == "request":
                    what += "-required" if name in is_required else "-optional"
                self.tell(what, now, there, "field", None, name)
        # Fields that are required but not described.
        for name in sorted(old.required ^ new.required):
            if name not in old.fields and name not in new.fields:
                is_now = name in new.required
                what = "field-required" if is_now else "field-optional"
                self.tell(what, new.node, f"{place}.{name}", "required", not is_now, is_now)

    def additional(self, old: Flat, new: Flat, place: str) -> None:
        """Compare which unnamed fields are allowed: any, none, or those matching a schema."""
        was, now = old.additional, new.additional
        if isinstance(was, Node) and isinstance(now, Node):
            self.compare([was], [now], f"{place}.*")
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
        """Compare the items of a list."""
        was, now = old.words.get("items"), new.words.get("items")
        if was and now:
            self.compare(old.all("items"), new.all("items"), f"{place}[]")
        elif was or now:
            some = now or was
            assert some
            self.tell("keyword-changed", some, place, "items", was and was.value, now and now.value)

    def variants(self, old: Flat, new: Flat, place: str) -> None:
        """Compare alternatives: skip equal ones, match those with the same title, then match by order."""
        for word in _VARIANTS:
            if (word in old.words) != (word in new.words):
                self.tell("keyword-changed", new.at(word), place, word, old.value(word), new.value(word))
                continue
            if word not in old.words:
                continue
            was, now = old.variants(word), new.variants(word)
            was, now = self._unequal(was, now)
            for alike in (_title, lambda _: ""):
                was, now = self._paired(was, now, alike, place)
            for node in was:
                self.tell("variant-removed", node, place, word, _title(node) or node.value)
            for node in now:
                self.tell("variant-added", node, place, word, None, _title(node) or node.value)

    def _unequal(self, old: list[Node], new: list[Node]) -> tuple[list[Node], list[Node]]:
        """Return the alternatives of each side that the other side lacks."""
        left, rest = [], list(new)
        for was in old:
            now = next((node for node in rest if self.on.same(was, node)), None)
            if now is None:
                left.append(was)
            else:
                rest.remove(now)
        return left, rest

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
            self.compare([was], [now], place)
        return left, rest

    def rest(self, old: Flat, new: Flat, place: str) -> None:
        """Compare the keywords that no other method handles."""
        for word in dict.fromkeys([*old.words, *new.words]):
            if word in _KNOWN or word.startswith("x-"):
                continue
            olds, news = old.all(word), new.all(word)
            if len(olds) != len(news) or not all(map(self.on.same, olds, news)):
                self.tell("keyword-changed", new.at(word), place, word, old.value(word), new.value(word))


def _judged(word: str, old: Any, new: Any) -> str:
    """Return how a limit changed: tightened, loosened, or just changed."""
    if old is None or new is None:
        return "tightened" if old is None else "loosened"
    if not (isinstance(old, int | float) and isinstance(new, int | float)):
        return "changed"
    if word != "multipleOf":
        return "tightened" if (new > old) == (word in LOWEST) else "loosened"
    if old and new % old == 0:
        return "tightened"
    return "loosened" if new and old % new == 0 else "changed"


def _judged_format(old: list[str], new: list[str]) -> str:
    """Return the rule for differing formats: some number formats include others."""
    if len(old) == len(new) == 1:
        if new[0] in _WIDER.get(old[0], ()):
            return "limit-loosened"
        if old[0] in _WIDER.get(new[0], ()):
            return "limit-tightened"
    return "format-changed"


def _title(node: Node) -> str | None:
    title = node.value.get("title") if isinstance(node.value, dict) else None
    return title if isinstance(title, str) else None


def _loaded(values: Iterable[str] | None) -> list[Any]:
    return [json.loads(value) for value in values or ()]


def _or_none(value: Any) -> Any:
    return "none" if value is None else value
