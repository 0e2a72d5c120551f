"""Posts what is due in a world's outbox to its webhook."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import orjson

from leomock.server.access_log import to_stderr
from leomock.state.outbox import Attempt, Event, Outbox
from leomock.state.redaction import one_line
from leomock.state.world import World

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx

# As in the vendor's sample; `authorization` comes first where there is a key.
HEADERS = {
    "accept": "application/json, text/plain, */*",
    "content-type": "application/json",
    "user-agent": "axios/1.4.0",
    "accept-encoding": "gzip, compress, deflate, br",
    "connection": "close",
}
# Basis of these: chosen; how long the real service waits, and how many requests it makes at once, is unknown.
TIMEOUT_SECONDS = 5.0
MOST_AT_ONCE = 10
TICK_SECONDS = 0.05
# How long requests that are under way may still take when the server stops.
GRACE_SECONDS = 0.5
# So much of an answer is read, so that the target can write it; only its status matters.
LONGEST_ANSWER = 65_536


class Sender:
    """Delivers events: each as one POST to the url of its outbox, and to nowhere else.

    At most `most` of one world are under way at once, so that a target that hangs keeps up nobody
    else's. Events that are due together leave in their order, but may arrive in another. `log` receives a
    line for each attempt; a defect is written to stderr where there is no `log`. Use one sender in one event
    loop at a time.
    """

    def __init__(
        self,
        log: Callable[[str], object] | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        most: int = MOST_AT_ONCE,
    ) -> None:
        self._log = log
        self._timeout = timeout
        self._most = most
        self._under_way: dict[World, dict[Event, asyncio.Task[Event]]] = {}
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()
        self._last_defect = ""

    async def deliver_due(self, world: World) -> list[Event]:
        """Send until nothing is due and nothing under way; returns what was attempted, as it was over."""
        attempted: list[Event] = []
        while running := self._start_due(world):
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            attempted += [task.result() for task in running if task in done]
        return attempted

    async def run(self, worlds: Iterable[World], stop: asyncio.Event) -> None:
        """Until `stop` is set, settle the jobs of worlds that have a webhook and send what is due."""
        while not stop.is_set():
            for world in worlds:
                if world.outbox.url:
                    try:
                        with world.lock:
                            world.settle()
                        self._start_due(world)
                    except Exception as error:
                        self._defect(error)
            try:
                await asyncio.wait_for(stop.wait(), TICK_SECONDS)
            except TimeoutError:
                continue
        if tasks := [task for events in self._under_way.values() for task in events.values()]:
            _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()  # its event stays due
            await asyncio.gather(*late, return_exceptions=True)

    def _start_due(self, world: World) -> list[asyncio.Task[Event]]:
        """Begin to send what is due and not yet under way; returns all of the world that is under way."""
        running = self._under_way.setdefault(world, {})
        with world.lock:
            outbox = world.outbox
            for event in outbox.due():
                if len(running) >= self._most:
                    break
                if event not in running:
                    running[event] = asyncio.create_task(
                        self._deliver(world, outbox, event, outbox.url, outbox.key)
                    )
        if not running:
            del self._under_way[world]
        return list(running.values())

    async def _deliver(self, world: World, outbox: Outbox, event: Event, url: str, key: str) -> Event:
        """Send an event and note in its outbox what came of it; the world may have a new one by then."""
        try:
            tls = self._tls  # loads httpx at the first event, which is not the target's time
            began = time.perf_counter()
            status, error = await self._post(url, key, event, tls)
            milliseconds = (time.perf_counter() - began) * 1000
            with world.lock:
                outbox.attempted(event, Attempt(world.clock.now(), status, error, milliseconds))
            if self._log:
                self._log(_line(event, url, milliseconds))
        finally:
            running = self._under_way[world]
            del running[event]
            if not running:
                del self._under_way[world]
        return event

    async def _post(self, url: str, key: str, event: Event, tls: SSLContext) -> tuple[int | None, str]:
        """The status of the answer, or None; and what was wrong, or nothing."""
        headers = {"authorization": f"Bearer {key}", **HEADERS} if key else HEADERS
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client(tls).stream(
                    "POST", url, content=orjson.dumps(event.body), headers=headers
                ) as response,
            ):
                size = 0
                async for chunk in response.aiter_raw():
                    size += len(chunk)
                    if size > LONGEST_ANSWER:
                        break
                return response.status_code, _wrong_with(response.status_code)
        except TimeoutError:
            return None, f"no answer within {self._timeout:g} s"
        except Exception as error:  # an address, a key or a body that cannot be sent fails in many ways
            return None, f"{type(error).__name__}: {error}"

    def _client(self, tls: SSLContext) -> httpx.AsyncClient:
        """One for all events of a loop; it keeps no connection, since each is closed after its request."""
        import httpx

        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = httpx.AsyncClient(
                verify=tls, follow_redirects=False, trust_env=False, timeout=None, limits=httpx.Limits()
            )
        return self._clients[loop]

    @cached_property
    def _tls(self) -> SSLContext:
        """Made once: it reads all certificates, and httpx takes longer to load than the rest of the start."""
        import httpx

        return httpx.create_ssl_context(trust_env=False)

    def _defect(self, error: Exception) -> None:
        """Tell of a defect once while it stays the same: a tick comes 20 times a second."""
        text = "".join(traceback.format_exception(error))
        if text != self._last_defect:
            self._last_defect = text
            (self._log or to_stderr)(f"leomock: a defect of the fake itself, please report it:\n{text}")


def _wrong_with(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return f"answered {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")


def _line(event: Event, url: str, milliseconds: float) -> str:
    """A line for the log; the query of the url is left out, since secrets stand there."""
    last = event.attempts[-1]
    outcome = str(last.status) if last.accepted else last.error
    number = (
        f" (attempt {len(event.attempts)}, {event.state})" if len(event.attempts) > 1 or last.error else ""
    )
    target = one_line(url.partition("?")[0])[:200]
    moment = time.strftime("%H:%M:%S")
    return f"{moment} webhook {event.type} to {target}: {one_line(outcome)} {milliseconds:.1f} ms{number}\n"
