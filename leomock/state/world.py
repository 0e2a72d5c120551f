"""All the state of one tenant, and all the tenants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from random import Random

from leomock.errors import HOOK_DOWN, UNAUTHORIZED
from leomock.settings import Settings, is_uuid
from leomock.state.bucket import Bucket
from leomock.state.clock import Clock
from leomock.state.ids import Ids, stable, uuid4_from
from leomock.state.jobs import Jobs
from leomock.state.table import Table

REGION = "us-east-1"


class World:
    """Everything that one API key has: the same seed, key and calls give the same ids, times and bytes.

    `source` is the steady clock behind the world's time; without one, time stands still until it is advanced.
    Hold `lock` while reading or changing anything.
    """

    def __init__(self, key: str, settings: Settings, source: Callable[[], float] | None = None) -> None:
        self.key = key
        self.settings = settings
        self.lock = threading.RLock()
        self.user_id = uuid4_from(int.from_bytes(stable("user", settings.seed, key), "big"))
        self._source = source
        self.reset()

    def reset(self) -> None:
        """Forget everything; the user, the bucket's credentials and the order of ids are as at the start."""
        settings, key = self.settings, self.key
        self.clock = Clock(self._source(), self._source) if self._source else Clock()
        self.random = Random(stable("world", settings.seed, key))
        self.ids = Ids(self.random, settings.ids, self.clock.now)
        self.jobs = Jobs(settings.pace, self.clock)
        self.generations = Table()
        self.init_images = Table()
        self.bucket = Bucket(
            name=f"leomock-{self.user_id[:8]}",
            region=REGION,
            access_key_id="LEOMOCK" + stable("access", settings.seed, key, size=7).hex().upper()[:13],
            secret_access_key=stable("secret", settings.seed, key, size=20).hex(),
            session_token=stable("token", settings.seed, key, size=48).hex(),
            now=self.clock.now,
            max_bytes=settings.max_upload,
        )


class Worlds:
    """The tenants of a fake, each made when its key is first used."""

    def __init__(self, settings: Settings, source: Callable[[], float] | None = None) -> None:
        self.settings = settings
        self._source = source
        self._lock = threading.Lock()
        self._by_header: dict[str, World] = {}  # only of those that were let in
        self._by_key: dict[str, World] = {}
        self._by_user: dict[str, World] = {}
        self._by_bucket: dict[str, World] = {}

    def __iter__(self) -> Iterator[World]:
        return iter(list(self._by_key.values()))

    def enter(self, authorization: str) -> World:
        """The world of an `Authorization` header; raises what a refused key is answered."""
        if world := self._by_header.get(authorization):
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

    def of(self, key: str) -> World:
        """The world of an API key, made if need be."""
        with self._lock:
            world = self._by_key.get(key)
            if world is None:
                world = World(key, self.settings, self._source)
                self._by_key[key] = self._by_user[world.user_id] = self._by_bucket[world.bucket.name] = world
            return world

    def of_user(self, user_id: str) -> World | None:
        """The world of a user id, or None."""
        return self._by_user.get(user_id)

    def of_bucket(self, name: str) -> World | None:
        """The world of a bucket, or None."""
        return self._by_bucket.get(name)
