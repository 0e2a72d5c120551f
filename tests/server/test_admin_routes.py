"""What a developer asks the fake itself."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from leomock import Fake, __version__
from leomock.operations.dispatch import Dispatcher
from leomock.server.admin import journal
from leomock.server.app import make_app
from leomock.state.journal import Exchange, Journal
from leomock.state.settings import SettingError
from leomock.testing.webhook_receiver import WebhookReceiver
from tests.fixtures import client_of, completed, generate
from tests.server.raw import connect


def test_health_answers(client: httpx.Client, fake: Fake) -> None:
    """Without a key."""
    del client.headers["authorization"]
    answer = client.get(f"{fake.url}/_leomock/health")
    assert answer.json() == {
        "status": "ok",
        "ready": True,
        "problems": [],
        "version": __version__,
        "operations": 61,
        "auth": "open",
    }


def test_calls_of_all_keys_are_read_while_others_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server gets to other calls between the journals of two keys."""
    monkeypatch.setattr(journal, "LONGEST_TURN", 0)
    api = Dispatcher()
    app = make_app(api)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def ask() -> int:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for number in range(50):
                await client.get("/v1/me", headers={"authorization": f"Bearer key-{number}"})
            await client.get("/_leomock/requests?limit=1")
            counting = asyncio.create_task(count_turns())
            began = turns
            answer = await client.get("/_leomock/requests?path=*me")
            passed = turns - began
            counting.cancel()
        assert len(answer.json()["requests"]) == 50
        return passed

    assert asyncio.run(ask()) >= 50


def test_calls_of_all_keys_are_read_for_one_client_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not at all for a client that has gone meanwhile."""
    monkeypatch.setattr(journal, "LONGEST_TURN", 0)
    reads = 0
    select = Journal.select

    def slowly(journal: Journal, **wanted: Any) -> list[Exchange]:
        nonlocal reads
        reads += 1
        time.sleep(0.005)
        return select(journal, **wanted)

    with Fake() as fake:
        for number in range(40):
            fake.api.worlds.of(f"key-{number}")
        all_journals = len(list(fake.api.worlds)) + 1
        monkeypatch.setattr(Journal, "select", slowly)
        ask = b"GET /_leomock/requests HTTP/1.1\r\nhost: localhost\r\n\r\n"
        with connect(fake.url) as patient:
            patient.sendall(ask)
            for _ in range(5):
                with connect(fake.url) as hasty:
                    hasty.sendall(ask)
            assert patient.recv(65536).startswith(b"HTTP/1.1 200 ")
        with connect(fake.url) as last:
            last.sendall(ask)
            assert last.recv(65536).startswith(b"HTTP/1.1 200 ")
    # Each has read one journal before it takes long.
    assert reads == 2 * all_journals + 5


def test_openapi_is_the_effective_document(client: httpx.Client, fake: Fake) -> None:
    """Ready for generators; `?published=1` without our corrections."""
    effective = client.get(f"{fake.url}/_leomock/openapi.json").json()
    published = client.get(f"{fake.url}/_leomock/openapi.json?published=1").json()
    assert effective["servers"] == [{"url": fake.base_url}]
    assert "400" in effective["paths"]["/generations"]["post"]["responses"]
    assert list(published["paths"]["/generations"]["post"]["responses"]) == ["200"]


def test_openapi_of_version_2(client: httpx.Client, fake: Fake) -> None:
    """Nothing of it is among the published documents."""
    url = f"{fake.url}/_leomock/openapi.json"
    document = client.get(f"{url}?version=v2").json()
    assert document["servers"][0]["url"] == f"{fake.url}/api/rest/v2"
    assert "/generationssync" in document["paths"]
    for query, text in (
        ("version=v2&published=1", "v2: none of its documents is among the published ones"),
        ("version=v3", 'version="v3": use v1 or v2'),
    ):
        answer = client.get(f"{url}?{query}")
        assert (answer.status_code, answer.json()) == (400, {"error": f"leomock: {text}"})


def test_bucket_tells_its_credentials(client: httpx.Client, fake: Fake) -> None:
    """So that a test can sign any policy; the key names the world."""
    told = client.get(f"{fake.url}/_leomock/bucket").json()
    assert list(told) == ["bucket", "region", "accessKeyId", "secretAccessKey", "url"]
    assert told["url"] == f"{fake.url}/s3/{told['bucket']}/"
    with client_of(fake, "another") as another:
        assert another.get(f"{fake.url}/_leomock/bucket").json()["bucket"] != told["bucket"]


def test_bucket_needs_a_key(client: httpx.Client, fake: Fake) -> None:
    """401 as the API's own."""
    del client.headers["authorization"]
    answer = client.get(f"{fake.url}/_leomock/bucket")
    assert answer.status_code == 401
    assert answer.json()["code"] == "access-denied"


