"""Polling without waiting."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from time import sleep as imported_sleep

import anyio
import httpx
import pytest

from leomock import Fake
from leomock.testing.fast_polling import MOST_MOVES_WITHOUT_A_CALL, NoProgressError, Timeline
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


def test_threads_wait_for_the_same_timeline() -> None:
    """An app that polls in a pool, each with its own deadline."""
    fake = Fake(clock="frozen")
    before = fake.clock.now()
    together = threading.Barrier(3)

    def wait(seconds: float) -> None:
        together.wait()  # a thread that is still being started is not known to wait
        time.sleep(seconds)

    with fake.fast_polling():
        threads = [threading.Thread(target=wait, args=(seconds,)) for seconds in (10, 30, 30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert fake.clock.now() == pytest.approx(before + 30, abs=0.5)
    fake.close()


def test_deadline_of_the_program_passes() -> None:
    """The commonest loop has one; the clocks of the program move with the sleeps."""
    fake = Fake(jobs="manual", clock="frozen")
    with client_of(fake) as client, fake.fast_polling():
        id = generate(client)
        end, polls = time.monotonic() + 60, 0
        while time.monotonic() < end:
            client.get(f"/generations/{id}")
            polls += 1
            time.sleep(2)
    assert 29 <= polls <= 31
    fake.close()


def _sleeps(seconds: float, count: int) -> Callable[[], Coroutine[object, object, None]]:
    async def main() -> None:
        await asyncio.gather(*(asyncio.sleep(seconds) for _ in range(count)))

    return main


async def _wait_for() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 30)


async def _timeout() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(30):
            await asyncio.sleep(100)


async def _loop_time() -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await asyncio.sleep(30)
    assert loop.time() - begin == pytest.approx(30, abs=0.5)


def _in_trio() -> None:
    import trio

    async def main() -> None:
        with trio.move_on_after(30):
            await trio.sleep_forever()

    trio.run(main)


def _future() -> None:
    with pytest.raises(concurrent.futures.TimeoutError):
        concurrent.futures.Future[None]().result(30)


def _queue() -> None:
    with pytest.raises(queue.Empty):
        queue.Queue[None]().get(timeout=30)


def _imported_before() -> None:
    imported_sleep(30)


WAYS: dict[str, Callable[[], object]] = {
    "time.sleep": lambda: time.sleep(30),
    "from time import sleep": _imported_before,
    "Event.wait": lambda: threading.Event().wait(30),
    "queue.get": _queue,
    "Future.result": _future,
    "asyncio.sleep side by side": lambda: asyncio.run(_sleeps(30, 5)()),
    "asyncio.wait_for": lambda: asyncio.run(_wait_for()),
    "asyncio.timeout": lambda: asyncio.run(_timeout()),
    "loop.time": lambda: asyncio.run(_loop_time()),
    "anyio.sleep on asyncio": lambda: anyio.run(anyio.sleep, 30),
    "anyio.sleep on trio": lambda: anyio.run(anyio.sleep, 30, backend="trio"),
    "trio.move_on_after": _in_trio,
}


@pytest.mark.parametrize("way", WAYS)
def test_way_to_wait(way: str) -> None:
    """Each moves the program's clocks and the fake's by what it waited, and takes no real time."""
    fake = Fake(clock="frozen")
    before, began = fake.clock.now(), time.perf_counter()
    with fake.fast_polling():
        start = time.monotonic()
        WAYS[way]()
        assert time.monotonic() - start == pytest.approx(30, abs=0.5)
    assert fake.clock.now() - before == pytest.approx(30, abs=0.5)
    assert time.perf_counter() - began < 25
    fake.close()


def test_loop_without_progress_is_named() -> None:
    """Who waits thousands of times and calls nobody waits for something that does not come."""
    fake = Fake(clock="frozen")
    line = Timeline(fake, lambda seconds: None)

    def wait_on_and_on() -> None:
        for _ in range(MOST_MOVES_WITHOUT_A_CALL + 10):
            line._move_to(line.now() + 1, line.now())

    with pytest.raises(NoProgressError) as caught:
        wait_on_and_on()
    assert str(caught.value) == (
        "leomock: the program waited 10001 times without making a call; it waits for something that never "
        "happens"
    )
    fake.close()


def test_async_clients_with_their_own_timeouts() -> None:
    """A read timeout of 5 s does not fire while the fake answers; five journeys take one minute."""

    async def main(fake: Fake) -> list[bytes]:
        key = {"authorization": f"Bearer {fake.api_key}"}
        async with httpx.AsyncClient(base_url=fake.base_url, headers=key, timeout=5) as client:

            async def journey(number: int) -> bytes:
                body = {"prompt": f"cat {number}", "num_images": 1}
                made = (await client.post("/generations", json=body)).json()
                id = made["sdGenerationJob"]["generationId"]
                async with asyncio.timeout(120):
                    while True:
                        row = (await client.get(f"/generations/{id}")).json()["generations_by_pk"]
                        if row["status"] == "COMPLETE":
                            break
                        await asyncio.sleep(3)
                return (await client.get(row["generated_images"][0]["url"])).content[:2]

            return await asyncio.gather(*map(journey, range(5)))

    with Fake(jobs="seconds:60", clock="frozen") as fake, fake.fast_polling() as line:
        assert set(asyncio.run(main(fake))) == {b"\xff\xd8"}
        assert line.offset == pytest.approx(60, abs=5)


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


def test_tasks_side_by_side_do_not_add_up() -> None:
    """The longest of them decides."""
    fake = Fake(clock="frozen")
    before = fake.clock.now()

    async def story() -> None:
        await asyncio.gather(asyncio.sleep(20), asyncio.sleep(20))

    with fake.fast_polling():
        asyncio.run(story())
    assert fake.clock.now() == before + 20
    fake.close()
