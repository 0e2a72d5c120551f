"""Post the due events of a world's outbox to its webhook."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeAlias

from leomock.openapi.serializer import to_json
from leomock.server.access_log import to_stderr
from leomock.state.outbox import Attempt, Event, Outbox, Target
from leomock.state.redaction import one_line
from leomock.state.world import World

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx

    from leomock.server.tracing import Tracing

# As in the vendor's sample; `authorization` comes first if there is a key.
HEADERS = {
    "accept": "application/json, text/plain, */*",
    "content-type": "application/json",
    "user-agent": "axios/1.4.0",
    "accept-encoding": "gzip, compress, deflate, br",
    "connection": "close",
}
# Basis: chosen. How long the real service waits, and how many requests it sends at once, is unknown.
TIMEOUT_SECONDS = 5.0
MOST_AT_ONCE = 10
TICK_SECONDS = 0.05
# How long requests in progress may still take when the server stops.
GRACE_SECONDS = 0.5
# Only this much of a response is read, so that the target can finish; only its status matters.
LONGEST_ANSWER = 65_536
Post: TypeAlias = Callable[[Event, Mapping[str, str]], Coroutine[Any, Any, tuple[int | None, str]]]
_UNTRACED: contextlib.nullcontext[dict[str, str]] = contextlib.nullcontext({})


class Sender:
    """Deliver events: each as one POST to the URL of its outbox, without following redirects.

    At most `most` events of one world are in progress at once, so that a hanging target does not delay other
    worlds. Events that are due together are sent in order, but may arrive out of order. `log` receives a line
    for each attempt; without `log`, a defect is written to stderr. Use a sender in only one event loop at a
    time.
    """

    def __init__(
        self,
        log: Callable[[str], object] | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        most: int = MOST_AT_ONCE,
        tracing: Tracing | None = None,
    ) -> None:
        self._log = log
        self._tracing = tracing
        self._timeout = timeout
        self._most = most
        self._under_way: dict[World, dict[Event, asyncio.Task[Event]]] = {}
        self._contexts: dict[bool | str, SSLContext] = {}
        self._last_defect = ""
        self.attempts: Counter[str] = Counter()  # by outcome, for /metrics

    async def deliver_due(self, world: World) -> list[Event]:
        """Send until nothing is due or in progress; return the attempted events, as they completed."""
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
        """Start sending due events; return all of the world's tasks that are in progress."""
        running = self._under_way.setdefault(world, {})
        with world.lock:
            outbox = world.outbox
            for event in outbox.due():
                if len(running) >= self._most:
                    break
                if event not in running:
                    running[event] = asyncio.create_task(self._deliver(world, outbox, event, outbox.target))
        if not running:
            del self._under_way[world]
        return list(running.values())

    async def _deliver(self, world: World, outbox: Outbox, event: Event, target: Target) -> Event:
        """Send an event and record the result in its outbox; the world may have a new outbox by then."""
        try:
            post = self._poster(target)
            if target.app is None:
                with contextlib.suppress(OSError):  # which the attempt tells
                    self._tls(target.verify)  # loads httpx and certificates; not part of the target's time
            began = time.perf_counter()
            with self._tracing.delivering(event, target) if self._tracing else _UNTRACED as headers:
                status, error = await post(event, headers)
                milliseconds = (time.perf_counter() - began) * 1000
                with world.lock:
                    attempt = Attempt(world.clock.now(), status, error, milliseconds)
                    outbox.attempted(event, attempt)
            self.attempts[_outcome(attempt)] += 1
            if self._log:
                self._log(_line(event, target.url, milliseconds))
        finally:
            running = self._under_way[world]
            del running[event]
            if not running:
                del self._under_way[world]
        return event

    def _poster(self, target: Target) -> Post:
        """Return the function that sends an event to a target: in its app's event loop, or in this one."""
        loop = target.loop
        if target.app is not None and loop is not None and loop.is_running():
            # The app's locks and queues belong to that loop.
            def post(event: Event, traced: Mapping[str, str]) -> Coroutine[Any, Any, tuple[int | None, str]]:
                return _elsewhere(asyncio.run_coroutine_threadsafe(self._post(target, event, traced), loop))

            return post
        return lambda event, traced: self._post(target, event, traced)

    async def _post(self, target: Target, event: Event, traced: Mapping[str, str]) -> tuple[int | None, str]:
        """Return the status of the response, or None; and an error text, or ''.

        `traced` are headers that continue a trace.
        """
        bearer = {"authorization": f"Bearer {target.key}"} if target.key else {}
        headers = {**bearer, **HEADERS, **traced, **dict(target.headers)}
        timeout = self._timeout if target.timeout is None else target.timeout
        try:
            async with (
                self._client(target) as client,
                asyncio.timeout(timeout),
                client.stream("POST", target.url, content=to_json(event.body), headers=headers) as response,
            ):
                size = 0
                async for chunk in response.aiter_raw():
                    size += len(chunk)
                    if size > LONGEST_ANSWER:
                        break
                return response.status_code, _wrong_with(response.status_code)
        except TimeoutError:
            return None, f"no answer within {timeout:g} s"
        except Exception as error:  # an invalid URL, key or body fails in many ways
            return None, f"{type(error).__name__}: {error}"

    def _client(self, target: Target) -> httpx.AsyncClient:
        """Return a client for one event. Closing it closes its connection, also after a timeout.

        A client shared by all events would leak some of those connections: httpx loses track of them.
        """
        import httpx

        if target.app is not None:
            return httpx.AsyncClient(transport=httpx.ASGITransport(target.app), timeout=None, trust_env=False)
        return httpx.AsyncClient(verify=self._tls(target.verify), timeout=None, trust_env=False)

    def _tls(self, verify: bool | str) -> SSLContext:
        """Return a TLS context, cached because loading certificates is slow. May raise OSError."""
        import ssl

        import httpx

        if verify not in self._contexts:
            if isinstance(verify, str):
                self._contexts[verify] = ssl.create_default_context(cafile=verify)
            else:
                self._contexts[verify] = httpx.create_ssl_context(verify=verify, trust_env=False)
        return self._contexts[verify]

    def _defect(self, error: Exception) -> None:
        """Report a recurring defect only once: there are 20 ticks a second."""
        text = "".join(traceback.format_exception(error))
        if text != self._last_defect:
            self._last_defect = text
            (self._log or to_stderr)(f"leomock: a defect in leomock itself, please report it:\n{text}")


async def _elsewhere(sent: Future[tuple[int | None, str]]) -> tuple[int | None, str]:
    return await asyncio.wrap_future(sent)


def _outcome(attempt: Attempt) -> str:
    if attempt.status is None:
        return "no answer"
    return "accepted" if attempt.accepted else "refused"


def _wrong_with(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return f"answered {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")


def _line(event: Event, url: str, milliseconds: float) -> str:
    """Return a log line; omit the URL's query, since it may contain secrets."""
    last = event.attempts[-1]
    outcome = str(last.status) if last.accepted else last.error
    number = (
        f" (attempt {len(event.attempts)}, {event.state})" if len(event.attempts) > 1 or last.error else ""
    )
    target = one_line(url.partition("?")[0])[:200]
    moment = time.strftime("%H:%M:%S")
    return f"{moment} webhook {event.type} to {target}: {one_line(outcome)} {milliseconds:.1f} ms{number}\n"
