"""Pauses between two reads of a pending job."""

from __future__ import annotations

import asyncio

import pytest

from leomock.interop.capability.waiting import NetworkWaiting, Watched


def test_network_is_never_read_twice_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first pause is a second, later ones are longer; less time than that is not worth a read."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def report(gone: float) -> None:
        raise AssertionError("the caller reports each read")

    async def pauses(*left: float) -> list[bool]:
        job = NetworkWaiting()
        return [await job.for_job("id", attempt, seconds, {}, report) for attempt, seconds in enumerate(left)]

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert asyncio.run(pauses(60, 60, 60, 60, 60, 1.2, 0.9)) == [True] * 6 + [False]
    assert slept == [1, 1.5, 2.25, 3.375, 5, 1.2]


def test_network_is_read_for_changes_every_few_seconds_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every minute once the generation has ended, which the verdict does not call polling."""
    pending, complete = {"status": "PENDING"}, {"status": "COMPLETE"}
    values = [pending, complete, complete, None]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def read(last: object) -> object:
        return values.pop(0)

    async def watch() -> list[object]:
        waiting, watched = NetworkWaiting(), Watched(pending, read, "id")
        states = [waiting.state(watched, {})]
        while states[-1] is not None:
            states.append(await waiting.changed(watched, states[-1], {}))
        return states

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert asyncio.run(watch()) == [pending, complete, None]
    assert slept == [5, 5, 60, 60]
