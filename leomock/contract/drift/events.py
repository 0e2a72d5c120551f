"""Compare the events that a service sends: `webhooks` of OpenAPI 3.1 and the messages of AsyncAPI.

The service sends an event and the client's receiver reads it, so its body follows the rules for responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from leomock.contract.drift.nodes import Document, Equality, Node
from leomock.contract.drift.notes import Change, Notes, unstable
from leomock.contract.drift.rules import RULES
from leomock.contract.drift.schemas import Schemas
from leomock.openapi.documents import METHODS

_Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """One message that the service sends: its channel, its name, and the schemas of its headers and body."""

    channel: str
    name: str
    entry: Node
    body: Node | None
    headers: Node | None = None

    @property
    def id(self) -> str:
        """Return the name that findings use."""
        return self.name or self.channel


def events(documents: Sequence[Document]) -> dict[_Key, Event]:
    """Return all events by API version, channel and name."""
    found: dict[_Key, Event] = {}
    for document in documents:
        root = Node(document)
        reader = _of_asyncapi if "asyncapi" in document.content else _of_webhooks
        for event in reader(root):
            found[document.version, event.channel, event.name] = event
    return found


def _of_webhooks(root: Node) -> Iterator[Event]:
    for name, item in root.below("webhooks").items():
        for method, entry in item.children.items():
            if method not in METHODS:
                continue
            body = entry.get("requestBody")
            media = next(iter(body.below("content").values()), None) if body else None
            yield Event(f"webhook {name}", method.upper(), entry, media.get("schema") if media else None)


def _of_asyncapi(root: Node) -> Iterator[Event]:
    """Yield the messages of AsyncAPI 2 (a channel's `subscribe` or `publish`) and 3 (its `messages`)."""
    for name, channel in root.below("channels").items():
        for part in ("subscribe", "publish"):
            if (way := channel.get(part)) and (message := way.get("message")):
                for one in message.listed("oneOf") or [message]:
                    yield _message(name, one, "", _http_headers(way))
        for key, message in channel.below("messages").items():
            yield _message(name, message, key, None)


def _http_headers(way: Node) -> Node | None:
    """Return the header schema in the HTTP binding of an operation."""
    bindings = way.get("bindings")
    http = bindings.get("http") if bindings else None
    return http.get("headers") if http else None


def _message(channel: str, message: Node, key: str, headers: Node | None) -> Event:
    name = message.look("name") or message.look("messageId") or message.look("title") or key
    payload = message.get("payload")
    if payload and (schema := payload.get("schema")) and "schemaFormat" in payload.children:
        payload = schema  # a multi-format schema of AsyncAPI 3
    return Event(channel, str(name), message, payload, message.get("headers") or headers)


def event_changes(
    old: Sequence[Document], new: Sequence[Document], equality: Equality, *, prose: bool
) -> list[Change]:
    """Return every change in the events of two sets of documents."""
    before, after = events(old), events(new)
    found: list[Change] = []
    for key, event in before.items():
        if (there := after.get(key)) is None:
            found.append(_whole("event-removed", event, event.channel, None))
            continue
        notes = Notes(event.id, equality, prose=prose, unstable=unstable(event.entry))
        notes.words(event.entry, there.entry, "")
        notes.lifecycle(event.entry.look, there.entry.look, there.entry, "")
        _compare(notes, event, there)
        found += notes.found
    found += [
        _whole("event-added", event, None, event.channel) for key, event in after.items() if key not in before
    ]
    return found


def _compare(notes: Notes, old: Event, new: Event) -> None:
    for place, was, now in (("body", old.body, new.body), ("headers", old.headers, new.headers)):
        if was and now:
            Schemas(notes, "response").compare(was, now, place)
        elif was or now:
            some = now or was
            assert some
            rule = f"response-field-{'added' if now else 'removed'}"
            notes.tell(rule, some, place, "schema", was and was.value, now and now.value)


def _whole(rule: str, event: Event, old: str | None, new: str | None) -> Change:
    entry = event.entry
    return Change(
        RULES[rule],
        *(event.id, "", entry.pointer, entry.source, "event", old, new),
        unstable(entry),
        entry.document,
    )