@pytest.mark.parametrize("tampered", [False, True])
def test_bucket_takes_what_boto3_signs(tampered: bool) -> None:
    """A policy signed with the told credentials is accepted, a tampered one is not."""
    fake = Fake()  # boto3 signs by the machine's time
    with client_of(fake) as client:
        told = client.get(f"{fake.url}/_leomock/bucket").json()
        signer = boto3.client(
            "s3",
            region_name=told["region"],
            aws_access_key_id=told["accessKeyId"],
            aws_secret_access_key=told["secretAccessKey"],
            config=Config(signature_version="s3v4"),
        )
        form = signer.generate_presigned_post(told["bucket"], "my/key.txt", ExpiresIn=60)
        if tampered:
            form["fields"]["key"] = "my/other.txt"
        del client.headers["authorization"]
        answer = client.post(told["url"], data=form["fields"], files={"file": b"content"})
        assert answer.status_code == (403 if tampered else 204)
        assert list(fake.world.bucket.objects) == ([] if tampered else ["my/key.txt"])
    fake.close()


def test_jobs_are_listed_and_finished() -> None:
    """`--jobs manual` over HTTP."""
    fake = Fake(jobs="manual", clock="frozen")
    with client_of(fake) as client:
        id = generate(client)
        assert client.get(f"{fake.url}/_leomock/jobs").json() == {"pending": [id]}
        assert client.post(f"{fake.url}/_leomock/jobs/{id}/finish").json() == {"finished": [id]}
        again = client.post(f"{fake.url}/_leomock/jobs/{id}/finish")
        assert again.status_code == 404
        assert again.json()["error"] == (f"leomock: no pending job {id}; GET /_leomock/jobs lists them")
    fake.close()


def test_unknown_admin_address(client: httpx.Client, fake: Fake) -> None:
    """Says who speaks and what was asked."""
    answer = client.get(f"{fake.url}/_leomock/helth")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "leomock: 404 GET /_leomock/helth: nothing is here; GET /_leomock lists what is"
    }


def test_admin_root_lists_its_addresses(client: httpx.Client, fake: Fake) -> None:
    answer = client.get(f"{fake.url}/_leomock", follow_redirects=True)
    addresses = answer.json()["addresses"]
    assert addresses["GET /_leomock"] == "List these addresses."
    assert "PUT /_leomock/scenario" in addresses
    assert all(addresses.values())


# --- time ---------------------------------------------------------------------------------------------


def test_clock_is_steered(client: httpx.Client, fake: Fake) -> None:
    """Frozen, advanced, at a rate: the same words as in Python."""
    address = f"{fake.url}/_leomock/clock"
    before = client.get(address).json()
    assert before == {
        "now": "2024-04-20T14:33:28.258",
        "moment": 1713623608.258,
        "rate": 0.0,
        "next_due": None,
    }
    told = client.post(address, json={"advance": 60}).json()
    assert (told["now"], told["fired"]) == ("2024-04-20T14:34:28.258", [])
    assert client.post(address, json={"rate": 10}).json()["rate"] == 10
    assert client.post(address, json={"freeze": True}).json()["rate"] == 0


