"""Time, scenarios, journal and webhooks from Python."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from leomock import Fake
from leomock.files.scenarios import ScenarioError
from leomock.testing.webhook_receiver import WebhookReceiver
from tests.fixtures import client_of, completed, generate


def test_clock_freezes_runs_and_advances(fake: Fake) -> None:
    """`fake.clock` is the clock of `api_key`."""
    assert fake.clock.rate == 0
    before = fake.clock.now()
    fake.advance(1.5)
    assert fake.clock.now() == before + 1.5
    fake.clock.run(1_000_000)
    while fake.clock.now() == before + 1.5:
        pass
    fake.clock.freeze()
    assert fake.clock.now() == fake.clock.now() > before + 1.5


def test_advance_returns_what_fired() -> None:
    """In the order it fell due, each at its moment."""
    fake = Fake(jobs="seconds:20", clock="frozen")
    with client_of(fake) as client:
        first = generate(client)
        fake.advance(5)
        second = generate(client)
        assert fake.advance(10) == []
        assert fake.advance(100) == [
            {"at": "2024-04-20T14:33:48.258", "job": first, "status": "COMPLETE"},
            {"at": "2024-04-20T14:33:53.258", "job": second, "status": "COMPLETE"},
        ]
    fake.close()


def test_frozen_clock_is_the_only_time(fake: Fake, client: httpx.Client) -> None:
    """No header and no field shows the machine's time."""
    today = time.strftime("%Y-%m-%d")
    row = completed(client)
    form = client.post("/init-image", json={"extension": "png"})
    picture = client.get(row["generated_images"][0]["url"])
    for answer in (form, picture, client.get(f"/generations/{row['id']}")):
        assert "date" not in answer.headers
        assert today not in str(answer.headers)
    assert today not in form.text
    assert row["createdAt"] == "2024-04-20T14:33:28.258"
    assert all(exchange.created.startswith("2024-04-20T14:33:28.258") for exchange in fake.requests)


def test_three_hours_with_five_hundred_jobs_pass_at_once() -> None:
    """Every job ends and every webhook arrives, at their own moments."""
    fake = Fake(jobs="seconds:20", clock="frozen")
    with WebhookReceiver() as receiver, client_of(fake) as client:
        fake.set_webhook(receiver.url)
        for _ in range(500):
            generate(client, num_images=1)
        began = time.perf_counter()
        fired = fake.advance(3 * 3600)
        took = time.perf_counter() - began
        assert len([f for f in fired if "job" in f]) == 500
        assert [f["state"] for f in fired if "webhook" in f] == ["delivered"] * 500
        assert len(receiver.received) == 500
        assert took < 10  # a bound for a busy machine; the figure is in the notes of the release
    fake.close()


def test_advance_until_idle_gives_up_a_dead_webhook(fake: Fake, client: httpx.Client) -> None:
    """Five attempts with their waits, by the world's clock."""
    with WebhookReceiver() as receiver:
        receiver.answer_with(500)
        fake.set_webhook(receiver.url)
        completed(client)
        before = fake.clock.now()
        fake.advance_until_idle()
        (event,) = fake.webhooks
        assert event.state == "given up"
        assert [round(attempt.moment - before) for attempt in event.attempts] == [0, 1, 6, 31, 156]


def test_scenario_is_in_force_inside_with(fake: Fake, client: httpx.Client) -> None:
    """For every key, besides what is in force already; afterwards all is as before."""
    with fake.scenario("out_of_credits"):
        assert client.post("/generations", json={"prompt": "a"}).status_code == 400
        with client_of(fake, "new") as new:
            assert new.post("/generations", json={"prompt": "a"}).status_code == 400
        with fake.scenario("invalid_key"):
            assert client.post("/generations", json={"prompt": "a"}).status_code == 401
        assert client.post("/generations", json={"prompt": "a"}).status_code == 400
    generate(client)
    with client_of(fake, "new") as new:
        generate(new)


def test_scenario_unknown_says_what_there_is(fake: Fake) -> None:
    """With a suggestion."""
    with (
        pytest.raises(ScenarioError, match=r"^scenario='flaki': not known; did you mean 'flaky'\?$"),
        fake.scenario("flaki"),
    ):
        pass


def test_scenario_settings_hold_from_the_start() -> None:
    """`uuid_v6` wants other ids."""
    fake = Fake(scenario="uuid_v6", clock="frozen")
    with client_of(fake) as client:
        assert generate(client)[14] == "6"
    fake.close()


