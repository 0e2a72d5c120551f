"""Pauses between two reads of a job that is not finished."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from leomock.state.world import World

# Seconds. leomock's own verdict calls more than one read a second too fast.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 1.0, 5.0, 1.5
# Seconds between two checks of a job in this process. A check is not a request.
SECONDS_BETWEEN_LOOKS = 0.05

Advance = Callable[[World, float], Awaitable[object]]
Report = Callable[[float], Awaitable[None]]  # seconds elapsed


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

    async def watch(
        self, id: str, pending: Callable[[], Awaitable[bool]], headers: Mapping[str, str]
    ) -> None:
        """Wait until a generation is no longer PENDING, without moving a clock. `pending` reads it."""
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

    async def watch(
        self, id: str, pending: Callable[[], Awaitable[bool]], headers: Mapping[str, str]
    ) -> None:
        """Read the generation every few seconds until it is no longer PENDING."""
        while True:
            await asyncio.sleep(LONGEST_PAUSE)
            if not await pending():
                return


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

    async def watch(
        self, id: str, pending: Callable[[], Awaitable[bool]], headers: Mapping[str, str]
    ) -> None:
        """Look at the generation until it is no longer PENDING, or is gone. It is not read."""
        world = self._world(headers)
        while True:
            with world.lock:
                world.settle()
                row = world.generations.get(id)
                if row is None or row["status"] != "PENDING":
                    return
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    def _world(self, headers: Mapping[str, str]) -> World:
        key = headers.get("authorization", "").strip().partition(" ")[2].strip()
        return self._world_of(key or self._key)
