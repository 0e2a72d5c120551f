"""All tenants of one fake, by API key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from leomock.leonardo.errors import HOOK_DOWN, UNAUTHORIZED
from leomock.leonardo.uuids import is_uuid
from leomock.state.clock import Clock
from leomock.state.journal import Journal
from leomock.state.journal_budget import JournalBudget
from leomock.state.redaction import shortened
from leomock.state.scenario import Scenario
from leomock.state.settings import Settings
from leomock.state.world import Announce, MakeClock, World


class Worlds:
    """The tenants of a fake, each made when its key is first used."""

    def __init__(
        self, settings: Settings, make_clock: MakeClock = Clock, announce: Announce | None = None
    ) -> None:
        self.settings = settings
        self.scenarios: tuple[Scenario, ...] = ()
        self._journal_budget = JournalBudget(settings.journals_bytes)
        self.unauthenticated_journal = Journal(
            settings.journal, most_bytes=settings.journal_bytes, budget=self._journal_budget
        )  # what came with no key that was let in
        self.webhook = (settings.webhook_url, settings.webhook_key)
        self.say: Callable[[str], object] = lambda line: None  # told what an operator should know
        # Accounts that take intercepted calls with a key that nobody named; the last one is asked.
        self.adopters: list[str] = []
        self.named: set[str] = set()  # keys that a test knows as accounts of their own
        self._announce = announce
        self._make_clock = make_clock
        self._lock = threading.Lock()
        self._uses = count(1)
        self._by_header: dict[str, World] = {}  # only of those that were let in
        self._by_key: dict[str, World] = {}
        self._by_user: dict[str, World] = {}
        self._by_bucket: dict[str, World] = {}

    def now(self) -> float:
        """The time by a clock as new worlds get it, for what happens outside of all of them."""
        return self._make_clock().now()

    def __iter__(self) -> Iterator[World]:
        return iter(list(self._by_key.values()))

    def enter(self, authorization: str, intercepted: bool = False) -> World:
        """The world of an `Authorization` header; raises what a refused key is answered.

        A call that was `intercepted` and whose key nobody named belongs to the account of the test.
        """
        if intercepted and self.adopters and (adopter := self._adopter(authorization)):
            return adopter
        if world := self._by_header.get(authorization):
            world.last_used = next(self._uses)
            return world
        scheme, _, key = authorization.strip().partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise UNAUTHORIZED(
                explain="send the header 'Authorization: Bearer <API key>'"
                + ("; there is none" if not authorization else "")
            )
        if self.settings.auth == "real" and not is_uuid(key):
            raise HOOK_DOWN(explain="the API key is not a UUID; the real service answers 500 to that")
        if self.settings.auth != "open" and key not in self.settings.api_keys:
            raise UNAUTHORIZED(explain="this API key is none of those the fake was started with (--api-key)")
        world = self._by_header[f"Bearer {key}"] = self.of(key)
        return world

    def find(self, authorization: str) -> World | None:
        """Return the world of an `Authorization` header if it exists already."""
        return self._by_header.get(authorization)

    def _adopter(self, authorization: str) -> World | None:
        """The account that an intercepted call belongs to; None for a key of its own, or without one."""
        scheme, _, key = authorization.strip().partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key or key in self.named:
            return None
        if self.settings.auth != "open":
            return None
        world = self.of(self.adopters[-1])
        if world.settings.auth == "real" and not is_uuid(key):
            raise HOOK_DOWN(explain="the API key is not a UUID; the real service answers 500 to that")
        if world.settings.auth != "open" and key != world.key:
            raise UNAUTHORIZED(explain="this API key is not the one of the test's account (auth=strict)")
        return world

    def of(self, key: str) -> World:
        """The world of an API key, made if need be; when there are too many, the longest unused leaves."""
        return self._by_key.get(key) or self.open(key, self.settings)

    def open(
        self,
        key: str,
        settings: Settings,
        make_clock: MakeClock | None = None,
        scenarios: Sequence[Scenario] | None = None,
    ) -> World:
        """The world of an API key, made with settings of its own if it is not there."""
        with self._lock:
            world = self._by_key.get(key)
            if world is None:
                if len(self._by_key) >= self.settings.max_worlds:
                    self._forget_one()
                world = World(
                    key,
                    settings,
                    make_clock or self._make_clock,
                    self.scenarios if scenarios is None else scenarios,
                    self._announce,
                    self.webhook,
                    self._journal_budget,
                )
                self._by_key[key] = self._by_user[world.user_id] = self._by_bucket[world.bucket.name] = world
            world.last_used = next(self._uses)
            return world

    def forget(self, key: str) -> None:
        """Take the world of an API key out, if there is one."""
        with self._lock:
            self.named.discard(key)
            if world := self._by_key.get(key):
                self._take_out(world)

    def _take_out(self, world: World) -> None:
        del self._by_key[world.key], self._by_user[world.user_id], self._by_bucket[world.bucket.name]
        self._by_header.pop(f"Bearer {world.key}", None)

    def _forget_one(self) -> None:
        oldest = min(self._by_key.values(), key=lambda world: world.last_used)
        self._take_out(oldest)
        self.say(
            f"leomock: {self.settings.max_worlds} keys are kept (--max-worlds); "
            f"forgot the longest unused, {shortened(oldest.key)}\n"
        )

    def of_user(self, user_id: str) -> World | None:
        """The world of a user id, or None."""
        return self._by_user.get(user_id)

    def of_bucket(self, name: str) -> World | None:
        """The world of a bucket, or None."""
        return self._by_bucket.get(name)
