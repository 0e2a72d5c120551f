"""The receiver that tests of webhooks use."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from leomock import Fake
from leomock.testing.webhook_receiver import WebhookReceiver


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def event(
    type: str = "image_generation.complete", id: str = "1", status: str = "COMPLETE"
) -> dict[str, object]:
    return {"type": type, "data": {"object": {"id": id, "status": status}}}


def test_receiver_keeps_what_was_posted(receiver: WebhookReceiver) -> None:
    """Path, headers in lower case, the body read as JSON and as it came, and the answer."""
    headers = {"Authorization": "Bearer abcd", "Content-Type": "application/json"}
    answer = httpx.post(f"{receiver.url}?a=1", content=b'{"type": "t"}', headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    (received,) = receiver.received
    assert (received.path, received.status) == ("/webhook?a=1", 200)
    assert (received.headers["authorization"], received.headers["content-type"]) == (
        "Bearer abcd",
        "application/json",
    )
    assert (received.body, received.raw) == ({"type": "t"}, b'{"type": "t"}')


@pytest.mark.parametrize("raw", [b"", b"not JSON", b"\xff"])
def test_receiver_keeps_a_body_that_is_no_json(receiver: WebhookReceiver, raw: bytes) -> None:
    """As bytes."""
    httpx.post(receiver.url, content=raw)
    assert receiver.received[0].body == receiver.received[0].raw == raw


def test_answer_with_several_statuses(receiver: WebhookReceiver) -> None:
    """One after the other; the last stays."""
    receiver.answer_with(500, 503, 204)
    assert [httpx.post(receiver.url, json={}).status_code for _ in range(5)] == [500, 503, 204, 204, 204]
    assert [received.status for received in receiver.received] == [500, 503, 204, 204, 204]


def test_wait_for_what_is_there(receiver: WebhookReceiver) -> None:
    """The first so many of those that fit, by names in the body or in `data.object`."""
    for id in ("1", "2", "1", "1"):
        httpx.post(receiver.url, json=event(id=id))
    httpx.post(receiver.url, json=event(id="1", status="FAILED"))
    httpx.post(receiver.url, json=[1])
    httpx.post(receiver.url, json={"type": "other", "data": None})
    received = receiver.received
    assert receiver.wait_for() == received[:1]
    assert receiver.wait_for(2, id="1") == [received[0], received[2]]
    assert receiver.wait_for(type="image_generation.complete", status="FAILED") == [received[4]]
    assert receiver.wait_for(type="other") == [received[6]]


def test_wait_for_what_is_yet_to_come(receiver: WebhookReceiver) -> None:
    """It returns as soon as the last one is there."""
    threads = [threading.Thread(target=httpx.post, args=(receiver.url,), kwargs={"json": {}}) for _ in "abc"]
    for thread in threads:
        thread.start()
    assert len(receiver.wait_for(3)) == 3
    for thread in threads:
        thread.join()


def test_wait_for_what_does_not_come(receiver: WebhookReceiver) -> None:
    """The failure lists what did."""
    with pytest.raises(AssertionError) as failure:
        receiver.wait_for(timeout=0.01)
    assert str(failure.value) == "leomock: waited 0.01 s for 1 delivery; nothing came"
    httpx.post(receiver.url, json=event())
    receiver.answer_with(500)
    httpx.post(receiver.url, content=b"not JSON")
    with pytest.raises(AssertionError) as failure:
        receiver.wait_for(2, timeout=0.01, type="image_generation.complete", id="1")
    assert str(failure.value) == (
        "leomock: waited 0.01 s for 2 deliveries with type='image_generation.complete', id='1';"
        " 1 came among these 2:\n"
        "  1. POST /webhook type='image_generation.complete' id='1' status='COMPLETE', answered 200\n"
        "  2. POST /webhook b'not JSON', answered 500"
    )


def test_receiver_after_its_end() -> None:
    """Nobody listens; what came stays, and it can listen again."""
    with WebhookReceiver() as receiver:
        httpx.post(receiver.url, json={})
    with pytest.raises(httpx.ConnectError):
        httpx.post(receiver.url, json={})
    assert len(receiver.received) == 1
    with receiver:
        httpx.post(receiver.url, json={})
    assert len(receiver.received) == 2


def test_receiver_cannot_start_twice(receiver: WebhookReceiver) -> None:
    """The second start says where the first one listens."""
    with pytest.raises(RuntimeError, match=f"this receiver is already listening at {receiver.url}"):
        receiver.__enter__()


def test_receiver_starts_and_stops_at_once() -> None:
    """Every test may have its own: one takes milliseconds."""
    began = time.monotonic()
    for _ in range(20):
        with WebhookReceiver():
            pass
    assert time.monotonic() - began < 2  # twenty of them, on a busy machine


def test_wait_for_an_event_of_a_job_that_nobody_ends() -> None:
    """The jobs are named, with what ends them."""
    with Fake(jobs="manual") as fake, WebhookReceiver(fake) as receiver:
        fake.set_webhook(receiver.url)
        headers = {"authorization": f"Bearer {fake.api_key}"}
        made = httpx.post(f"{fake.base_url}/generations", json={"prompt": "a"}, headers=headers).json()
        with pytest.raises(AssertionError) as missed:
            receiver.wait_for(timeout=0.05)
    id = made["sdGenerationJob"]["generationId"]
    assert str(missed.value) == (
        "leomock: waited 0.05 s for 1 delivery; nothing came\n"
        f"1 job is pending ({id}): call finish(), or choose jobs='immediate'"
    )
