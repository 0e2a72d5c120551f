"""What leaves for a webhook, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from leomock.server.lifecycle import new_event_loop
from leomock.server.webhook_sender import GRACE_SECONDS, Sender
from leomock.state.clock import EPOCH
from leomock.state.outbox import WAITS, Event, Outbox
from leomock.state.scenario import Delivery
from leomock.state.settings import Settings
from leomock.state.table import Row
from leomock.state.world import World
from leomock.testing.webhook_receiver import WebhookReceiver

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def world_for(url: str, key: str = "", name: str = "a key") -> World:
    world = World(name, Settings(jobs="seconds:2"))
    world.outbox = outbox_of(world)
    world.outbox.url, world.outbox.key = url, key
    return world


def outbox_of(world: World) -> Outbox:
    return Outbox(lambda: world.ids, world.clock, lambda span: span[0])


def add(world: World, number: int = 1, **delivery: Any) -> Event:
    event, *_ = world.outbox.add("image_generation.complete", {"n": number}, Delivery(**delivery))
    return event


def deliver(world: World, sender: Sender | None = None) -> list[int]:
    """Send what is due; returns the numbers in the bodies of what was attempted."""
    return [event.body["n"] for event in asyncio.run((sender or Sender()).deliver_due(world))]


@asynccontextmanager
async def target(talk: Talk) -> AsyncIterator[str]:
    """A server that does with a connection whatever `talk` does; gives its url."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/webhook"
    finally:
        server.close()


def answering(content: bytes) -> Talk:
    """A target that answers these bytes to everything."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(content)
        await writer.drain()
        writer.close()

    return talk


class Hanging:
    """A target that answers once `release` is set; `busy` is set while `many` requests are open."""

    def __init__(self, many: int = 1) -> None:
        self.most = 0
        self.busy = asyncio.Event()
        self.release = asyncio.Event()
        self._many = many
        self._open = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one sender."""
        await reader.readuntil(b"\r\n\r\n")
        self._open += 1
        self.most = max(self.most, self._open)
        if self._open >= self._many:
            self.busy.set()
        await self.release.wait()
        self._open -= 1
        writer.write(OK)
        writer.close()


def attempt_at(talk: Talk, **options: Any) -> tuple[int | None, str]:
    """What is noted of one attempt at a target."""

    async def main() -> tuple[int | None, str]:
        async with target(talk) as url:
            world = world_for(url)
            event = add(world)
            await Sender(**options).deliver_due(world)
        (attempt,) = event.attempts
        return attempt.status, attempt.error

    return asyncio.run(main())


# --- what is sent -----------------------------------------------------------------------------------------


def test_delivery_has_the_documented_headers(receiver: WebhookReceiver) -> None:
    """All of them and, but for host and length, no others; the body is compact JSON."""
    world = world_for(receiver.url, key="abcd")
    event = add(world)
    assert deliver(world) == [1]
    (received,) = receiver.received
    assert dict(received.headers) == {
        "host": receiver.url.split("/")[2],
        "authorization": "Bearer abcd",
        "content-type": "application/json",
        "accept": "application/json, text/plain, */*",
        "user-agent": "axios/1.4.0",
        "accept-encoding": "gzip, compress, deflate, br",
        "connection": "close",
        "content-length": "7",
    }
    assert (received.path, received.raw) == ("/webhook", b'{"n":1}')
    (attempt,) = event.attempts
    assert (event.state, attempt.moment, attempt.status, attempt.error) == ("delivered", EPOCH, 200, "")
    assert attempt.milliseconds > 0


def test_delivery_without_a_key(receiver: WebhookReceiver) -> None:
    """There is no authorization header."""
    world = world_for(receiver.url)
    add(world)
    deliver(world)
    assert "authorization" not in receiver.received[0].headers


