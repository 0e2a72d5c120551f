"""Changes of what the service sends by itself, and of how long an operation lasts."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leomock.contract.drift.changes import changes
from leomock.contract.drift.nodes import Document
from leomock.contract.drift.sources import read
from leomock.openapi.documents import specs_folder

BODY = {
    "content": {"application/json": {"schema": {"type": "object", "properties": {"id": {"type": "string"}}}}}
}
HOOK = {"post": {"operationId": "jobDone", "requestBody": BODY, "responses": {"200": {"description": ""}}}}


def webhooks(**hooks: Any) -> list[Document]:
    return [Document("Hooks", "hooks.json", {"openapi": "3.1.0", "webhooks": hooks})]


def asyncapi() -> Document:
    return read(str(specs_folder() / "webhooks.asyncapi.json"))[0]


def found(old: list[Document], new: list[Document], today: date = date(2026, 1, 1)) -> list[tuple[str, str]]:
    return [(change.rule.id, change.client) for change in changes(old, new, today=today)]


def test_webhook_is_read_by_clients() -> None:
    """Its body follows the rules of responses: another field is not a harm, one that is gone is."""
    more: Any = copy.deepcopy(HOOK)
    schema = more["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"]["mood"] = {"type": "string"}
    assert found(webhooks(done=HOOK), webhooks(done=more)) == [("response-field-added", "compatible")]
    assert found(webhooks(done=more), webhooks(done=HOOK)) == [("response-field-removed", "breaking")]


def test_webhook_comes_or_goes() -> None:
    """It is an event that clients may wait for."""
    assert found(webhooks(), webhooks(done=HOOK)) == [("event-added", "compatible")]
    assert found(webhooks(done=HOOK), webhooks()) == [("event-removed", "breaking")]


def test_asyncapi_document_is_compared() -> None:
    """A field of the documented webhook body that is gone."""
    old, new = asyncapi(), asyncapi()
    schemas = new.content["components"]["schemas"]
    del schemas["ImageGenerationCompleteEnvelope"]["properties"]["timestamp"]
    (change,) = changes([old], [new])
    assert (change.rule.id, change.operation, change.place) == (
        "response-field-removed",
        "ImageGenerationComplete",
        "body.timestamp",
    )


def test_asyncapi_3_is_compared() -> None:
    """Messages stand below a channel there."""

    def documents(kind: str) -> list[Document]:
        message = {"payload": {"type": "object", "properties": {"id": {"type": kind}}}}
        content = {"asyncapi": "3.0.0", "channels": {"hook": {"messages": {"done": message}}}}
        return [Document("Events", "events.json", content)]

    assert changes(documents("string"), documents("string")) == []
    (change,) = changes(documents("string"), documents("integer"))
    assert (change.rule.id, change.operation, change.place) == ("response-type-changed", "done", "body.id")


def test_folder_has_its_asyncapi_document(tmp_path: Path) -> None:
    """It is read with the others."""
    (tmp_path / "hooks.json").write_text(json.dumps(asyncapi().content), "utf-8")
    assert [document.title for document in read(str(tmp_path))] == ["Leonardo.AI Webhook Callbacks"]


def api(**entry: Any) -> list[Document]:
    content = {"openapi": "3.0.0", "paths": {"/me": {"get": {"operationId": "me", "responses": {}, **entry}}}}
    return [Document("Api", "api.json", content)]


@pytest.mark.parametrize(
    ("old", "new", "rule", "client"),
    [
        ("2031-01-01", "2030-06-01", "sunset-earlier", "breaking"),
        ("2030-06-01", "2031-01-01T00:00:00Z", "sunset-later", "compatible"),
        (None, "2031-01-01", "sunset-added", "compatible"),
        ("2031-01-01", None, "sunset-removed", "compatible"),
    ],
)
def test_sunset_date_moves(old: str | None, new: str | None, rule: str, client: str) -> None:
    """Less time than announced hurts clients."""
    was, now = (api(**({"x-sunset": day} if day else {})) for day in (old, new))
    assert found(was, now) == [(rule, client)]


def test_operation_is_gone_after_its_sunset() -> None:
    """Its end was announced; before that day its removal breaks clients."""
    none = [Document("Api", "api.json", {"openapi": "3.0.0", "paths": {}})]
    old = api(deprecated=True, **{"x-sunset": "2026-06-01"})
    assert found(old, none, date(2026, 6, 1)) == [("operation-removed-after-sunset", "compatible")]
    assert found(old, none, date(2026, 5, 31)) == [("operation-removed", "breaking")]


def test_unstable_operation_may_break() -> None:
    """What is marked as draft or alpha was announced to change; beta was not."""
    none = [Document("Api", "api.json", {"openapi": "3.0.0", "paths": {}})]
    for level, client in (("draft", "compatible"), ("alpha", "compatible"), ("beta", "breaking")):
        old = api(**{"x-stability-level": level})
        (change,) = changes(old, none)
        assert (change.rule.id, change.client) == ("operation-removed", client)
    (change,) = changes(api(**{"x-stability-level": "alpha"}), none)
    assert change.to_client == "the operation is marked as alpha, so it may change"
