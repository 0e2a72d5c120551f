"""A schema with its `$ref` and `allOf` merged, as the comparison looks at it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from leomock.contract.drift.nodes import Node, frozen

Direction: TypeAlias = Literal["request", "response"]

# A field with this flag is ignored in that direction.
_HIDES = {"request": "readOnly", "response": "writeOnly"}
# For some limits, higher is tighter; for others, lower is. For flags, true is tighter.
LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "uniqueItems")


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
        return max(values) if word in LOWEST else min(values)

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
                both = with_integer(found) & with_integer(names)
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


def with_integer(types: frozenset[str]) -> frozenset[str]:
    """Add "integer" to types with "number", since every integer is a number."""
    return types | {"integer"} if "number" in types else types
