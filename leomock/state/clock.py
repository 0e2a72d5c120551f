"""Time as a value: two numbers, a moment and a rate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

# Where a world's time stands when nobody says otherwise, so that the same calls give the same bytes.
EPOCH = datetime(2024, 4, 20, 14, 33, 28, 258000, UTC).timestamp()


class Clock:
    """Tells a world's time in seconds since 1970 (UTC).

    `source` is a steady clock that runs somewhere else (only `server/` and `fake` hand in the wall clock);
    without one the clock stands still until it is advanced.
    """

    __slots__ = ("_moment", "_read_at", "_source")

    def __init__(self, moment: float = EPOCH, source: Callable[[], float] | None = None) -> None:
        self._source = source
        self._moment = moment
        self._read_at = source() if source else 0.0

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        if self._source is None:
            return self._moment
        return self._moment + self._source() - self._read_at

    def advance(self, seconds: float) -> None:
        """Move on; time never goes backwards (ValueError)."""
        if not seconds >= 0 or seconds == float("inf"):
            raise ValueError(f"advance({seconds}): time moves forwards only, by a finite number of seconds")
        self._moment += seconds


def timestamp(moment: float) -> str:
    """A moment as the REST API writes it: milliseconds and no zone, e.g. `2024-04-20T14:33:28.258`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")[:-6]
