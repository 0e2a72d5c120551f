"""The addresses that the page asks for."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.server.page import changes
from leomock.server.page.changes import Changes
from leomock.server.page.routes import CONTENT_SECURITY_POLICY
from leomock.state.journal import Journal
from tests.fixtures import client_of, completed, generate

# All that a browser loads, compressed.
MOST_BYTES = 150_000


@pytest.fixture
def admin(fake: Fake) -> Iterator[httpx.Client]:
    with httpx.Client(transport=fake.transport, base_url=fake.url) as admin:
        yield admin


def test_page_and_its_files_come_with_a_strict_policy(admin: httpx.Client) -> None:
    page = admin.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    script = admin.get("/_leomock/page/app.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["x-content-type-options"] == "nosniff"


def test_page_weighs_little() -> None:
    folder = files("leomock.server.page").joinpath("static")
    weights = [
        len(gzip.compress(file.read_bytes())) for file in folder.iterdir() if file.name != "LICENSES.txt"
    ]
    assert sum(weights) < MOST_BYTES


def test_page_is_not_given_to_an_unknown_name(admin: httpx.Client) -> None:
    assert admin.get("/", headers={"host": "evil.example"}).status_code == 403


def test_page_can_be_turned_off() -> None:
    fake = Fake(ui=False)
    with httpx.Client(transport=fake.transport, base_url=fake.url) as admin:
        assert admin.get("/").status_code == 404
        assert admin.get("/_leomock/page/app.js").status_code == 404
        assert admin.get("/_leomock/health").status_code == 200
    fake.close()


def test_tenants_are_listed_with_shortened_keys(
    fake: Fake, client: httpx.Client, admin: httpx.Client
) -> None:
    generate(client)
    [tenant] = admin.get("/_leomock/tenants").json()["tenants"]
    assert tenant["id"] == fake.user_id
    assert tenant["key"] == f"{fake.api_key[:4]}…"
    assert (tenant["calls"], tenant["generations"], tenant["pending"]) == (1, 1, 1)


def test_gallery_shows_what_was_made(client: httpx.Client, admin: httpx.Client) -> None:
    done = completed(client, width=512, height=768, num_images=2)
    [row] = admin.get("/_leomock/gallery").json()["generations"]
    assert (row["id"], row["status"], row["width"], row["height"]) == (done["id"], "COMPLETE", 512, 768)
    assert [file["type"] for file in row["files"]] == ["image/jpeg", "image/jpeg"]
    small = admin.get("/_leomock/thumbnail", params={"key": row["files"][0]["key"]})
    assert small.headers["content-type"] == "image/jpeg"
    assert len(small.content) < 20_000


def test_gallery_of_another_tenant_is_empty(fake: Fake, client: httpx.Client, admin: httpx.Client) -> None:
    completed(client)
    other = fake.tenant("another")
    found = admin.get("/_leomock/gallery", headers={"x-leomock-tenant": other.user_id}).json()
    assert found == {"generations": [], "uploads": []}


def test_unknown_tenant_is_refused(admin: httpx.Client) -> None:
    answer = admin.get("/_leomock/gallery", headers={"x-leomock-tenant": "nobody"})
    assert answer.status_code == 404
    assert answer.json()["error"] == (
        'leomock: no tenant has the user id "nobody"; GET /_leomock/tenants lists them'
    )


def test_thumbnail_of_nothing(admin: httpx.Client, fake: Fake) -> None:
    assert fake.world
    answer = admin.get("/_leomock/thumbnail", params={"key": "users/x/y.jpg"})
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "leomock: no picture is stored under this key"},
    )


def test_one_call_can_be_read_by_its_number(fake: Fake, client: httpx.Client, admin: httpx.Client) -> None:
    generate(client)
    client.get("/me")
    of_tenant = {"x-leomock-tenant": fake.user_id}
    assert admin.get("/_leomock/requests/2", headers=of_tenant).json()["operation"] == "getUserSelf"
    missing = admin.get("/_leomock/requests/9", headers=of_tenant)
    assert missing.status_code == 404
    assert missing.json()["error"] == 'leomock: the journal has no call "9"; it may have been forgotten'


def test_job_can_be_made_to_fail(fake: Fake, client: httpx.Client, admin: httpx.Client) -> None:
    id = generate(client)
    of_tenant = {"x-leomock-tenant": fake.user_id}
    admin.post(f"/_leomock/jobs/{id}/finish", headers=of_tenant, json={"status": "FAILED"}).raise_for_status()
    assert client.get(f"/generations/{id}").json()["generations_by_pk"]["status"] == "FAILED"


def test_job_cannot_end_otherwise(fake: Fake, client: httpx.Client, admin: httpx.Client) -> None:
    id = generate(client)
    of_tenant = {"x-leomock-tenant": fake.user_id}
    answer = admin.post(f"/_leomock/jobs/{id}/finish", headers=of_tenant, json={"status": "DONE"})
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        'leomock: status="DONE": use COMPLETE or FAILED',
    )


def test_credits_can_be_set(fake: Fake, client: httpx.Client, admin: httpx.Client) -> None:
    of_tenant = {"x-leomock-tenant": fake.user_id}
    assert admin.put("/_leomock/account", headers=of_tenant, json={"credits": 7}).json() == {"credits": 7}
    refused = client.post("/generations", json={"prompt": "a"})
    assert refused.json()["error"].startswith("not enough api tokens")
    wrong = admin.put("/_leomock/account", headers=of_tenant, json={"credits": -1})
    assert wrong.json()["error"] == "leomock: credits=-1: use a whole number from 0 to 2147483647"


# --- what is new ----------------------------------------------------------------------------------------


def calls_of(events: list[tuple[str, Any]]) -> tuple[list[int], int]:
    found = dict(events).get("calls", {"calls": [], "skipped": 0})
    return [call["number"] for call in found["calls"]], found["skipped"]


def test_changes_tell_each_call_once(fake: Fake, client: httpx.Client) -> None:
    seen = Changes()
    generate(client)
    events = list(seen.look([fake.world], None))
    assert calls_of(events) == ([1], 0)
    assert dict(events)["changed"] == {"tenants": [fake.user_id]}
    assert list(seen.look([fake.world], None)) == []
    client.get("/me")
    assert calls_of(list(seen.look([fake.world], None))) == ([2], 0)


def test_changes_go_on_after_a_reset(fake: Fake, client: httpx.Client) -> None:
    seen = Changes()
    client.get("/me")
    client.get("/me")
    list(seen.look([fake.world], None))
    fake.reset()
    client.get("/me")
    assert calls_of(list(seen.look([fake.world], None))) == ([1], 0)


def test_changes_say_how_many_calls_they_skip(
    fake: Fake, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_CALLS", 3)
    seen = Changes()
    client.get("/me")
    list(seen.look([fake.world], None))
    for _ in range(5):
        client.get("/me")
    assert calls_of(list(seen.look([fake.world], None))) == ([4, 5, 6], 2)


def test_changes_tell_calls_without_a_key(fake: Fake) -> None:
    seen = Changes()
    with client_of(fake) as client:
        client.get("/me", headers={"authorization": ""})
    journal: Journal = fake.api.worlds.unauthenticated_journal
    [(name, data)] = [each for each in seen.look([], journal) if each[0] == "calls"]
    assert (name, data["calls"][0]["tenant"], data["calls"][0]["status"]) == ("calls", "", 401)
