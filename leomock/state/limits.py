"""The documented limits on rates, concurrency and queues; in force with `--limits real`."""

from __future__ import annotations

from collections import deque

from leomock.errors import QUEUE_FULL, RATE_LIMITED
from leomock.state.clock import Clock

# Calls a minute, over all operations and for each of the dear ones (documented).
OVERALL = 2000
EACH = 100
DEAR = frozenset(
    {
        *("createGeneration", "CreateUniversalUpscalerJob", "createVariationUnzoom"),
        *("createVariationUpscale", "createVariationNoBG", "executeBlueprint"),
    }
)
WINDOW = 60.0
# Image generations that run at a time, and that may wait beside them (documented).
SLOTS = 10
QUEUE = 200


class Limits:
    """Counts the calls of a world in a sliding minute of its clock."""

    slots = SLOTS

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}

    def count(self, operation: str) -> None:
        """Count a call; one too many raises the 429 (its body is a choice)."""
        self._count("", OVERALL)
        if operation in DEAR:
            self._count(operation, EACH)

    def check_queue(self, pending: int) -> None:
        """Refuse another job where as many as may wait do."""
        if pending >= SLOTS + QUEUE:
            raise QUEUE_FULL(explain=f"{SLOTS} generations run and {QUEUE} wait already (--limits real)")

    def _count(self, name: str, most: int) -> None:
        calls = self._calls.setdefault(name, deque())
        now = self._clock.now()
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        if len(calls) >= most:
            wait = max(1, round(calls[0] + WINDOW - now))
            what = name or "the API"
            raise RATE_LIMITED(
                headers={"Retry-After": str(wait)},
                explain=f"{what} takes {most} calls a minute (--limits real); try again in {wait} s",
            )
        calls.append(now)
