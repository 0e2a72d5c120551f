"""Clocks of worlds that follow the program's clock while freezegun or time-machine controls it."""

from __future__ import annotations

import sys
import time
from datetime import UTC
from typing import Any

from leomock.state.clock import EPOCH, Clock


def running_clock() -> Clock:
    """Return a clock that shows the time of the program."""
    return ProgramClock(time.time(), 1)


def frozen_clock() -> Clock:
    """Return a clock that stays at the initial time until something advances it."""
    return ProgramClock(EPOCH, 0)


class ProgramClock(Clock):
    """A clock that moves with the program's clock while a library controls that.

    A running clock then shows the program's time, plus any advances. A frozen one advances by as much as the
    program's clock did since the last reading.
    """

    __slots__ = ("_hold", "_seen")

    def __init__(self, moment: float, rate: float) -> None:
        super().__init__(moment, _monotonic, rate)
        self._hold, self._seen = _program_time()

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        hold, seen = _program_time()
        if hold is None and self._hold is None:
            return super().now()
        if hold is self._hold:
            self._moment += max(0.0, round(seen - self._seen, 6))
        elif self._rate:
            before = self._moment - self._seen if self._hold else super().now() - _real_time()
            self.set(seen + round(before, 3))
        self._hold, self._seen = hold, seen
        return self._moment


def _program_time() -> tuple[object, float]:
    """Return what controls the program's clock (None for nothing), and the time that it shows."""
    freezegun, time_machine = _libraries()
    if freezegun and freezegun.freeze_factories:
        factory = freezegun.freeze_factories[-1]
        return factory, factory().replace(tzinfo=UTC).timestamp()
    return time_machine.traveller_stack[-1] if _is_travelling(time_machine) else None, time.time()


def _real_time() -> float:
    freezegun, time_machine = _libraries()
    if _is_travelling(time_machine):
        return float(time_machine.escape_hatch.time.time())
    return float((freezegun.real_time if freezegun else time.time)())


def _monotonic() -> float:
    freezegun, _ = _libraries()
    return float((freezegun.real_monotonic if freezegun else time.monotonic)())


def _is_travelling(time_machine: Any) -> bool:
    return bool(getattr(time_machine, "traveller_stack", ()))  # time-machine 3


def _libraries() -> tuple[Any, Any]:
    """Return the modules of freezegun and time-machine, each if the program has loaded it."""
    return sys.modules.get("freezegun.api"), sys.modules.get("time_machine")
