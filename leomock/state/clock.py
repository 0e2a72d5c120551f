"""Time as a value: two numbers, a moment and a rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

# The default time of a world, fixed so that the same calls give the same bytes.
EPOCH = datetime(2024, 4, 20, 14, 33, 28, 258000, UTC).timestamp()

_LAST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()


class Clock:
    """A world's time in seconds since 1970 (UTC): `moment` plus the time since then, times `rate`.

    `source` is a monotonic clock (only `server/`, `testing/` and `cli/` pass one). Without it the time stands
    still until it is advanced. A rate of 0 freezes the clock.
    """

    __slots__ = ("_moment", "_rate", "_read_at", "_source")

    def __init__(
        self, moment: float = EPOCH, source: Callable[[], float] | None = None, rate: float = 1.0
    ) -> None:
        self._source = source
        self._moment = moment
        self._rate = _checked_rate(rate) if source else 0.0
        self._read_at = source() if source else 0.0

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        if self._source is None or self._rate == 0:
            return self._moment
        return self._moment + (self._source() - self._read_at) * self._rate

    @property
    def rate(self) -> float:
        """Seconds of this clock per second of the machine's: 1 is real time, 0 frozen."""
        return self._rate

    def run(self, rate: float = 1.0) -> None:
        """Continue from now at a rate; 0 freezes. Raises ValueError for an invalid rate."""
        rate = _checked_rate(rate)
        if self._source is None:
            if rate:
                raise ValueError("this clock has no time source; only advance(seconds) moves it")
            return
        self._moment, self._read_at = self.now(), self._source()
        self._rate = rate

    def freeze(self) -> None:
        """Stop the clock until it is advanced or runs again."""
        self.run(0)

    def set(self, moment: float) -> None:
        """Set the time, also to an earlier one (for a restored world)."""
        if not 0 <= moment <= _LAST:
            raise ValueError(f"moment {moment}: use seconds since 1970, and not past the year 9000")
        self._moment = moment
        self._read_at = self._source() if self._source else 0.0

    def advance(self, seconds: float) -> None:
        """Move the time forwards; raises ValueError for negative seconds."""
        self.check(seconds)
        self._moment += seconds

    def check(self, seconds: float) -> None:
        """Raise the ValueError that `advance` would raise."""
        if not (0 <= seconds < math.inf and self._moment + seconds <= _LAST):
            raise ValueError(f"advance({seconds}): time only moves forwards, and not past the year 9000")


def _checked_rate(rate: float) -> float:
    if not 0 <= rate <= 1_000_000:
        raise ValueError(f"rate {rate}: use 0 (frozen), 1 (real) or any number up to 1000000")
    return float(rate)


def duration(seconds: float) -> str:
    """Return a time as a person would write it: 0.25 s, 9.93 s, 3,600 s."""
    return f"{seconds:.3g} s" if seconds < 999.5 else f"{seconds:,.0f} s"


def timestamp(moment: float) -> str:
    """Format a time as the REST API does: milliseconds and no zone, e.g. `2024-04-20T14:33:28.258`."""
    # Round to microseconds first: a float may lie just below its millisecond.
    return _millisecond(round(moment * 1_000_000) // 1000)


@lru_cache(maxsize=16)  # rows of the same millisecond share the text
def _millisecond(number: int) -> str:
    second, rest = divmod(number, 1000)
    return f"{datetime.fromtimestamp(second, UTC).isoformat()[:-6]}.{rest:03}"
