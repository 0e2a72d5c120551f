"""The operations of a set of documents, with everything they inherit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from leomock.contract.drift.nodes import Document, Node, plain
from leomock.openapi.documents import METHODS

Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a set of documents; `item` is the path item that contains it."""

    method: str
    path: str
    document: Document
    item: Node
    entry: Node

    @property
    def id(self) -> str:
        """Return the operationId, or the method and path if it is missing."""
        id = self.entry.value.get("operationId")
        return id if isinstance(id, str) else f"{self.method} {self.path}"

    @property
    def key(self) -> Key:
        """Return version, method and path; callers do not see the names of path variables."""
        return self.document.version, self.method, re.sub(r"{[^}]*}", "{}", self.path)

    def inherited(self, key: str) -> Node | None:
        """Return the operation's value for a key, or that of its path item or document."""
        for holder in (self.entry, self.item, self.entry.root):
            if (found := holder.get(key)) is not None:
                return found
        return None

    @property
    def variables(self) -> list[str]:
        """Return the names of the path variables, in order."""
        return re.findall(r"{([^}]*)}", self.path)

    def parameters(self) -> dict[Key, Node]:
        """Return the parameters by location and name, including those of the path item.

        A path parameter is identified by its number in the path, because its name is not part of the address.
        """
        found: dict[Key, Node] = {}
        for holder in (self.item, self.entry):
            for node in holder.listed("parameters"):
                place, name = node.text("in"), node.text("name")
                if place == "path" and name in self.variables:
                    name = f"#{self.variables.index(name)}"
                found[place, name.lower() if place == "header" else name] = node
        return found


def operations(documents: Iterable[Document]) -> dict[Key, Operation]:
    """Return all operations by key."""
    found: dict[Key, Operation] = {}
    for document in documents:
        root = Node(document)
        paths = root.get("paths")
        for path, item in (paths.children if paths else {}).items():
            for method, entry in item.children.items():
                if method not in METHODS:
                    continue
                entry.children  # noqa: B018 - an entry is an object; otherwise this raises an error that names the place
                operation = Operation(method.upper(), path, document, item, entry)
                if other := found.get(operation.key):
                    raise entry.error(f"the operation is already in {other.entry.source}")
                found[operation.key] = operation
    return found


@dataclass(frozen=True, slots=True)
class Way:
    """One alternative of `security`: the schemes it requires, by what they mean, each with its scopes."""

    node: Node
    needs: tuple[tuple[str, frozenset[str]], ...]

    @property
    def text(self) -> str:
        """Return the alternative as JSON, with the meaning of its schemes."""
        return json.dumps([[json.loads(scheme), sorted(scopes)] for scheme, scopes in self.needs] or {})

    def opens(self, other: Way) -> bool:
        """Return True if credentials for the other alternative also satisfy this one."""
        given = dict(other.needs)
        return all(scheme in given and scopes <= given[scheme] for scheme, scopes in self.needs)


def ways_in(operation: Operation) -> list[Way]:
    """Return the alternatives of `security`; without any, a call needs no credentials."""
    security = operation.inherited("security")
    if security is None or not security.value:
        return [Way(security or operation.entry, ())]
    schemes = {}
    if components := operation.entry.root.get("components"):
        schemes = components.below("securitySchemes")
    found = []
    for way in security.elements:
        needs = []
        for name in way.children:
            if name not in schemes:
                raise way.error(f"no security scheme is called {name}")
            needs.append((plain(schemes[name]), frozenset(way.names(name))))
        found.append(Way(way, tuple(sorted(needs, key=lambda need: need[0]))))
    return found
