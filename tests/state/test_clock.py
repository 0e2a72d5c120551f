"""Time as a value."""

from __future__ import annotations

import pytest

from leomock.state.clock import EPOCH, Clock, timestamp


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


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_clock_never_goes_back(seconds: float) -> None:
    """Nor to the end of time."""
    with pytest.raises(ValueError, match="time moves forwards only, by a finite number of seconds"):
        Clock().advance(seconds)


def test_timestamp_has_milliseconds_and_no_zone() -> None:
    """As seen in captured answers."""
    assert timestamp(EPOCH) == "2024-04-20T14:33:28.258"
    assert timestamp(0) == "1970-01-01T00:00:00.000"
