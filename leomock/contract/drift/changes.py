"""Find what changed between two sets of OpenAPI and AsyncAPI documents.

The comparison follows what a document means for its operations and events, not how it is written: references
are resolved on both sides, `allOf` is merged, key order is ignored, and unreferenced components do not count.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from leomock.contract.drift.events import event_changes
from leomock.contract.drift.flat import Flat
from leomock.contract.drift.nodes import Document, Equality, Node, frozen, plain
from leomock.contract.drift.notes import Change, Notes, as_date, told, unstable
from leomock.contract.drift.operations import Key, Operation, operations, ways_in
from leomock.contract.drift.rules import RULES
from leomock.contract.drift.schemas import Direction, Schemas
from leomock.openapi.documents import SpecError

_DEEPEST = 20_000


def changes(
    old: Sequence[Document], new: Sequence[Document], *, prose: bool = False, today: date | None = None
) -> list[Change]:
    """Return every change: first changes to what the old documents contain, then additions.

    With `prose`, changed descriptions and summaries count. `today` decides whether a sunset date has passed.
    Raises `SpecError` for documents that cannot be understood.
    """
    with _deep_recursion():
        try:
            return _changes(old, new, prose, today or date.today())
        except RecursionError:
            raise SpecError("the documents are nested too deeply") from None


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Raise the recursion limit: references in large documents lead through thousands of schemas."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _changes(old: Sequence[Document], new: Sequence[Document], prose: bool, today: date) -> list[Change]:
    equality = Equality(prose=prose)
    before, after = operations(old), operations(new)
    moved = _moved(before, after)
    found: list[Change] = []
    for key, operation in before.items():
        there = after.get(key) or moved.get(operation.id)
        if there is None:
            found.append(_removed(operation, today))
            continue
        found += _Comparison(operation, there, equality, prose=prose).run()
    others = {id(operation) for operation in moved.values()}
    found += [
        _whole("operation-added", operation, None, address(operation))
        for key, operation in after.items()
        if key not in before and id(operation) not in others
    ]
    found += event_changes(old, new, equality, prose=prose)
    found += _document_changes(old, new)
    return found


def _removed(operation: Operation, today: date) -> Change:
    sunset = as_date(operation.entry.look("x-sunset"))
    over = sunset is not None and sunset <= today
    rule = "operation-removed-after-sunset" if over else "operation-removed"
    return _whole(rule, operation, address(operation), None)


def _moved(before: dict[Key, Operation], after: dict[Key, Operation]) -> dict[str, Operation]:
    """Match new operations with old ones that had a different address, by their ids."""
    gone = {operation.id for key, operation in before.items() if key not in after}
    return {
        operation.id: operation
        for key, operation in after.items()
        if key not in before and operation.id in gone
    }


def _whole(rule: str, operation: Operation, old: str | None, new: str | None) -> Change:
    place = operation.entry
    return Change(
        RULES[rule],
        *(operation.id, "", place.pointer, place.source, "operation", old, new),
        unstable(operation.entry),
        place.document,
    )


def address(operation: Operation) -> str:
    """Return the operation's method and path."""
    return f"{operation.method} {operation.path}"


def _document_changes(old: Sequence[Document], new: Sequence[Document]) -> Iterator[Change]:
    """Yield what changed in the documents on both sides, apart from their operations."""
    olds = {document.title: document for document in old}
    for document in new:
        if document.title not in olds:
            continue
        before, after = Node(olds[document.title]), Node(document)
        was, now = before.look("info", "version"), after.look("info", "version")
        if was != now:
            yield Change(
                RULES["version-changed"],
                *(document.title, "", "/info/version", document.source, "version"),
                *(told(was), told(now)),
                document=document,
            )


