"""What Python can do with one API key of a fake: steer its time and faults, and look at what happened."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leomock.server.time_travel import advance
from leomock.state.clock import Clock
from leomock.state.journal import Exchange
from leomock.state.outbox import Event
from leomock.state.snapshot import restore, take
from leomock.state.story import story
from leomock.state.world import World
from leomock.testing.assertions import assert_called, assert_not_called

if TYPE_CHECKING:
    from leomock.server.transport import Transport
    from leomock.testing.host import Host
    from leomock.testing.interception import Interceptor
    from leomock.verdict.review import Verdict


class Tenant:
    """One API key of a fake, with a world of its own."""

    def __init__(self, fake: Host, api_key: str) -> None:
        self._fake = fake
        self.api_key = api_key

    def __repr__(self) -> str:
        return f"<leomock {type(self).__name__} {self.api_key[:4]}… at {self.url}>"

    @property
    def url(self) -> str:
        """The address of the server, e.g. `http://127.0.0.1:41234`."""
        return self._fake.url

    @property
    def base_url(self) -> str:
        """The base URL that SDKs take: `url` and `/api/rest/v1`."""
        return f"{self.url}/api/rest/v1"

    @property
    def transport(self) -> Transport:
        """An httpx transport for `Client` and `AsyncClient` that calls the app without a port."""
        return self._fake.transport

    # --- state ---------------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """The state behind `api_key`."""
        return self._fake.api.worlds.of(self.api_key)

    @property
    def user_id(self) -> str:
        """The user id of `api_key`."""
        return self.world.user_id

    def reset(self) -> None:
        """Forget everything that happened; settings and credentials stay."""
        with self.world.lock:
            self.world.reset()

    def snapshot(self) -> dict[str, Any]:
        """The state as JSON values, to come back to with `restore`."""
        return take(self.world)

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to where a snapshot was taken; raises SnapshotError."""
        restore(self.world, snapshot)

    # --- time ----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The clock: `now()`, `freeze()`, `run(rate)`."""
        return self.world.clock

    def advance(self, seconds: float) -> list[dict[str, Any]]:
        """Move the time on; what falls due happens in its order, and is returned."""
        return self._advance(seconds)

    def advance_until_idle(self) -> list[dict[str, Any]]:
        """Move the time on until no job and no webhook is due any more; returns what happened."""
        return self._advance(math.inf)

    def fast_polling(self) -> AbstractContextManager[None]:
        """Inside `with`, sleeps of this thread move the time on instead of waiting (see `fast_polling`)."""
        from leomock.testing.fast_polling import fast_polling

        return fast_polling(self.advance)

    def _worlds(self) -> list[World]:
        """What `advance` moves on."""
        return [self.world]

    def _advance(self, seconds: float) -> list[dict[str, Any]]:
        worlds = self._worlds()

        async def every() -> list[dict[str, Any]]:
            return [fired for world in worlds for fired in await advance(world, seconds, self._fake.sender)]

        return self._fake.run(every())

    def finish(self, id: str | None = None) -> list[str]:
        """End the pending job of a generation, or all; returns the ids (for `jobs="manual"`)."""
        with self.world.lock:
            ids = self.world.jobs.pending() if id is None else [id]
            return [id for id in ids if self.world.jobs.finish(id)]

    # --- scenarios -----------------------------------------------------------------------------------

    @contextmanager
    def scenario(self, *names: str | Path) -> Iterator[None]:
        """Let scenarios (names or files) be in force inside `with`, besides those that are."""
        more = tuple(self._fake.api.library.playable(name) for name in names)
        world = self.world
        before = world.script.scenarios
        with world.lock:
            world.script.play((*more, *before))
        try:
            yield
        finally:
            with world.lock:
                world.script.play(before)

    # --- what happened -------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Exchange]:
        """The exchanges, oldest first."""
        return list(self.world.journal)

    def assert_called(self, operation: str, **expected: Any) -> list[Exchange]:
        """Fail unless an operation was called as expected; returns the calls.

        `times`, `at_least`, `at_most` are numbers of calls; `body` and `query` are parts of a request,
        `status` is that of the answer.
        """
        __tracebackhide__ = True
        return assert_called(self.requests, operation, **self._known(), **expected)

    def assert_not_called(self, operation: str, **expected: Any) -> None:
        """Fail if an operation was called in this way."""
        __tracebackhide__ = True
        assert_not_called(self.requests, operation, **self._known(), **expected)

    def _known(self) -> dict[str, Any]:
        """What the assertions need to know: the operations there are, and how much the journal forgot."""
        return {
            "known_operations": list(self._fake.api.operations),
            "forgotten": self.world.journal.forgotten,
        }

    def verdict(self) -> Verdict:
        """Judge the client by what is in the journal: polled too fast, billed twice, …"""
        from leomock.verdict.review import verdict

        return verdict(self.requests, events=self.webhooks, forgotten=self.world.journal.forgotten)

    def story(self) -> str:
        """Return the exchanges, a line each; polling is folded, and unfinished generations are noted."""
        return story(self.requests, events=self.webhooks, forgotten=self.world.journal.forgotten)

    # --- fixed hosts ---------------------------------------------------------------------------------

    def intercept(self) -> AbstractContextManager[Interceptor]:
        """Inside `with`, calls for the real hosts go to the fake (see `leomock.testing.interception`)."""
        from leomock.testing.interception import intercept

        return intercept(self._fake)

    # --- webhooks ------------------------------------------------------------------------------------

    def set_webhook(self, url: str, key: str = "") -> None:
        """Send events there, with the key as bearer; an empty url turns them off."""
        with self.world.lock:
            self.world.set_webhook(url, key)

    @property
    def webhooks(self) -> list[Event]:
        """The events and every attempt to deliver them, oldest first."""
        with self.world.lock:
            return list(self.world.outbox.events)
