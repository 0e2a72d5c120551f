"""Values in an API document, where they stand, and whether two of them mean the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from leomock.openapi.documents import COMPONENTS, Json, SpecError
from leomock.openapi.spec import version_of

# What people read; no client and no server acts on it.
PROSE = ("description", "summary", "externalDocs")
_TOO_DEEP = 200


@dataclass(frozen=True, slots=True)
class Document:
    """One OpenAPI or AsyncAPI document.

    `source` is the file, address or git revision that it was read from; `components` is that of its
    components if they stand in another file. A document with `x-published: false` in its info is not
    `published`. `texts` has the text of each source, to find line numbers in.
    """

    title: str
    source: str
    content: Json
    components: str = ""
    published: bool = True
    texts: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def version(self) -> str:
        """The version of the API that the first server URL names; `v1` if it names none."""
        match self.content.get("servers"):
            case [{"url": str(url)}, *_]:
                return version_of(url)
        return "v1"


class Node:
    """A value in a document and the path to it; references are resolved, so a node is never a reference.

    Nodes that are reached through a reference are shared, so each is expanded only once.
    """

    __slots__ = ("__dict__", "_shared", "document", "value", "way")

    def __init__(
        self,
        document: Document,
        way: tuple[str, ...] = (),
        value: Any = None,
        shared: dict[tuple[str, ...], Node] | None = None,
    ) -> None:
        self.document = document
        self.way = way
        self.value = value if way else document.content
        self._shared: dict[tuple[str, ...], Node] = {} if shared is None else shared

    def at(self, key: str, value: Any = None) -> Node:
        """The node below this one at `key`."""
        return Node(self.document, (*self.way, key), value, self._shared)

    @property
    def root(self) -> Node:
        """The whole document."""
        return self._shared.setdefault((), Node(self.document, (), None, self._shared))

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

    def _resolve(self, key: str, value: Any) -> Node:
        """The node at `key`, or the one that its reference leads to."""
        node = self.at(key, value)
        for _ in range(_TOO_DEEP):
            if not (isinstance(node.value, dict) and isinstance(node.value.get("$ref"), str)):
                return node
            node = node._target(node.value["$ref"])
        raise node.error("$ref leads back to itself")

    def _target(self, reference: str) -> Node:
        local = reference.removeprefix(COMPONENTS)
        if not local.startswith("#/"):
            raise self.error(f"$ref {reference} leads out of the document; bundle it into one file first")
        way = tuple(_steps(local))
        if (known := self._shared.get(way)) is not None:
            return known
        value: Any = self.document.content
        for step in way:
            try:
                value = value[int(step)] if isinstance(value, list) else value[step]
            except (KeyError, IndexError, TypeError, ValueError):
                raise self.error(f"$ref {reference} points at nothing") from None
        return self._shared.setdefault(way, Node(self.document, way, value, self._shared))

    @cached_property
    def children(self) -> dict[str, Node]:
        """What an object holds, by its keys, references followed."""
        if not isinstance(self.value, dict):
            raise self.error("not an object")
        return {key: self._resolve(key, value) for key, value in self.value.items()}

    @cached_property
    def elements(self) -> list[Node]:
        """What a list holds, references followed."""
        if not isinstance(self.value, list):
            raise self.error("not a list")
        return [self._resolve(str(number), value) for number, value in enumerate(self.value)]

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


class Equality:
    """Compare what nodes of two documents mean: references resolved, prose left out unless asked for.

    Each pair of values is compared once, however many references lead to it. A pair that contains itself
    counts as equal unless something else in it differs.
    """

    def __init__(self, *, prose: bool = False) -> None:
        self._prose = prose
        self._known: dict[tuple[int, int], bool] = {}
        self._assumed: list[tuple[int, int]] = []
        # What was found about pairs of schemas, for all operations that use them.
        self.pairs: dict[tuple[object, ...], Any] = {}

    def same(self, old: Node | None, new: Node | None) -> bool:
        """Tell whether two nodes mean the same; None stands for a value that is missing."""
        if old is None or new is None:
            return old is new
        was, now = old.value, new.value
        if type(was) is not type(now) or not isinstance(was, dict | list):
            return frozen(was) == frozen(now)
        pair = (id(was), id(now))
        known = self._known.get(pair)
        if known is None:
            mark = len(self._assumed)
            self._assumed.append(pair)
            self._known[pair] = True
            known = self._children(old, new) if isinstance(was, dict) else self._elements(old, new)
            if not known:
                # Pairs that were taken as equal meanwhile may have relied on this one.
                for assumed in self._assumed[mark:]:
                    if self._known[assumed]:
                        del self._known[assumed]
                self._known[pair] = False
            if not known or not mark:
                del self._assumed[mark:]
        return known

    def _elements(self, old: Node, new: Node) -> bool:
        if len(old.value) != len(new.value):
            return False
        # A loop, not all(): a generator for each level would use up the C stack.
        for was, now in zip(old.elements, new.elements, strict=True):  # noqa: SIM110
            if not self.same(was, now):
                return False
        return True

    def _children(self, old: Node, new: Node) -> bool:
        was, now = self._kept(old.children), self._kept(new.children)
        if was.keys() != now.keys():
            return False
        for key, child in was.items():  # noqa: SIM110 - see _elements
            if not self.same(child, now[key]):
                return False
        return True

    def _kept(self, children: dict[str, Node]) -> dict[str, Node]:
        if self._prose or not any(key in children for key in PROSE):
            return children
        # A field may be called `description`; then its value is a schema, not a text.
        return {
            key: child
            for key, child in children.items()
            if not (key in PROSE and (key == "externalDocs" or isinstance(child.value, str)))
        }


def plain(node: Node) -> str:
    """A small value as JSON text: references resolved, prose left out, keys sorted."""
    return frozen(_plain(node, ()))


def _plain(node: Node, above: tuple[int, ...]) -> Any:
    if id(node.value) in above:
        return {"recursive": len(above) - above.index(id(node.value))}
    above = (*above, id(node.value))
    if isinstance(node.value, dict):
        return {
            key: _plain(child, above)
            for key, child in node.children.items()
            if not (key in PROSE and isinstance(child.value, str))
        }
    if isinstance(node.value, list):
        return [_plain(element, above) for element in node.elements]
    return node.value


def _steps(reference: str) -> Iterator[str]:
    for part in reference.removeprefix("#/").split("/"):
        yield part.replace("~1", "/").replace("~0", "~")
