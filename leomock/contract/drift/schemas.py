"""Compare schemas: which values one of them accepts and the other does not."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from leomock.contract.drift.nodes import PROSE, Node, frozen, pointer
from leomock.contract.drift.notes import LIFECYCLE, Notes, Recorder

Direction: TypeAlias = Literal["request", "response"]

# Lower limits, which get tighter as they rise, and upper limits, which get tighter as they fall. A flag is
# tighter when true.
_LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "uniqueItems")
_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LIMITS = (*_LOWEST, *_HIGHEST, "multipleOf")
_TEXTS = ("pattern", "format")
_VARIANTS = ("oneOf", "anyOf")
# A value of the format on the left is also one of the formats on the right (OpenAPI format registry).
_WIDER = {"float": {"double"}, "int32": {"int64"}, "int8": {"int16", "int32", "int64"}}
_WIDER |= {"int16": {"int32", "int64"}, "uint8": {"uint16", "uint32", "uint64", "int16", "int32", "int64"}}
# A field with this flag is ignored in the direction.
_HIDES = {"request": "readOnly", "response": "writeOnly"}
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
            known[key] = _Pair(Recorder(self._on.equality, prose=self._on.prose), self._direction)
            known[key].run(Flat(*pair.old), Flat(*pair.new), pair.required)
        found: _Pair = known[key]
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
        wider = new.types is None or (old.types is not None and old.types <= _with_integer(new.types))
        narrower = old.types is None or (new.types is not None and new.types <= _with_integer(old.types))
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


class Flat:
    """One or more schemas that all apply, with their `allOf` merged in.

    `words` holds the first value of each keyword: a schema's own values come before those of its parts, and
    later parts before earlier ones, as in `ResponseSerializer`. Keywords that restrict a value apply from
    every part.
    """

    def __init__(self, *nodes: Node) -> None:
        self.node = nodes[0]
        self.words: dict[str, Node] = {}
        self.parts: dict[str, list[Node]] = {}
        self.required: set[str] = set()
        self._all: dict[str, list[Node]] = {}
        self._merge(nodes, set())

    def _merge(self, nodes: Iterable[Node], done: set[int]) -> None:
        for node in nodes:
            if id(node.value) in done:  # also handles a schema that is a part of itself
                continue
            done.add(id(node.value))
            for word, child in node.children.items():
                self.words.setdefault(word, child)
                self._all.setdefault(word, []).append(child)
            for name, child in node.below("properties").items():
                self.parts.setdefault(name, []).append(child)
            if (required := node.get("required")) is not None and isinstance(required.value, list):
                self.required |= set(node.names("required"))
            self._merge(reversed(node.listed("allOf")), done)

    @property
    def fields(self) -> dict[str, Node]:
        """Return the fields of the object, each from the first part that names it."""
        return {name: nodes[0] for name, nodes in self.parts.items()}

    def field(self, name: str) -> Flat:
        """Return a field as all parts together describe it."""
        return Flat(*self.parts[name])

    def visible(self, direction: Direction) -> dict[str, Node]:
        """Return the fields that matter in a direction: a `writeOnly` field is never in a response.

        A `readOnly` field may still be sent ("SHOULD NOT", OpenAPI 3.0.3), so it counts in requests.
        """
        if direction == "request":
            return self.fields
        return {name: node for name, node in self.fields.items() if not self.field(name).hidden(direction)}

    def needed(self, direction: Direction) -> set[str]:
        """Return the required fields; `required` does not apply to fields that the direction hides."""
        return {name for name in self.required & self.parts.keys() if not self.field(name).hidden(direction)}

    def hidden(self, direction: Direction) -> bool:
        """Return True if `readOnly` (in a request) or `writeOnly` (in a response) is set."""
        return any(node.value is True for node in self.all(_HIDES[direction]))

    def all(self, word: str) -> list[Node]:
        """Return the values of a keyword in all parts."""
        return self._all.get(word, [])

    def texts(self, word: str) -> list[str]:
        """Return the distinct texts of a keyword, sorted."""
        return sorted({str(node.value) for node in self.all(word) if node.value is not None})

    def variants(self, word: str) -> list[Node]:
        """Return the alternatives under `oneOf` or `anyOf`, of all parts."""
        return [element for node in self.all(word) for element in node.elements]

    def limit(self, word: str) -> Any:
        """Return the tightest value of a limit; None if it has no limit."""
        # A flag that is false does not limit anything.
        values: list[Any] = [
            node.value for node in self.all(word) if node.value is not None and node.value is not False
        ]
        if len(values) < 2 or not all(isinstance(value, int | float) for value in values):
            return values[0] if values else None
        if word == "multipleOf":
            return math.lcm(*values) if all(isinstance(value, int) for value in values) else values[0]
        return max(values) if word in _LOWEST else min(values)

    def value(self, word: str) -> Any:
        """Return the value of a keyword; None if it is missing."""
        return self.words[word].value if word in self.words else None

    def at(self, word: str) -> Node:
        """Return the node of a keyword, or the place where it would be."""
        return self.words.get(word) or self.node.at(word)

    @property
    def types(self) -> frozenset[str] | None:
        """Return the types that a value may have, without null; None: any."""
        found: frozenset[str] | None = None
        for node in self.all("type"):
            if node.value is None:
                continue
            # An unknown type name is kept as text, so it differs from all others.
            names = frozenset(map(str, node.value if isinstance(node.value, list) else [node.value]))
            names -= {"null"}
            if found is None:
                found = names
            else:
                both = _with_integer(found) & _with_integer(names)
                found = (both & (found | names)) or found
        return found

    @property
    def nullable(self) -> bool:
        """Return True if null is allowed, as OpenAPI 3.0 or 3.1 expresses it."""
        value = self.value("type")
        return self.value("nullable") is True or (isinstance(value, list) and "null" in value)

    @property
    def enum(self) -> dict[str, None] | None:
        """Return the allowed values as JSON texts, without null; None: any."""
        if "const" in self.words:
            return {frozen(self.value("const")): None}
        found: dict[str, None] | None = None
        for node in self.all("enum"):
            values = {frozen(each.value): None for each in node.elements if each.value is not None}
            found = values if found is None else {value: None for value in found if value in values}
        return found

    @property
    def additional(self) -> Node | bool:
        """Return the value of `additionalProperties`; unnamed fields are allowed by default."""
        node = self.words.get("additionalProperties")
        if node is None or node.value is True or node.value == {}:
            return True
        return False if node.value is False else node


def _with_integer(types: frozenset[str]) -> frozenset[str]:
    """Add "integer" to types with "number", since every integer is a number."""
    return types | {"integer"} if "number" in types else types


def _judged(word: str, old: Any, new: Any) -> str:
    """Return how a limit changed: tightened, loosened, or just changed."""
    if old is None or new is None:
        return "tightened" if old is None else "loosened"
    if not (isinstance(old, int | float) and isinstance(new, int | float)):
        return "changed"
    if word != "multipleOf":
        return "tightened" if (new > old) == (word in _LOWEST) else "loosened"
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