def test_delivery_ignores_proxies_of_the_environment(
    receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event goes to the webhook itself and to nobody else."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    world = world_for(receiver.url)
    event = add(world)
    deliver(world)
    assert event.state == "delivered"


def test_deliver_due_without_a_url() -> None:
    """Nothing is there to be sent."""
    assert deliver(world_for("")) == []


def test_deliver_due_leaves_what_is_not_due(receiver: WebhookReceiver) -> None:
    """Until the clock says so."""
    world = world_for(receiver.url)
    add(world, 1, delay=(3.0, 3.0))
    add(world, 2)
    assert deliver(world) == [2]
    world.clock.advance(3)
    assert deliver(world) == [1]
    assert [received.body["n"] for received in receiver.received] == [2, 1]


def test_copies_arrive_all(receiver: WebhookReceiver) -> None:
    """The same body as often as was asked for."""
    world = world_for(receiver.url)
    add(world, copies=3)
    assert deliver(world) == [1, 1, 1]
    assert [received.raw for received in receiver.received] == [b'{"n":1}'] * 3


def test_reordered_event_arrives_after_the_next(receiver: WebhookReceiver) -> None:
    """In one go: the next one's attempt makes it due."""
    world = world_for(receiver.url)
    add(world, 1, reorder=True)
    assert deliver(world) == []
    add(world, 2)
    assert deliver(world) == [2, 1]
    assert [received.body["n"] for received in receiver.received] == [2, 1]


def test_dropped_event_does_not_arrive(receiver: WebhookReceiver) -> None:
    """And the one after it does."""
    world = world_for(receiver.url)
    add(world, 1, drop=True)
    add(world, 2)
    assert deliver(world) == [2]
    assert len(receiver.received) == 1


# --- what may go wrong ------------------------------------------------------------------------------------


def test_delivery_that_is_refused_comes_again(receiver: WebhookReceiver) -> None:
    """At the moments of the outbox, by the world's clock, until it is accepted."""
    world = world_for(receiver.url)
    event = add(world)
    receiver.answer_with(500, 404, 200)
    assert deliver(world) == [1]
    assert (event.state, deliver(world)) == ("waiting", [])
    for wait in WAITS[:2]:
        world.clock.advance(wait)
        assert deliver(world) == [1]
    assert event.state == "delivered"
    assert [(a.status, a.error, a.moment - EPOCH) for a in event.attempts] == [
        (500, "answered 500", 0),
        (404, "answered 404", 1),
        (200, "", 6),
    ]


def test_delivery_to_nobody() -> None:
    """An attempt without a status, as often as any other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        world = world_for(f"http://127.0.0.1:{port}/")
        event = add(world)
        for wait in (*WAITS, 0.0):
            deliver(world)
            world.clock.advance(wait)
    assert event.state == "given up"
    assert {(a.status, a.error) for a in event.attempts} == {
        (None, "ConnectError: All connection attempts failed")
    }
    assert len(event.attempts) == 5


def test_delivery_to_a_slow_target() -> None:
    """The whole of a request has so many seconds."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    assert attempt_at(silent, timeout=0.05) == (None, "no answer within 0.05 s")


def test_delivery_to_a_target_that_drips() -> None:
    """An answer that begins in time must end in time."""

    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nslow")
        await reader.read()
        writer.close()

    assert attempt_at(dripping, timeout=0.05) == (None, "no answer within 0.05 s")


def test_delivery_to_a_target_with_a_long_answer() -> None:
    """Of it no more is read than makes a target happy."""
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"a" * 200_000
    assert attempt_at(answering(long)) == (200, "")


def test_delivery_that_is_redirected(receiver: WebhookReceiver) -> None:
    """Nobody is called but the webhook that was given."""
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {receiver.url}\r\nContent-Length: 0\r\n\r\n".encode()
    assert attempt_at(answering(moved)) == (307, "answered 307, and redirects are not followed")
    assert receiver.received == []


def test_delivery_to_a_target_that_speaks_no_http() -> None:
    """Told as the client tells it."""
    status, error = attempt_at(answering(b"220 mail\r\n\r\n"))
    assert (status, error.partition(":")[0]) == (None, "RemoteProtocolError")


@pytest.mark.parametrize(
    ("url", "key", "error"),
    [
        ("ftp://example.test/", "", "UnsupportedProtocol"),
        ("http://localhost:port/", "", "InvalidURL"),
        ("", "schlüssel", "UnicodeEncodeError"),
        ("", "a\r\nb", "LocalProtocolError"),
    ],
)
def test_delivery_with_what_cannot_be_sent(receiver: WebhookReceiver, url: str, key: str, error: str) -> None:
    """A wrong address or key is a failed attempt like any other."""
    world = world_for(url or receiver.url, key)
    event = add(world)
    deliver(world)
    assert (event.attempts[0].status, event.attempts[0].error.partition(":")[0]) == (None, error)


def test_delivery_of_a_world_that_was_reset_meanwhile() -> None:
    """The answer is noted where the event was, and the new outbox knows nothing of it."""

    async def main() -> None:
        hanging = Hanging()
        async with target(hanging) as url:
            world = world_for(url)
            event = add(world)
            sending = asyncio.create_task(Sender().deliver_due(world))
            await hanging.busy.wait()
            world.outbox = outbox_of(world)
            hanging.release.set()
            assert await sending == [event]
            assert (event.state, list(world.outbox.events)) == ("delivered", [])

    asyncio.run(main())


# --- how many at once -------------------------------------------------------------------------------------


def test_deliveries_under_way_are_bounded() -> None:
    """Ten of a world at a time, and each is sent once."""

    async def main() -> None:
        hanging = Hanging(many=10)
        async with target(hanging) as url:
            world = world_for(url)
            events = [add(world, number) for number in range(25)]
            sending = asyncio.create_task(Sender().deliver_due(world))
            await hanging.busy.wait()
            hanging.release.set()
            assert set(await sending) == set(events)
            assert hanging.most == 10
            assert [len(event.attempts) for event in events] == [1] * 25

    asyncio.run(main())


def test_delivery_does_not_hold_the_lock() -> None:
    """Calls are answered while a target thinks."""

    def is_free(lock: threading.RLock) -> bool:
        with lock:
            return True

    async def main() -> None:
        hanging = Hanging()
        async with target(hanging) as url:
            world = world_for(url)
            add(world)
            sending = asyncio.create_task(Sender().deliver_due(world))
            await hanging.busy.wait()
            assert await asyncio.wait_for(asyncio.to_thread(is_free, world.lock), 5)
            hanging.release.set()
            await sending

    asyncio.run(main())


def test_deliver_due_waits_for_what_is_under_way_already() -> None:
    """Whoever asks twice gets one delivery, and both know when it is over."""

    async def main() -> None:
        hanging = Hanging()
        async with target(hanging) as url:
            world, sender = world_for(url), Sender()
            event = add(world)
            sending = [asyncio.create_task(sender.deliver_due(world)) for _ in range(2)]
            await hanging.busy.wait()
            hanging.release.set()
            assert await asyncio.gather(*sending) == [[event], [event]]
            assert len(event.attempts) == 1

    asyncio.run(main())


# --- while serving ----------------------------------------------------------------------------------------


class Serving:
    """A sender's `run` beside a test, over worlds to which more may be added."""

    def __init__(self, *worlds: World, **options: Any) -> None:
        self.worlds = list(worlds)
        self.lines: list[str] = []
        self.stop = asyncio.Event()
        self._sender = Sender(self.lines.append, **options)

    async def __aenter__(self) -> Serving:
        self._running = asyncio.create_task(self._sender.run(self.worlds, self.stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await asyncio.wait_for(self._running, 5)


def test_run_settles_jobs_and_delivers(receiver: WebhookReceiver) -> None:
    """Nobody has to ask for the job or for its event."""
    world = world_for(receiver.url)
    row: Row = {"id": "b7f4a0a4-27f6-4d7e-b0e5-2a2f8c3c1d10", "num_images": 1}
    world.jobs.start(row)
    add(world, delay=(2.0, 2.0))

    async def main() -> None:
        async with Serving(world) as serving:
            assert row["status"] == "PENDING"
            world.clock.advance(2)
            await asyncio.to_thread(receiver.wait_for, n=1)
        assert row["status"] == "COMPLETE"
        (line,) = serving.lines
        assert re.fullmatch(
            rf"\d\d:\d\d:\d\d webhook image_generation\.complete to {receiver.url}: 200 \d+\.\d ms\n", line
        )

    asyncio.run(main())


def test_run_tells_of_attempts_that_failed(receiver: WebhookReceiver) -> None:
    """With their number and what comes next; of the url without what may be secret."""
    world = world_for(f"{receiver.url}?token=secret")
    add(world)
    receiver.answer_with(500, 200)

    async def main() -> list[str]:
        async with Serving(world) as serving:
            await asyncio.to_thread(receiver.wait_for)
        world.clock.advance(1)
        await Sender(serving.lines.append).deliver_due(world)
        return [line[9:] for line in serving.lines]

    told = [re.sub(r"\d+\.\d ms", "… ms", line) for line in asyncio.run(main())]
    assert told == [
        f"webhook image_generation.complete to {receiver.url}: answered 500 … ms (attempt 1, waiting)\n",
        f"webhook image_generation.complete to {receiver.url}: 200 … ms (attempt 2, delivered)\n",
    ]


def test_run_leaves_worlds_without_a_webhook_alone() -> None:
    """Their jobs wait for somebody to look."""
    idle, busy = world_for("", name="idle"), world_for("http://127.0.0.1:9/", name="busy")
    settled: list[str] = []
    ticked = asyncio.Event()

    def noting(name: str) -> Callable[[], list[Row]]:
        def settle() -> list[Row]:
            settled.append(name)
            ticked.set()
            return []

        return settle

    idle.settle, busy.settle = noting("idle"), noting("busy")  # type: ignore[method-assign]

    async def main() -> None:
        async with Serving(idle, busy):
            await asyncio.wait_for(ticked.wait(), 5)

    asyncio.run(main())
    assert set(settled) == {"busy"}


def test_run_goes_on_after_a_defect(receiver: WebhookReceiver) -> None:
    """It is told once, and the next tick does its work."""
    world = world_for(receiver.url)
    add(world)
    settle = world.settle
    calls: list[int] = []

    def sometimes() -> list[Row]:
        calls.append(1)
        if len(calls) <= 2:
            raise RuntimeError("a defect")
        return settle()

    world.settle = sometimes  # type: ignore[method-assign]

    async def main() -> list[str]:
        async with Serving(world) as serving:
            await asyncio.to_thread(receiver.wait_for)
        return serving.lines

    defect, _ = asyncio.run(main())
    first, *_, last = defect.splitlines()
    assert first == "leomock: a defect in leomock itself, please report it:"
    assert last == "RuntimeError: a defect"


def test_run_is_not_kept_up_by_a_target_that_hangs(receiver: WebhookReceiver) -> None:
    """Other worlds get their events, and a stop does not wait for it; the event stays due."""

    async def main() -> None:
        hanging = Hanging(many=10)
        async with target(hanging) as url:
            stuck, other = world_for(url, name="stuck"), world_for(receiver.url, name="other")
            events = [add(stuck, number) for number in range(12)]
            async with Serving(stuck, other, timeout=60):
                await hanging.busy.wait()
                add(other)
                await asyncio.to_thread(receiver.wait_for)
            assert {(event.state, len(event.attempts)) for event in events} == {("waiting", 0)}
            assert stuck.outbox.due() == events
            hanging.release.set()

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < GRACE_SECONDS + 4


def test_run_finishes_what_is_under_way(receiver: WebhookReceiver) -> None:
    """A stop comes after the answer of a target that answers soon."""

    async def main() -> None:
        hanging = Hanging()
        async with target(hanging) as url:
            world = world_for(url)
            event = add(world)
            async with Serving(world) as serving:
                await hanging.busy.wait()
                serving.stop.set()
                hanging.release.set()
            assert event.state == "delivered"

    asyncio.run(main())


def test_no_connection_stays_open_to_a_target_that_is_late() -> None:
    """Some answers come just when the time is up."""
    open_connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_connections
        open_connections += 1
        chance = Random(open_connections)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(chance.random() * 0.04)
            writer.write(OK)
            await asyncio.wait_for(reader.read(), 10)  # until the sender closes
        open_connections -= 1
        writer.close()

    async def main() -> int:
        async with target(talk) as url:
            world = world_for(url)
            sender = Sender(timeout=0.02, most=25)
            for number in range(500):
                add(world, number)
            assert len(await sender.deliver_due(world)) == 500
            late = time.monotonic() + 5
            while open_connections and time.monotonic() < late:
                await asyncio.sleep(0.01)
        return open_connections

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(main()) == 0