def test_clock_tells_what_fired() -> None:
    """Jobs end at their own moments, in their order."""
    fake = Fake(jobs="seconds:30", clock="frozen")
    with client_of(fake) as client:
        address = f"{fake.url}/_leomock/clock"
        first = generate(client)
        client.post(address, json={"advance": 10})
        second = generate(client)
        assert client.get(address).json()["next_due"] == "2024-04-20T14:33:58.258"
        fired = client.post(address, json={"advance_until": "idle"}).json()
        assert fired["fired"] == [
            {"at": "2024-04-20T14:33:58.258", "job": first, "status": "COMPLETE"},
            {"at": "2024-04-20T14:34:08.258", "job": second, "status": "COMPLETE"},
        ]
        assert fired["now"] == "2024-04-20T14:34:08.258"
    fake.close()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "send exactly one of freeze, rate, advance and advance_until"),
        ({"advance": 1, "rate": 1}, "send exactly one of freeze, rate, advance and advance_until"),
        ({"advance": -1}, "advance(-1.0): time only moves forwards, and not past the year 9000"),
        ({"advance": "1"}, 'advance="1": use a number'),
        ({"rate": -1}, "rate -1.0: use 0 (frozen), 1 (real) or any number up to 1000000"),
        ({"advance_until": "dawn"}, "advance_until=\"dawn\": use 'idle'"),
        ({"freeze": False}, "freeze=false: use true (and rate to continue)"),
        ({"fast": 1}, 'unknown name "fast"; use advance, advance_until, freeze, rate'),
        ([], "the body must be a JSON object with advance, advance_until, freeze, rate"),
    ],
)
def test_clock_refuses_what_cannot_be_meant(
    client: httpx.Client, fake: Fake, body: object, error: str
) -> None:
    """With what would work."""
    answer = client.post(f"{fake.url}/_leomock/clock", json=body)
    assert (answer.status_code, answer.json()) == (400, {"error": f"leomock: {error}"})


def test_clock_without_a_key_is_every_worlds(client: httpx.Client, fake: Fake) -> None:
    """And says how many."""
    with client_of(fake, "another") as another:
        generate(client), generate(another)
        del client.headers["authorization"]
        assert client.post(f"{fake.url}/_leomock/clock", json={"advance": 5}).json() == {
            "worlds": 2,
            "fired": [],
        }
        assert {world.clock.now() for world in fake.api.worlds} == {1713623613.258}
        assert client.get(f"{fake.url}/_leomock/clock").status_code == 401


# --- scenarios ----------------------------------------------------------------------------------------


def test_scenario_of_a_key(client: httpx.Client, fake: Fake) -> None:
    """Put in force and taken out; other keys are as before."""
    address = f"{fake.url}/_leomock/scenario"
    with client_of(fake, "another") as another:
        assert client.put(address, json={"scenarios": ["out_of_credits"]}).json() == {
            "scenarios": ["out_of_credits"]
        }
        assert client.get(address).json() == {"scenarios": ["out_of_credits"]}
        refused = client.post("/generations", json={"prompt": "a"})
        assert refused.json()["error"] == f"not enough api tokens userId: {fake.user_id}"
        assert refused.headers["x-leomock-explain"] == "scenario rule out_of_credits#1 applied"
        generate(another)
        assert client.delete(address).json() == {"scenarios": []}
        generate(client)


def test_scenario_without_a_key_is_everybodys(client: httpx.Client, fake: Fake) -> None:
    """Also of keys that come later."""
    address = f"{fake.url}/_leomock/scenario"
    generate(client)
    client.put(address, json={"scenarios": ["invalid_key"]}, headers={"authorization": ""})
    with client_of(fake, "later") as later:
        for each in (client, later):
            assert each.post("/generations", json={"prompt": "a"}).status_code == 401
    assert client.get(address, headers={"authorization": ""}).json() == {"scenarios": ["invalid_key"]}