class _Comparison(Notes):
    """A comparison of one operation; it uses the old operation id, which this project knows."""

    def __init__(self, old: Operation, new: Operation, equality: Equality, *, prose: bool) -> None:
        super().__init__(old.id, equality, prose=prose, unstable=unstable(old.entry))
        self.old = old
        self.new = new

    def run(self) -> list[Change]:
        """Return what changed in the operation."""
        if self.old.key != self.new.key:
            self.tell("operation-moved", self.new.entry, "", "path", address(self.old), address(self.new))
        elif self.old.id != self.new.id:
            self.tell("operation-renamed", self.new.entry, "", "operationId", self.old.id, self.new.id)
        if self.old.variables != self.new.variables:
            self.tell("path-parameter-renamed", self.new.entry, "", "path", self.old.path, self.new.path)
        self.words(self.old.entry, self.new.entry, "")
        self.lifecycle(self.old.entry.look, self.new.entry.look, self.new.entry, "")
        self.stability(self.old.entry, self.new.entry)
        self.sets("tags-changed", self.old.entry, self.new.entry, "tags")
        self.servers()
        self.security()
        self.parameters()
        self.body()
        self.responses()
        for word, rule in (("callbacks", "other-changed"), ("links", "link-changed")):
            self.differs(rule, self.old.entry, self.new.entry, "", word)
        return self.found

    # --- around the call ---

    def servers(self) -> None:
        """Compare server URLs; trailing slashes and order do not matter, descriptions are prose."""
        was, now = self.old.inherited("servers"), self.new.inherited("servers")
        if _servers(was) != _servers(now):
            self.tell(
                "servers-changed",
                now or self.new.entry,
                "",
                "servers",
                [server.text("url") for server in was.elements] if was else None,
                [server.text("url") for server in now.elements] if now else None,
            )

    def security(self) -> None:
        """Compare the ways to authenticate by what their schemes mean; scheme names do not matter.

        Removing a way affects nobody if a remaining one requires no more than it did.
        """
        was, now = ways_in(self.old), ways_in(self.new)
        for way in now:
            if all(way.needs != other.needs for other in was):
                self.tell("security-added", way.node, "", "security", None, json.loads(way.text))
        for way in was:
            if not any(other.opens(way) for other in now):
                holder = self.new.inherited("security") or self.new.entry
                self.tell("security-removed", holder, "", "security", json.loads(way.text), None)

    def parameters(self) -> None:
        """Compare path, query and header parameters."""
        olds, news = self.old.parameters(), self.new.parameters()
        for key, old in olds.items():
            place = f"{old.text('in')} {old.text('name')}"
            new = news.get(key)
            if new is None:
                self.tell("parameter-removed", old, place, "parameter", old.text("name"))
                continue
            if (old.look("required") is True) != (is_now := new.look("required") is True):
                how = "required" if is_now else "optional"
                self.tell(f"parameter-{how}", new, place, "required", not is_now, is_now)
            for word in ("style", "explode", "allowReserved", "allowEmptyValue"):
                self.differs("parameter-style-changed", old, new, place, word)
            self.lifecycle(old.look, new.look, new, place)
            self.words(old, new, place)
            was, now = old.get("schema"), new.get("schema")
            if was and now:
                required = new.look("required") is True
                Schemas(self, "request").compare(was, now, place, required=required)
            else:
                self.differs("other-changed", old, new, place, "schema")
            self.differs("other-changed", old, new, place, "content")
        for key, new in news.items():
            if key not in olds:
                how = "required" if new.look("required") is True else "optional"
                place = f"{new.text('in')} {new.text('name')}"
                self.tell(f"parameter-added-{how}", new, place, "parameter", None, new.text("name"))

    def body(self) -> None:
        """Compare request bodies."""
        old, new = self.old.entry.get("requestBody"), self.new.entry.get("requestBody")
        if old is None and new is not None:
            how = "required" if new.look("required") is True else "optional"
            self.tell(f"request-body-added-{how}", new, "body", "body", None, _fields(new))
        elif old is not None and new is None:
            self.tell("request-body-removed", old, "body", "body", _fields(old), None)
        elif old is not None and new is not None:
            was, now = old.look("required") is True, new.look("required") is True
            if was != now:
                rule = "request-body-required" if now else "request-body-optional"
                self.tell(rule, new, "body", "required", was, now)
            self.words(old, new, "body")
            self.media(old, new, "request", "body")

    def responses(self) -> None:
        """Compare responses."""
        olds, news = self.old.entry.below("responses"), self.new.entry.below("responses")
        for status, old in olds.items():
            if status not in news:
                kind = "success" if _is_success(status) else "error"
                self.tell(f"response-{kind}-removed", old, "", "response", status)
        for status, new in news.items():
            place = f"response {status}"
            if status not in olds:
                kind = "success" if _is_success(status) else "error"
                self.tell(f"response-{kind}-added", new, "", "response", None, status)
                continue
            old = olds[status]
            self.words(old, new, place)
            self.media(old, new, "response", place)
            self.headers(old, new, place)
            self.differs("link-changed", old, new, place, "links")

    def media(self, old: Node, new: Node, direction: Direction, place: str) -> None:
        """Compare the media types of a body, and their contents."""
        olds, news = _media(old), _media(new)
        for name, node in olds.items():
            if name not in news:
                self.tell(f"{direction}-media-removed", node, place, "media", name)
        for name, node in news.items():
            if name not in olds:
                self.tell(f"{direction}-media-added", node, place, "media", None, name)
                continue
            self.words(olds[name], node, place)
            self.schemas(direction, olds[name], node, place)
            self.differs(f"{direction}-keyword-changed", olds[name], node, place, "encoding")

    def schemas(self, direction: Direction, old: Node, new: Node, place: str) -> None:
        """Compare the schemas under `schema` that both sides have."""
        was, now = old.get("schema"), new.get("schema")
        if was and now:
            Schemas(self, direction).compare(was, now, place)
        else:
            self.differs(f"{direction}-keyword-changed", old, new, place, "schema")

    def headers(self, old: Node, new: Node, place: str) -> None:
        """Compare response headers; their names are case-insensitive."""
        olds = {name.lower(): node for name, node in old.below("headers").items()}
        news = {name.lower(): node for name, node in new.below("headers").items()}
        for name, node in olds.items():
            if name not in news:
                self.tell("response-header-removed", node, place, "header", name)
        for name, node in news.items():
            if name not in olds:
                self.tell("response-header-added", node, place, "header", None, name)
                continue
            was, now = olds[name].look("required") is True, node.look("required") is True
            there = f"{place} header {name}"
            if was != now:
                how = "required" if now else "optional"
                self.tell(f"response-header-{how}", node, there, "required", was, now)
            self.lifecycle(olds[name].look, node.look, node, there)
            self.schemas("response", olds[name], node, there)
            self.differs("response-keyword-changed", olds[name], node, there, "content")


def _servers(servers: Node | None) -> list[str]:
    found = []
    for server in servers.elements if servers else ():
        meant = json.loads(plain(server))
        found.append(frozen(meant | {"url": server.text("url").rstrip("/")}))
    return sorted(found)


def _media(holder: Node) -> dict[str, Node]:
    return {name.split(";")[0].strip().lower(): node for name, node in holder.below("content").items()}


def _fields(body: Node) -> list[str]:
    """Return the names of a body's fields, for messages."""
    schemas = [schema for node in _media(body).values() if (schema := node.get("schema"))]
    return list(dict.fromkeys(name for schema in schemas for name in Flat(schema).fields))


def _is_success(status: str) -> bool:
    return status.startswith("2") or status == "default"
