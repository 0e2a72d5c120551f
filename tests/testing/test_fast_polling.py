"""Polling without waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from leomock import Fake
from tests.fixtures import client_of, generate


def poll(client: httpx.Client, id: str) -> int:
    """As a client is written: twenty seconds between two polls."""
    polls = 0
    while True:
        polls += 1
        if client.get(f"/generations/{id}").json()["generations_by_pk"]["status"] == "COMPLETE":
            return polls
        time.sleep(20)


def test_sleep_moves_the_time_of_the_world() -> None:
    """A minute of work is polled four times, and nobody waits."""
    fake = Fake(jobs="seconds:60", clock="frozen")
    before = fake.clock.now()
    with client_of(fake) as client, fake.fast_polling():
        assert poll(client, generate(client)) == 4
    assert fake.clock.now() == before + 60
    fake.close()


def test_async_sleep_moves_the_time_too() -> None:
    """With the result that was asked for; 0 seconds let others run."""
    fake = Fake(clock="frozen")
    before = fake.clock.now()

    async def story() -> tuple[object, object]:
        return await asyncio.sleep(30, "result"), await asyncio.sleep(0, "at once")

    with fake.fast_polling():
        assert asyncio.run(story()) == ("result", "at once")
    assert fake.clock.now() == before + 30
    fake.close()


def test_other_threads_wait_as_ever() -> None:
    """Only the test's own thread is fast."""
    fake = Fake(clock="frozen")
    before = fake.clock.now()
    with fake.fast_polling():
        thread = threading.Thread(target=time.sleep, args=(0.01,))
        thread.start()
        thread.join()
    assert fake.clock.now() == before
    fake.close()


def test_sleeps_are_what_they_were_afterwards() -> None:
    """Also after an error."""
    sleeps: tuple[Callable[..., object], ...] = (time.sleep, asyncio.sleep)

    def fail() -> None:
        assert (time.sleep, asyncio.sleep) != sleeps
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Fake(clock="frozen").fast_polling():
        fail()
    assert (time.sleep, asyncio.sleep) == sleeps


def test_sleep_that_somebody_replaced_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays, and what it took for the original waits again, as the one before did."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    fake = Fake(clock="frozen")
    before = fake.clock.now()
    with fake.fast_polling():
        ours = time.sleep
        monkeypatch.setattr(time, "sleep", replacement := lambda seconds: None)
    assert time.sleep is replacement
    ours(20)
    assert waited == [20]
    assert fake.clock.now() == before
    fake.close()


def test_tasks_side_by_side_add_up() -> None:
    """Two sleeps of 20 seconds are 40 of the world's."""
    fake = Fake(clock="frozen")
    before = fake.clock.now()

    async def story() -> None:
        await asyncio.gather(asyncio.sleep(20), asyncio.sleep(20))

    with fake.fast_polling():
        asyncio.run(story())
    assert fake.clock.now() == before + 40
    fake.close()