SAY_SCENARIOS = (
    'send {"scenarios": [names]} or {"rules": [{"when": …, "then": …}]}; '
    "GET /_leomock/scenarios lists the names"
)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, SAY_SCENARIOS),
        ({"scenarios": 1}, SAY_SCENARIOS),
        ({"scenarios": [1]}, SAY_SCENARIOS),
    ],
)
def test_scenario_refuses_what_cannot_be_meant(
    client: httpx.Client, fake: Fake, body: object, error: str
) -> None:
    """With what would work."""
    answer = client.put(f"{fake.url}/_leomock/scenario", json=body)
    assert (answer.status_code, answer.json()) == (400, {"error": f"leomock: {error}"})


@pytest.mark.parametrize("name", ["flaki", "../../etc/passwd", "/etc/passwd", "scenarios/flaky.yaml"])
def test_scenario_unknown_is_no_file(client: httpx.Client, fake: Fake, name: str) -> None:
    """Names only: nobody reads files over HTTP."""
    told = client.put(f"{fake.url}/_leomock/scenario", json={"scenarios": [name]})
    assert told.status_code == 400
    assert told.json()["error"].startswith(f"leomock: scenario={name!r}: not known")
    asked = client.post("/generations", json={"prompt": "a"}, headers={"x-leomock-scenario": name})
    assert asked.status_code == 400
    assert asked.json()["error"].startswith(f"leomock: scenario={name!r}: not known")


def test_scenarios_are_listed(client: httpx.Client, fake: Fake) -> None:
    """Name, description and basis."""
    listed = client.get(f"{fake.url}/_leomock/scenarios").json()["scenarios"]
    assert [s["name"] for s in listed] == fake.api.scenario_registry.names()
    assert all(s["description"] and s["basis"] for s in listed)


# --- the journal --------------------------------------------------------------------------------------


def test_requests_are_kept_and_filtered(client: httpx.Client, fake: Fake) -> None:
    """By operation, status and field; calls that matched no operation are there too."""
    generate(client, "a cat", num_images=2)
    generate(client, "a dog")
    client.post("/generation", json={})
    address = f"{fake.url}/_leomock/requests"
    kept = client.get(address).json()["requests"]
    assert [(r["operation"], r["status"]) for r in kept] == [
        ("createGeneration", 200),
        ("createGeneration", 200),
        ("", 404),
    ]
    assert kept[0]["request"]["json"] == {"prompt": "a cat", "num_images": 2}
    assert kept[0]["request"]["headers"]["authorization"] == f"Bearer {fake.api_key[:4]}…"
    assert kept[0]["created"] == "2024-04-20T14:33:28.258Z"
    assert fake.api_key not in client.get(address).text

    def found(query: str) -> int:
        return len(client.get(f"{address}?{query}").json()["requests"])

    assert found("status=4xx") == 1
    assert found("operation=createGeneration") == 2
    assert found("body.num_images=2") == 1
    assert found("body.prompt=a dog") == 1
    assert found("limit=1") == 1
    assert found("since=2") == 1
    assert client.delete(address).json() == {"requests": []}
    assert found("") == 0


def test_requests_without_a_key_are_everybodys(client: httpx.Client, fake: Fake) -> None:
    """Also those of nobody that was let in."""
    generate(client)
    nobody = {"authorization": ""}
    client.get("/generations/x", headers=nobody)
    kept = client.get(f"{fake.url}/_leomock/requests", headers=nobody).json()["requests"]
    assert [r["status"] for r in kept] == [200, 401]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("statuss=1", "unknown filter \"statuss\"; did you mean 'status'?"),
        (
            "zzz=1",
            'unknown filter "zzz"; the filters are limit, method, operation, path, rule, since, status, '
            "body.NAME, format",
        ),
        ("format=xml", 'format="xml": use json or har'),
        ("limit=-1", "limit=-1: use 0 or more"),
        ("since=x", "invalid literal for int() with base 10: 'x'"),
    ],
)
def test_requests_refuse_what_cannot_be_meant(
    client: httpx.Client, fake: Fake, query: str, error: str
) -> None:
    """With what would work."""
    answer = client.get(f"{fake.url}/_leomock/requests?{query}")
    assert (answer.status_code, answer.json()) == (400, {"error": f"leomock: {error}"})


