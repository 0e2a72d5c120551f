"""Time as a value."""

from __future__ import annotations

import pytest

from leomock.state.clock import EPOCH, Clock, duration, timestamp


def test_clock_without_a_source_stands_still() -> None:
    """It moves only when it is advanced."""
    clock = Clock()
    assert clock.now() == clock.now() == EPOCH
    clock.advance(1.5)
    assert clock.now() == EPOCH + 1.5


def test_clock_follows_its_source() -> None:
    """What is advanced comes on top."""
    moments = iter([100.0, 101.0, 103.0])
    clock = Clock(1000.0, lambda: next(moments))
    assert clock.now() == 1001.0
    clock.advance(10)
    assert clock.now() == 1013.0


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan"), 1e300])
def test_clock_never_goes_back(seconds: float) -> None:
    """Nor to the end of time."""
    with pytest.raises(ValueError, match="time only moves forwards, and not past the year 9000"):
        Clock().advance(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "0.0123 s"), (9.926, "9.93 s"), (999.6, "1,000 s"), (3600, "3,600 s")]
)
def test_duration_has_no_exponent(seconds: float, text: str) -> None:
    """People read it."""
    assert duration(seconds) == text


def test_timestamp_has_milliseconds_and_no_zone() -> None:
    """As seen in captured answers."""
    assert timestamp(EPOCH) == "2024-04-20T14:33:28.258"
    assert timestamp(0) == "1970-01-01T00:00:00.000"


def test_clock_runs_at_a_rate() -> None:
    """Scaled, frozen, and on again from where it stood."""
    elsewhere = [0.0]
    clock = Clock(1000.0, lambda: elsewhere[0], rate=10)
    elsewhere[0] = 2.0
    assert clock.now() == 1020.0
    clock.freeze()
    elsewhere[0] = 5.0
    assert (clock.now(), clock.rate) == (1020.0, 0.0)
    clock.advance(3)
    clock.run(0.5)
    elsewhere[0] = 9.0
    assert clock.now() == 1025.0


@pytest.mark.parametrize("rate", [-1, float("inf"), float("nan"), 1e7])
def test_clock_refuses_a_rate_that_cannot_be_meant(rate: float) -> None:
    """Says what would work."""
    with pytest.raises(ValueError, match=r"use 0 \(frozen\), 1 \(real\) or any number up to 1000000"):
        Clock(0, lambda: 0.0).run(rate)


def test_clock_without_a_source_cannot_run() -> None:
    """It may be frozen, which it is."""
    clock = Clock()
    clock.freeze()
    with pytest.raises(ValueError, match="this clock has no time source; only advance"):
        clock.run()