def test_scenario_with_settings_cannot_be_put_in_force_later(fake: Fake, client: httpx.Client) -> None:
    """A run that proves nothing is refused, on every way."""
    told = "scenario='uuid_v6': holds only from the start: serve --scenario, Fake(scenario=…)"
    with pytest.raises(ScenarioError) as refused, fake.scenario("uuid_v6"):
        pass
    assert str(refused.value) == told
    put = client.put(f"{fake.url}/_leomock/scenario", json={"scenarios": ["uuid_v6"]})
    assert (put.status_code, put.json()) == (400, {"error": f"leomock: {told}"})
    asked = client.post(
        "/generations", json={"prompt": "a"}, headers={"x-leomock-scenario": "happy, uuid_v6,"}
    )
    assert (asked.status_code, asked.json()["error"]) == (400, f"leomock: {told}")


def test_magic_prompt_works_with_no_other_call(client: httpx.Client) -> None:
    """Like the test cards of a payment service."""
    blocked = client.post("/generations", json={"prompt": "a cat [leomock:moderation_blocked]"})
    assert blocked.status_code == 403
    assert blocked.json()["error"].startswith("Your prompt appears to contain inappropriate content")
    unknown = client.post("/generations", json={"prompt": "[leomock:moderation]"})
    assert unknown.status_code == 400
    assert unknown.json()["error"].startswith("leomock: scenario='moderation': not known")
    assert completed(client, "a cat [leomock:empty_result]")["generated_images"] == []


def test_nsfw_flags_are_on_the_images(client: httpx.Client) -> None:
    """And only there."""
    row = completed(client, "[leomock:nsfw_flagged] a cat", num_images=3)
    assert [image["nsfw"] for image in row["generated_images"]] == [True, False, False]


def test_requests_and_assertions(fake: Fake, client: httpx.Client) -> None:
    """What came, and a failure that reads well."""
    generate(client, "a cat", num_images=4)
    (call,) = fake.assert_called("createGeneration", times=1, body={"prompt": "a cat"})
    assert call.response_json["sdGenerationJob"]["apiCreditCost"] == 32
    fake.assert_not_called("deleteGenerationById")
    with pytest.raises(AssertionError) as failed:
        fake.assert_called("createGeneration", times=1, body={"num_images": 2})
    assert "  num_images: expected 2, got 4" in str(failed.value)
    with pytest.raises(AssertionError, match="createGeneration"):
        fake.assert_called("createGenration")  # type: ignore[arg-type]  # the mistake under test
    assert [exchange.operation for exchange in fake.requests] == ["createGeneration"]


def test_uploads_and_pictures_are_in_the_journal(fake: Fake, client: httpx.Client) -> None:
    """With what the bucket said to a mistake."""
    row = completed(client, width=64, height=64, num_images=1)
    client.get(row["generated_images"][0]["url"])
    form = client.post("/init-image", json={"extension": "png"}).json()["uploadInitImage"]
    client.post(form["url"], files={"file": b"x"})
    channels = [(exchange.channel, exchange.status) for exchange in fake.requests]
    assert channels[-3:] == [("cdn", 200), ("api", 200), ("upload", 403)]
    assert b"<Code>AccessDenied</Code>" in fake.requests[-1].response_body
    assert fake.requests[-1].explain


def test_worlds_are_bounded() -> None:
    """The longest unused leaves first, and it is said."""
    fake = Fake(max_worlds=3, clock="frozen")
    said: list[str] = []
    fake.api.worlds.say = said.append
    for key in ("a-key", "b-key", "c-key", "a-key", "d-key"):
        with client_of(fake, key) as client:
            generate(client)
    assert sorted(world.key for world in fake.api.worlds) == ["a-key", "c-key", "d-key"]
    assert said == ["leomock: 3 keys are kept (--max-worlds); dropped the least recently used, b-…\n"]
    fake.close()


def test_many_threads_make_worlds_at_once() -> None:
    """No world is made twice, none beyond the bound is kept."""
    fake = Fake(max_worlds=20)

    def call(number: int) -> int:
        with client_of(fake, f"key-{number % 40}") as client:
            return client.post("/generations", json={"prompt": "a"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(call, range(200))) == {200}
    assert len(list(fake.api.worlds)) == 20
    fake.close()