def test_requests_as_har(client: httpx.Client, fake: Fake) -> None:
    """For any HAR viewer."""
    generate(client)
    har = client.get(f"{fake.url}/_leomock/requests?format=har").json()
    assert har["log"]["version"] == "1.2"
    (entry,) = har["log"]["entries"]
    assert entry["request"]["url"] == f"{fake.base_url}/generations"
    assert entry["response"]["status"] == 200


# --- state --------------------------------------------------------------------------------------------


def test_state_is_taken_and_restored(client: httpx.Client, fake: Fake) -> None:
    """Try A, restore, try B."""
    address = f"{fake.url}/_leomock/state"
    kept = generate(client)
    snapshot = client.get(address).json()
    lost = generate(client)
    assert client.put(address, json=snapshot).json() == {"generations": 1}
    assert client.get(f"/generations/{kept}").json()["generations_by_pk"]["status"] == "PENDING"
    assert client.get(f"/generations/{lost}").json() == {"generations_by_pk": None}
    assert generate(client) == lost


def test_state_of_another_key_is_refused(client: httpx.Client, fake: Fake) -> None:
    """With both users named; nothing changes."""
    address = f"{fake.url}/_leomock/state"
    generate(client)
    with client_of(fake, "another") as another:
        answer = another.put(address, json=client.get(address).json())
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(
        f'leomock: the snapshot belongs to another API key or seed: its user is "{fake.user_id}"'
    )


def test_reset_of_one_and_of_all(client: httpx.Client, fake: Fake) -> None:
    """With a key its world, without one every world."""
    with client_of(fake, "another") as another:
        generate(client), generate(another)
        assert client.post(f"{fake.url}/_leomock/reset").json() == {"reset": 1}
        assert [len(world.generations) for world in fake.api.worlds] == [0, 1]
        assert client.post(f"{fake.url}/_leomock/reset", headers={"authorization": ""}).json() == {"reset": 2}
        assert [len(world.generations) for world in fake.api.worlds] == [0, 0]


# --- webhooks -----------------------------------------------------------------------------------------


def test_webhook_without_https_is_refused_where_a_setting_says_so() -> None:
    """In the words of the vendor's form, over HTTP and in Python; without a port, an app has any address."""
    error = (
        "url='http://a.example/hook': WebhookCallbackUrl is not a valid url (must be https://); "
        "webhook_http=allow accepts it"
    )
    with Fake(webhook_http="refuse") as fake, client_of(fake) as client:
        answer = client.put(f"{fake.url}/_leomock/webhook", json={"url": "http://a.example/hook"})
        assert (answer.status_code, answer.json()) == (400, {"error": f"leomock: {error}"})
        with pytest.raises(SettingError, match=f"^{re.escape(error)}$"):
            fake.set_webhook("http://a.example/hook")
        answer = client.put(f"{fake.url}/_leomock/webhook", json={"url": "https://a.example/hook"})
        assert answer.status_code == 200
        fake.set_webhook(app=make_app(fake.api))


def test_webhook_key_that_no_header_carries_is_refused(client: httpx.Client, fake: Fake) -> None:
    """Over HTTP and in Python; otherwise every attempt to send an event would fail."""
    error = "key='clé': use printable ASCII characters, as a header has them"
    answer = client.put(f"{fake.url}/_leomock/webhook", json={"url": "http://a.example/hook", "key": "clé"})
    assert (answer.status_code, answer.json()) == (400, {"error": f"leomock: {error}"})
    with pytest.raises(SettingError) as refused:
        fake.set_webhook("http://a.example/hook", "clé")
    assert str(refused.value) == error


