"""What runs beside a server until it stops."""

from __future__ import annotations

import asyncio

import pytest

from leomock.cli.serving import listening
from leomock.cli.serving.listening import repeat


def pauses_after(monkeypatch: pytest.MonkeyPatch, *durations: float, every: float = 5) -> list[float]:
    """Return the pauses before, between and after saves of the given durations; the last save fails."""
    slept: list[float] = []
    said: list[str] = []
    lasting = list(durations)
    now = 0.0

    def save() -> None:
        nonlocal now
        now += lasting.pop(0)
        if not lasting:
            raise OSError("the disk is full")

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if not lasting:
            raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(listening, "monotonic", lambda: now)
        patch.setattr(asyncio, "sleep", sleep)
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(repeat(every, save, said.append))
    assert said == ["leomock: cannot save: the disk is full\n"]
    return slept


def test_quick_saves_come_regularly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pauses_after(monkeypatch, 0, 0.1, 0.5) == [5, 5, 5, 5]


def test_slow_saves_take_a_tenth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pauses_after(monkeypatch, 2, 1, 0.1) == pytest.approx([5, 18, 9, 5])


def test_pause_is_a_minute_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pauses_after(monkeypatch, 100, 2000) == [5, 60, 60]


def test_interval_may_be_longer_than_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pauses_after(monkeypatch, 0, 100, every=300) == [300, 300, 300]
