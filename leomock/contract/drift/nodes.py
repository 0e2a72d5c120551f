"""Values in an API document, their location, and whether two of them mean the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from leomock.openapi.documents import COMPONENTS, Json, SpecError
from leomock.openapi.spec import version_of

# Texts for people; clients and servers ignore them.
PROSE = ("description", "summary", "externalDocs")
_TOO_DEEP = 200


@dataclass(frozen=True, slots=True)
class Document:
    """One OpenAPI or AsyncAPI document.

    `source` is the file, URL or git revision that it was read from; `components` is the source of its
    components if they are in another file. A document with `x-published: false` in its info is not
    `published`. `texts` holds the text of each source, to find line numbers.
    """

    title: str
    source: str
    content: Json
    components: str = ""
    published: bool = True
    texts: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def version(self) -> str:
        """Return the API version that the first server URL names; `v1` if it names none."""
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
        """Return the child node at `key`."""
        return Node(self.document, (*self.way, key), value, self._shared)

    @property
    def root(self) -> Node:
        """Return the node of the whole document."""
        return self._shared.setdefault((), Node(self.document, (), None, self._shared))

    @property
    def pointer(self) -> str:
        """Return the JSON pointer of the value."""
        return pointer(self.way)

    @property
    def source(self) -> str:
        """Return the file or URL that contains the value."""
        apart = self.document.components if self.way[:1] == ("components",) else ""
        return apart or self.document.source

    def error(self, what: str) -> SpecError:
        """Return an error that names the location."""
        return SpecError(f"{self.source}#{self.pointer}: {what}")

    def get(self, key: str) -> Node | None:
        """Return the node under a key of an object, or None."""
        return self.children.get(key)

    def _resolve(self, key: str, value: Any) -> Node:
        """Return the node at `key`, or the one that its reference leads to."""
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
        way = tuple(steps(local[1:]))
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
        """Return the values of an object by key, with references followed."""
        if not isinstance(self.value, dict):
            raise self.error("not an object")
        return {key: self._resolve(key, value) for key, value in self.value.items()}

    @cached_property
    def elements(self) -> list[Node]:
        """Return the elements of a list, with references followed."""
        if not isinstance(self.value, list):
            raise self.error("not a list")
        return [self._resolve(str(number), value) for number, value in enumerate(self.value)]

    def below(self, key: str) -> dict[str, Node]:
        """Return the values of the object under a key; empty if it has no such object."""
        child = self.get(key)
        return child.children if child else {}

    def listed(self, key: str) -> list[Node]:
        """Return the elements of the list under a key; empty if it has no such list."""
        child = self.get(key)
        return child.elements if child else []

    def look(self, *keys: str) -> Any:
        """Return the value under the given keys, or None."""
        node: Node | None = self
        for key in keys:
            node = node.get(key) if node else None
        return node.value if node else None

    def text(self, key: str) -> str:
        """Return the string under a key; raise an error if it is missing."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        if not isinstance(value, str):
            raise self.error(f"has no {key}")
        return value

    def names(self, key: str) -> list[str]:
        """Return the list of strings under a key; empty if it is missing."""
        found = []
        for element in self.listed(key):
            if not isinstance(element.value, str):
                raise element.error("not a string")
            found.append(element.value)
        return found


def pointer(way: tuple[str, ...]) -> str:
    """Return the keys as a JSON pointer."""
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in way)


def frozen(value: Any) -> str:
    """Return JSON text, identical for equal values: keys sorted, 1.0 equals 1, and true does not."""
    return json.dumps(_whole(value), sort_keys=True, ensure_ascii=False)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_whole(below) for below in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Equality:
    """Compare what nodes of two documents mean: references resolved, prose left out unless requested.

    Each pair of values is compared once, however many references lead to it. A pair that contains itself
    counts as equal unless something else in it differs.
    """

    def __init__(self, *, prose: bool = False) -> None:
        self._prose = prose
        self._known: dict[tuple[int, int], bool] = {}
        self._assumed: list[tuple[int, int]] = []
        # Results for pairs of schemas, shared by all operations that use them.
        self.pairs: dict[tuple[object, ...], Any] = {}

    def same(self, old: Node | None, new: Node | None) -> bool:
        """Return True if two nodes mean the same; None stands for a missing value."""
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
                # Pairs assumed to be equal in the meantime may have relied on this one.
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
        # This is a loop instead of all(), because a generator at each level would exhaust the C stack.
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
    """Return a small value as JSON text: references resolved, prose left out, keys sorted."""
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


def steps(pointer: str) -> Iterator[str]:
    """Yield the keys of a JSON pointer."""
    for part in pointer.split("/")[1:]:
        yield part.replace("~1", "/").replace("~0", "~")
