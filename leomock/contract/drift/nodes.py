"""A value within an OpenAPI document and its place; references are followed on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from leomock.openapi.documents import COMPONENTS, Json, SpecError
from leomock.openapi.spec import version_of

# What people read; no client and no server acts on it.
PROSE = ("description", "summary", "externalDocs")
_TOO_DEEP = 200


@dataclass(frozen=True, slots=True)
class Document:
    """One OpenAPI document.

    `source` is the file or address that it came from, `components` that of its components where these stand
    apart. One that is not `published` (`x-published: false` in its info) has another origin.
    """

    title: str
    source: str
    content: Json
    components: str = ""
    published: bool = True

    @property
    def version(self) -> str:
        """The version of the API that its first address names; `v1` where it names none."""
        match self.content.get("servers"):
            case [{"url": str(url)}, *_]:
                return version_of(url)
        return "v1"


class Node:
    """A value, the document that it is in, and the way to it from there; never a reference."""

    def __init__(self, document: Document, way: tuple[str, ...] = (), value: Any = None) -> None:
        self.document = document
        self.way = way
        self.value = value if way else document.content

    @property
    def pointer(self) -> str:
        """The JSON pointer of the value."""
        return pointer(self.way)

    @property
    def source(self) -> str:
        """The file or address that the value stands in."""
        apart = self.document.components if self.way[:1] == ("components",) else ""
        return apart or self.document.source

    def error(self, what: str) -> SpecError:
        """An error that says where."""
        return SpecError(f"{self.source}#{self.pointer}: {what}")

    def get(self, key: str) -> Node | None:
        """What an object has under a key, if anything."""
        return self.children.get(key)

    @cached_property
    def children(self) -> dict[str, Node]:
        """What an object holds, by its keys, references followed."""
        if not isinstance(self.value, dict):
            raise self.error("not an object")
        return {
            key: _follow(Node(self.document, (*self.way, key), value)) for key, value in self.value.items()
        }

    @cached_property
    def elements(self) -> list[Node]:
        """What a list holds, references followed."""
        if not isinstance(self.value, list):
            raise self.error("not a list")
        return [
            _follow(Node(self.document, (*self.way, str(number)), value))
            for number, value in enumerate(self.value)
        ]

    def below(self, key: str) -> dict[str, Node]:
        """What the object under a key holds; nothing if there is no such object."""
        child = self.get(key)
        return child.children if child else {}

    def listed(self, key: str) -> list[Node]:
        """The elements of the list under a key; none if there is no list."""
        child = self.get(key)
        return child.elements if child else []

    def look(self, *keys: str) -> Any:
        """The value below some keys, or None."""
        node: Node | None = self
        for key in keys:
            node = node.get(key) if node else None
        return node.value if node else None

    def text(self, key: str) -> str:
        """The string under a key; an error if there is none."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        if not isinstance(value, str):
            raise self.error(f"has no {key}")
        return value

    def names(self, key: str) -> list[str]:
        """The list of strings under a key; empty if there is none."""
        found = []
        for element in self.listed(key):
            if not isinstance(element.value, str):
                raise element.error("not a string")
            found.append(element.value)
        return found


def pointer(way: tuple[str, ...]) -> str:
    """Keys as a JSON pointer."""
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in way)


def frozen(value: Any) -> str:
    """A value as JSON text, the same for equal values: keys have one order, 1.0 is 1, and true is not."""
    return json.dumps(_whole(value), sort_keys=True, ensure_ascii=False)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_whole(below) for below in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def plain(node: Node) -> str:
    """A value as JSON text: references replaced by what they mean, prose left out, keys in one order."""
    return frozen(_plain(node, ()))


def _plain(node: Node, above: tuple[int, ...]) -> Any:
    if id(node.value) in above:
        return {"recursive": len(above) - above.index(id(node.value))}
    above = (*above, id(node.value))
    if isinstance(node.value, dict):
        # A field may be called `description`; what stands there then is no text.
        return {
            key: _plain(child, above)
            for key, child in node.children.items()
            if not (key in PROSE and isinstance(child.value, str))
        }
    if isinstance(node.value, list):
        return [_plain(element, above) for element in node.elements]
    return node.value


def _follow(node: Node) -> Node:
    """What a reference means; anything else is itself."""
    for _ in range(_TOO_DEEP):
        if not (isinstance(node.value, dict) and isinstance(node.value.get("$ref"), str)):
            return node
        reference: str = node.value["$ref"]
        if not reference.removeprefix(COMPONENTS).startswith("#/"):
            raise node.error(f"$ref {reference} leads out of the document; bundle it into one file first")
        way = tuple(_steps(reference.removeprefix(COMPONENTS)))
        value: Any = node.document.content
        for step in way:
            try:
                value = value[int(step)] if isinstance(value, list) else value[step]
            except (KeyError, IndexError, TypeError, ValueError):
                raise node.error(f"$ref {reference} points at nothing") from None
        node = Node(node.document, way, value)
    raise node.error("$ref leads back to itself")


def _steps(reference: str) -> Iterator[str]:
    for part in reference.removeprefix("#/").split("/"):
        yield part.replace("~1", "/").replace("~0", "~")
