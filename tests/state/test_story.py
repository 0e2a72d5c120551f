"""The journal as people read it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from leomock import Fake
from tests.fixtures import client_of, generate

SMALL: dict[str, Any] = {"num_images": 2, "width": 512, "height": 512}


def read(client: httpx.Client, id: str, times: int = 1) -> None:
    for _ in range(times):
        client.get(f"/generations/{id}")


def answers(fake: Fake) -> list[str]:
    """What the journal says of each answer."""
    return [exchange.answer for exchange in fake.requests]


@pytest.mark.parametrize(
    ("jobs", "waits_for"),
    [
        ("polls:1", "done at the next read"),
        ("polls:2", "done after 1 more read"),
        ("polls:4", "done after 3 more reads"),
        ("seconds:2", "done in 2 s, once the clock is advanced (it is frozen)"),
        ("manual", "done when the test calls finish()"),
    ],
)
def test_pending_read_says_what_it_waits_for(jobs: str, waits_for: str) -> None:
    fake = Fake(clock="frozen", jobs=jobs)
    with client_of(fake) as client:
        id = generate(client, **SMALL)
        answer = client.get(f"/generations/{id}")
    explain = f"PENDING, no pictures yet; {waits_for}"
    assert answers(fake) == [f"generation {id[:8]}…, 16 credits", explain]
    assert answer.headers["x-leomock-explain"] == explain
    fake.close()


def test_finished_read_says_how_many_pictures_there_are(fake: Fake, client: httpx.Client) -> None:
    for scenario, expected in (
        ("happy", "COMPLETE, 2 pictures"),
        ("empty_result", "COMPLETE, no pictures"),
        ("fewer_images", "COMPLETE, 1 picture"),
        ("nsfw_flagged", "COMPLETE, 2 pictures (1 nsfw)"),
        ("moderation_failed", "FAILED (scenario rule moderation_failed#1)"),
    ):
        with fake.scenario(scenario):
            read(client, generate(client, **SMALL), times=2)
        assert answers(fake)[-1] == expected


def test_reason_of_a_failure_survives_a_snapshot(fake: Fake, client: httpx.Client) -> None:
    with fake.scenario("moderation_failed"):
        id = generate(client)
    fake.restore(fake.snapshot())
    read(client, id, times=2)
    assert answers(fake)[-1] == "FAILED (scenario rule moderation_failed#1)"


def test_unknown_id_is_explained_by_what_happened(fake: Fake, client: httpx.Client) -> None:
    id = generate(client)
    read(client, id, times=2)
    image = fake.requests[-1].response_json["generations_by_pk"]["generated_images"][0]["id"]
    read(client, image)
    assert answers(fake)[-1] == (
        f"unknown generation for this key: the id is that of picture 0 of generation {id}"
    )
    client.delete(f"/generations/{id}")
    read(client, id)
    assert answers(fake)[-1] == "unknown generation for this key: deleted in #5"
    read(client, "11111111-1111-4111-8111-111111111111")
    assert answers(fake)[-1] == "unknown generation for this key: never made"


def test_id_of_another_key_is_explained_where_keys_are_open(fake: Fake, client: httpx.Client) -> None:
    id = generate(client)
    with client_of(fake, "colleague") as other:
        read(other, id)
    [exchange] = fake.tenant("colleague").requests
    assert exchange.answer == f"unknown generation for this key: made by another key, {fake.api_key[:4]}…"


def test_id_of_another_key_is_nobodys_business_where_keys_are_checked() -> None:
    fake = Fake(clock="frozen", auth="strict", api_keys=("colleague",))
    with client_of(fake) as client, client_of(fake, "colleague") as other:
        read(other, generate(client))
    assert fake.tenant("colleague").requests[0].answer == "unknown generation for this key: never made"
    fake.close()


def test_equal_reads_are_one_line_also_when_two_generations_take_turns() -> None:
    fake = Fake(clock="frozen", jobs="manual")
    with client_of(fake) as client:
        ids = [generate(client, **SMALL) for _ in range(2)]
        for _ in range(30):
            for id in ids:
                read(client, id)
                fake.advance(0.5)
        fake.finish()
        for id in ids:
            read(client, id)
    first, second = (f"GET /api/rest/v1/generations/{id} getGenerationById 200" for id in ids)
    pending = "PENDING, no pictures yet; done when the test calls finish()"
    assert fake.story().splitlines()[2:] == [
        f"#3-#61 {first}, 30 times in 29 s | {pending}",
        f"#4-#62 {second}, 30 times in 29 s | {pending}",
        f"#63 {first} | COMPLETE, 2 pictures",
        f"#64 {second} | COMPLETE, 2 pictures",
    ]
    fake.close()


def test_equal_refusals_are_one_line_and_different_calls_are_not(fake: Fake, client: httpx.Client) -> None:
    for _ in range(5):
        client.post("/generations", json={"promt": "a cat"})
    client.get("/me")
    client.post("/generations", json={"promt": "a cat"})
    lines = [line.partition(" | ")[0] for line in fake.story().splitlines()]
    call = "POST /api/rest/v1/generations createGeneration 400"
    assert lines == [
        f"#1-#5 {call}, 5 times in 0 s",
        "#6 GET /api/rest/v1/me getUserSelf 200",
        f"#7 {call}",
    ]


def test_long_journal_is_cut_with_a_note() -> None:
    fake = Fake(clock="frozen", journal=100)
    with client_of(fake) as client:
        for number in range(120):
            client.get(f"/elements?x={number}") if number % 2 else client.delete(f"/datasets/{fake.user_id}")
    lines = fake.story().splitlines()
    assert lines[0] == "… 20 older calls are forgotten (setting: journal) …"
    assert [line.split()[0] for line in lines[1:16]] == [f"#{number}" for number in range(21, 36)]
    assert lines[16] == "… 40 lines left out; `requests` and GET /_leomock/requests have all …"
    assert [line.split()[0] for line in lines[17:]] == [f"#{number}" for number in range(76, 121)]
    fake.close()


def test_generation_that_nobody_polled_is_noted(fake: Fake, client: httpx.Client) -> None:
    """The usual mistake: the pictures are taken from the first read."""
    id = generate(client)
    unread = generate(client)
    read(client, id)
    assert fake.story().splitlines()[3:] == [
        "",
        f"Note: generation {id} (#1) was still PENDING when it was last read (#3), "
        "so it had no pictures yet.",
        f"Note: generation {unread} (#2) was never read.",
        "What to do: read a generation until its status is COMPLETE or FAILED. "
        "With jobs='immediate' the first read is COMPLETE.",
    ]
    read(client, id)
    read(client, unread, times=2)
    assert "Note" not in fake.story()


def test_exchange_has_the_names_that_clients_use(fake: Fake, client: httpx.Client) -> None:
    client.post("/generations", json={"prompt": "a cat"})
    [call] = fake.requests
    assert call.json == {"prompt": "a cat"}
    assert call.body == b'{"prompt":"a cat"}'
    assert call.headers["content-type"] == "application/json"
    assert call.status == 200
    assert repr(call) == f"<Exchange {call}>"
    assert len(repr(call)) < 120
