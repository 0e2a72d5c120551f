"""All tenants of one fake, by API key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from leomock.leonardo.errors import HOOK_DOWN, UNAUTHORIZED
from leomock.leonardo.uuids import is_uuid
from leomock.state.bucket.budget import FileBudget
from leomock.state.clock import Clock
from leomock.state.journal import Journal
from leomock.state.journal_budget import JournalBudget
from leomock.state.outbox import target_of
from leomock.state.redaction import shortened
from leomock.state.row_limit import RowLimit
from leomock.state.scenario import Scenario
from leomock.state.settings import Settings
from leomock.state.world import Announce, MakeClock, World, bucket_name


class Worlds:
    """The tenants of a fake, each created when its key is first used."""

    def __init__(
        self,
        settings: Settings,
        make_clock: MakeClock = Clock,
        announce: Announce | None = None,
        furnish: Callable[[World], None] | None = None,
    ) -> None:
        self.settings = settings
        self.scenarios: tuple[Scenario, ...] = ()
        self._journal_budget = JournalBudget(settings.journals_bytes)
        self._file_budget = FileBudget(settings.max_stored_all)
        self.unauthenticated_journal = Journal(
            settings.journal, most_bytes=settings.journal_bytes, budget=self._journal_budget
        )  # calls without an accepted key
        self.row_limit = RowLimit(settings.max_rows, self)
        self.webhook = target_of(settings)
        self.say: Callable[[str], object] = lambda line: None  # receives messages for the operator
        # Accounts for intercepted calls with an unknown key; the last one gets them.
        self.adopters: list[str] = []
        self.named: set[str] = set()  # keys for which a test opened separate accounts
        self._announce = announce
        self._furnish = furnish
        self._make_clock = make_clock
        self._lock = threading.Lock()
        self._uses = count(1)
        self._by_header: dict[str, World] = {}  # only accepted ones
        self._by_key: dict[str, World] = {}
        self._by_user: dict[str, World] = {}
        self._by_bucket: dict[str, World] = {}

    def now(self) -> float:
        """Return the time of a new world's clock, for calls that belong to no world."""
        return self._make_clock().now()

    def __iter__(self) -> Iterator[World]:
        return iter(list(self._by_key.values()))

    def enter(self, authorization: str, intercepted: bool = False) -> World:
        """Return the world of an `Authorization` header; raises ApiError for a refused key.

        An `intercepted` call with an unknown key belongs to the account of the test.
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
                + ("; it is missing" if not authorization else "")
            )
        if self.settings.auth == "real" and not is_uuid(key):
            raise HOOK_DOWN(explain="the API key is not a UUID; the real service answers 500 to that")
        if self.settings.auth != "open" and key not in self.settings.api_keys:
            raise UNAUTHORIZED(
                explain="unknown API key; the fake was started with a list of keys (--api-key)"
            )
        world = self._by_header[f"Bearer {key}"] = self.of(key)
        return world

    def find(self, authorization: str) -> World | None:
        """Return the world of an `Authorization` header if it exists already."""
        return self._by_header.get(authorization)

    def _adopter(self, authorization: str) -> World | None:
        """Return the account that an intercepted call belongs to; None without a key or for a named key."""
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
            raise UNAUTHORIZED(explain="this API key is not that of the test's account (auth=strict)")
        return world

    def of(self, key: str) -> World:
        """Return the world of an API key, or create it; too many drop the least recently used one."""
        return self._by_key.get(key) or self.open(key, self.settings)

    def open(
        self,
        key: str,
        settings: Settings,
        make_clock: MakeClock | None = None,
        scenarios: Sequence[Scenario] | None = None,
    ) -> World:
        """Return the world of an API key; create it with these settings if it does not exist."""
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
                    self._file_budget,
                    self._furnish,
                )
                self._by_key[key] = self._by_user[world.user_id] = self._by_bucket[
                    bucket_name(world.user_id)
                ] = world
            world.last_used = next(self._uses)
            return world

    def forget(self, key: str) -> None:
        """Remove the world of an API key, if it exists."""
        with self._lock:
            self.named.discard(key)
            if world := self._by_key.get(key):
                self._remove(world)

    def _remove(self, world: World) -> None:
        del self._by_key[world.key], self._by_user[world.user_id], self._by_bucket[bucket_name(world.user_id)]
        self._by_header.pop(f"Bearer {world.key}", None)

    def _forget_one(self) -> None:
        oldest = min(self._by_key.values(), key=lambda world: world.last_used)
        self._remove(oldest)
        self.say(
            f"leomock: {self.settings.max_worlds} keys are kept (--max-worlds); "
            f"dropped the least recently used, {shortened(oldest.key)}\n"
        )

    def of_user(self, user_id: str) -> World | None:
        """Return the world of a user id, or None."""
        return self._by_user.get(user_id)

    def of_bucket(self, name: str) -> World | None:
        """Return the world of a bucket, or None."""
        return self._by_bucket.get(name)