def test_webhook_is_set_and_events_are_listed(client: httpx.Client, fake: Fake) -> None:
    """Every attempt is told; an event is delivered again when asked."""
    with WebhookReceiver() as receiver:
        receiver.answer_with(500, 200)
        told = client.put(f"{fake.url}/_leomock/webhook", json={"url": receiver.url, "key": "secret"})
        assert told.json() == {"url": receiver.url, "key": True}
        assert client.get(f"{fake.url}/_leomock/webhook").json() == {"url": receiver.url, "key": True}
        row = completed(client)
        client.post(f"{fake.url}/_leomock/clock", json={"advance_until": "idle"})
        (event,) = client.get(f"{fake.url}/_leomock/webhooks").json()["events"]
        assert event["state"] == "delivered"
        assert [attempt["status"] for attempt in event["attempts"]] == [500, 200]
        assert event["body"]["data"]["object"]["id"] == row["id"]
        again = client.post(f"{fake.url}/_leomock/webhooks/{event['id']}/redeliver")
        assert again.json() == {"attempted": [event["id"]]}
        assert [got.headers["authorization"] for got in receiver.received] == ["Bearer secret"] * 3
        missing = client.post(f"{fake.url}/_leomock/webhooks/nothing/redeliver")
        assert missing.json() == {"error": "leomock: no event nothing; GET /_leomock/webhooks lists them"}


@pytest.mark.parametrize("body", [{"url": "here"}, {"url": 1}, {}, {"url": "ftp://h/"}, {"url": "http://[/"}])
def test_webhook_refuses_what_is_no_address(client: httpx.Client, fake: Fake, body: object) -> None:
    """Only a full address will do."""
    answer = client.put(f"{fake.url}/_leomock/webhook", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("leomock: ")
    assert client.get(f"{fake.url}/_leomock/webhook").json() == {"url": "", "key": False}


# --- scenarios from files ----------------------------------------------------------------------------


def test_file_of_the_start_has_a_name(tmp_path: Path) -> None:
    """It can be switched off and on again, and one call can ask for it, as for a shipped scenario."""
    file = tmp_path / "mine.yaml"
    file.write_text("description: No account.\nrules:\n  - then: {status: 418}\n", "utf-8")
    with Fake(scenario=file) as fake, client_of(fake) as client:
        listed = client.get(f"{fake.url}/_leomock/scenarios").json()["scenarios"]
        assert {"name": "mine", "description": "No account.", "basis": "chosen"} in listed
        active = client.get(f"{fake.url}/_leomock/scenario").json()
        assert active == {"scenarios": ["mine"]}
        client.delete(f"{fake.url}/_leomock/scenario")
        assert client.get("/me").status_code == 200
        assert client.get("/me", headers={"x-leomock-scenario": "mine"}).status_code == 418
        assert client.put(f"{fake.url}/_leomock/scenario", json=active).json() == active
        assert client.get("/me").status_code == 418
        reply = client.get("/me", headers={"x-leomock-scenario": "mien"})
        assert reply.headers["x-leomock-explain"] == "scenario='mien': not known; did you mean 'mine'?"


def test_what_is_active_stays_so_under_its_name() -> None:
    """Rules of a program and scenarios with settings have no other name to be kept by."""
    with Fake(scenario="uuid_v6") as fake, client_of(fake) as client:
        fake.fail("getUserSelf", times=1, status=418)
        (rules, *rest) = client.get(f"{fake.url}/_leomock/scenario").json()["scenarios"]
        assert rest == ["uuid_v6"]
        names = {"scenarios": [rules, "uuid_v6", "outage"]}
        assert client.put(f"{fake.url}/_leomock/scenario", json=names).json() == names
        assert client.get("/me").status_code == 418
