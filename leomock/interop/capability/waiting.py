"""Pauses between two reads: of a job that is not finished, and of what a subscriber watches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol

import orjson

from leomock.state.world import World

# Seconds. leomock's own verdict calls more than one read a second too fast.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 1.0, 5.0, 1.5
# Seconds between two reads of things that rarely change. The verdict does not count these as polling.
RARE_PAUSE = 60.0
# Seconds between two checks of a job in this process. A check is not a request.
SECONDS_BETWEEN_LOOKS = 0.05

Advance = Callable[[World, float], Awaitable[object]]
Report = Callable[[float], Awaitable[None]]  # seconds elapsed


class Watched(NamedTuple):
    """What a subscriber watches: the account, or a generation, or only the file of one of its images.

    `value` is what was read at the start. `read` takes the last value and returns the current one: None if it
    is deleted, and the last one if it cannot be read now.
    """

    value: Any
    read: Callable[[Any], Awaitable[Any]]
    generation: str = ""
    is_file: bool = False


class Waiting(Protocol):
    """Decides when a job that was PENDING is read again."""

    async def for_job(
        self, id: str, attempt: int, seconds: float, headers: Mapping[str, str], report: Report
    ) -> bool:
        """Wait at most `seconds` for a job; returns False if reading it again is not worthwhile."""
        ...

    async def pause(self, seconds: float, headers: Mapping[str, str]) -> None:
        """Wait the given seconds after a call that failed."""
        ...

    def state(self, watched: Watched, headers: Mapping[str, str]) -> object:
        """Return the state of what is watched, before the first change."""
        ...

    async def changed(self, watched: Watched, state: object, headers: Mapping[str, str]) -> object:
        """Wait until the state changes, and return the new one; None once it is deleted. No clock moves."""
        ...


class NetworkWaiting:
    """Wait for a job of a server: at least a second between two reads, longer each time."""

    async def for_job(
        self, id: str, attempt: int, seconds: float, headers: Mapping[str, str], report: Report
    ) -> bool:
        """Wait at most `seconds` for a job; returns False if less than the first pause is left."""
        if seconds < FIRST_PAUSE:
            return False
        await asyncio.sleep(min(FIRST_PAUSE * GROWTH**attempt, LONGEST_PAUSE, seconds))
        return True

    async def pause(self, seconds: float, headers: Mapping[str, str]) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)

    def state(self, watched: Watched, headers: Mapping[str, str]) -> object:
        """Return the value itself."""
        return watched.value

    async def changed(self, watched: Watched, state: object, headers: Mapping[str, str]) -> object:
        """Read every few seconds while a generation is PENDING, and every minute otherwise."""
        is_pending = isinstance(state, dict) and state.get("status") == "PENDING"
        value = state
        while value == state:
            await asyncio.sleep(LONGEST_PAUSE if is_pending else RARE_PAUSE)
            value = await watched.read(state)
        return value


class FakeWaiting:
    """Wait for a job of a fake in this process, without reading it.

    `world_of` finds the state of an API key; `key` is the default for calls without a key. With
    `advance`, a frozen clock is advanced instead of waiting.
    """

    def __init__(
        self, world_of: Callable[[str], World], key: str = "", advance: Advance | None = None
    ) -> None:
        self._world_of = world_of
        self._key = key
        self._advance = advance

    async def for_job(
        self, id: str, attempt: int, seconds: float, headers: Mapping[str, str], report: Report
    ) -> bool:
        """Wait at most `seconds` for a job; returns False if it is not finished by then.

        A job that ends after a number of reads finishes at once: waiting replaces these reads.
        """
        world = self._world(headers)
        now = asyncio.get_running_loop().time
        began = reported = now()
        while True:
            with world.lock:
                world.settle()
                left = world.jobs.seconds_left(id)
                if left == 0:
                    world.jobs.finish(id)
                    return True
                frozen = not world.clock.rate
            if frozen and left is not None and self._advance:
                await self._advance(world, min(left, seconds))
                return left <= seconds
            gone = now() - began
            if gone >= seconds:
                return False
            if now() - reported >= LONGEST_PAUSE:
                reported = now()
                await report(gone)
            await asyncio.sleep(min(SECONDS_BETWEEN_LOOKS, seconds - gone))

    async def pause(self, seconds: float, headers: Mapping[str, str]) -> None:
        """Sleep, or advance a frozen clock."""
        world = self._world(headers)
        if self._advance and not world.clock.rate:
            await self._advance(world, seconds)
        else:
            await asyncio.sleep(seconds)

    def state(self, watched: Watched, headers: Mapping[str, str]) -> object:
        """Return a value that differs after each change."""
        return _state(self._world(headers), watched)

    async def changed(self, watched: Watched, state: object, headers: Mapping[str, str]) -> object:
        """Check the world frequently, without a read."""
        world = self._world(headers)
        while (now := _state(world, watched)) == state:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        return now

    def _world(self, headers: Mapping[str, str]) -> World:
        key = headers.get("authorization", "").strip().partition(" ")[2].strip()
        return self._world_of(key or self._key)


def _state(world: World, watched: Watched) -> bytes | None:
    """Return a value that differs after each change of what is watched; None if it is deleted."""
    with world.lock:
        world.settle()
        if not watched.generation:
            return orjson.dumps([world.account.paid, world.account.left_of_plan])
        row = world.generations.get(watched.generation)
        if row is None:
            return None
        if watched.is_file:
            return orjson.dumps(row["status"])
        variations = [world.variations.get(id) for id, _ in row.get("variations", ())]
        return orjson.dumps([row, variations], option=orjson.OPT_NON_STR_KEYS)
