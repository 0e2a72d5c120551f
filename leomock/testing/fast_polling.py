"""One timeline for a test: programs wait for points on it, and it advances while nothing real is in progress.

Inside `fast_polling`, the clocks of the `time` module are shifted by one offset in all threads except the
fake's. A thread waits for a point on that timeline if it sleeps, waits with a timeout, or runs an event loop
that is idle until its next timer. When the fake is answering no call and no thread of the program did
anything meanwhile, the timeline jumps to the earliest of those points, and the fake's clock advances with it.
"""

from __future__ import annotations

import asyncio
import math
import queue
import sys
import threading
import time
from asyncio import base_events
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from leomock.testing.host import Host

_REAL = {name: getattr(time, name) for name in ("monotonic", "time", "perf_counter", "sleep")}
# How long a waiting thread lets others run between two checks of them, in real seconds.
PAUSE_SECONDS = 0.001
# Time advances after this many consecutive checks without activity: by then, everything sent before has been
# seen.
QUIET_LOOKS = 3
# This many jumps without a single call of the program mean a loop that makes no progress.
MOST_MOVES_WITHOUT_A_CALL = 10_000


class NoProgressError(RuntimeError):
    """The program waits repeatedly without making any call."""


class Timeline:
    """The offset of the program's clocks, and the threads that wait with their deadlines."""

    def __init__(self, fake: Host, advance: Callable[[float], object]) -> None:
        self.offset = 0.0
        self._fake = fake
        self._advance = advance
        self._waiting: dict[object, tuple[float, int]] = {}  # a deadline and a thread for each wait
        self._lock = threading.Lock()
        self._moved_to = -math.inf  # the time of the last jump
        self._moves = 0
        self._calls_at_move = -1

    def now(self) -> float:
        """The program's monotonic clock."""
        return float(_REAL["monotonic"]()) + self.offset

    def wait(self, began: float, deadline: float, came: Callable[[float], bool]) -> None:
        """Wait from one point to another; `came(pause)` waits for `pause` real seconds, and True ends it."""
        me = object()
        self._waiting[me] = deadline, threading.get_ident()
        quiet = 0
        try:
            while self.now() < deadline:
                before = self._activity()
                if came(PAUSE_SECONDS):
                    return
                quiet = quiet + 1 if before is not None and before == self._activity() else 0
                if quiet >= QUIET_LOOKS:
                    if came(0):
                        return
                    self._move_to(deadline, began)
                    quiet = 0
        finally:
            del self._waiting[me]

    def _move_to(self, deadline: float, began: float) -> None:
        """Jump to a deadline, unless a thread waits for an earlier one.

        The fake's clock advances by the time waited for, without the real milliseconds that checking took.
        """
        with self._lock:
            step = deadline - self.now()
            if step <= 0 or any(moment < deadline for moment, _ in list(self._waiting.values())):
                return
            calls = self._fake.calls
            self._moves = self._moves + 1 if calls == self._calls_at_move else 0
            self._calls_at_move = calls
            if self._moves > MOST_MOVES_WITHOUT_A_CALL:
                raise NoProgressError(
                    f"leomock: the program waited {self._moves} times without making a call; it waits for "
                    "something that never happens"
                )
            self.offset += step
            waited = deadline - max(began, self._moved_to)
            # A deadline in absolute time was computed a little before the wait began.
            waited = round(waited, 2) if waited > 1 else waited
            self._moved_to = deadline
            self._advance(waited)

    def _activity(self) -> tuple[object, ...] | None:
        """Return a value that changes with any activity.

        Returns None while the fake is answering a call, or while a thread of the program is ready to run: on
        a busy machine it may get no CPU time for longer than all the checks take.
        """
        if self._fake.busy:
            return None
        idle = {thread for _, thread in list(self._waiting.values())}
        others = [each for each in threading.enumerate() if each.ident not in idle and not is_ours(each)]
        if any(map(_is_ready, others)):
            return None
        used = tuple(_processor_time(each.ident) for each in others if each.ident is not None)
        return self._fake.calls, self._fake.turns(), len(idle), used


def is_ours(thread: threading.Thread | None = None) -> bool:
    """True if a thread (by default the current one) belongs to the fake."""
    return (thread or threading.current_thread()).name.startswith("leomock")


def _is_ready(thread: threading.Thread) -> bool:
    """True if the system says that a thread is running, ready to run, or waiting for the disk; Linux only."""
    try:
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split(maxsplit=1)[0] in (b"R", b"D")


def _processor_time(ident: int) -> float:
    """Return a thread's CPU time in seconds; 0 if the system does not provide it."""
    with suppress(AttributeError, OSError, OverflowError):
        return time.clock_gettime(time.pthread_getcpuclockid(ident))
    return 0.0


@contextmanager
def fast_polling(fake: Host, advance: Callable[[float], object]) -> Iterator[Timeline]:
    """Make the program wait on a simulated timeline instead of in real time inside `with`.

    Covered are `time.sleep`, deadlines by the clocks of `time`, asyncio and anyio (sleeps, `wait_for`,
    timeouts), trio, `Event.wait`, `Condition.wait`, `queue.get` and futures with timeouts, in all threads,
    and names that a module imported before (`from time import sleep`). Not covered are event loops in C
    (uvloop), locks and joins with timeouts, other processes, and C libraries that do their own waiting.
    """
    line = Timeline(fake, advance)
    replaced: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, value: Any) -> None:
        replaced.append((owner, name, vars(owner)[name]))
        setattr(owner, name, value)

    try:
        # Compare by identity: some objects in modules cannot be hashed or compared.
        functions = {id(_REAL[name]): value for name, value in _functions(line).items()}
        for module in _modules():
            for name, value in list(vars(module).items()):
                if (ours := functions.get(id(value))) is not None:
                    replace(module, name, ours)
        _replace_in_asyncio(line, replace)
        replace(threading.Condition, "wait", _condition_wait(line))
        _replace_in_trio(line, replace)
        yield line
    finally:
        for owner, name, value in reversed(replaced):
            setattr(owner, name, value)


def _functions(line: Timeline) -> dict[str, Callable[..., Any]]:
    def shifted(name: str) -> Callable[[], float]:
        real = _REAL[name]

        def clock() -> float:
            return float(real()) + (0.0 if is_ours() else line.offset)

        return clock

    def sleep(seconds: float) -> None:
        if is_ours() or seconds <= 0:
            _REAL["sleep"](seconds)
        else:
            now = line.now()
            line.wait(now, now + seconds, lambda pause: bool(_REAL["sleep"](pause)))

    return {**{name: shifted(name) for name in ("monotonic", "time", "perf_counter")}, "sleep": sleep}


def _modules() -> Iterator[Any]:
    """Yield the modules that read the clock: `time`, and all that imported its functions by name."""
    for name, module in list(sys.modules.items()):
        package = name.partition(".")[0]
        if module is None or package in ("leomock", "pytest", "_pytest", "xdist", "uvicorn", "hypothesis"):
            continue
        # From the standard library only modules that wait with a timeout: the rest calls `time` itself.
        if package in sys.stdlib_module_names and module not in (time, queue, threading):
            continue
        if hasattr(module, "__dict__"):
            yield module


def _replace_in_asyncio(line: Timeline, replace: Callable[[Any, str, Any], None]) -> None:
    """Make loops that are idle until a timer wait on the timeline, from the moment when the timer was set."""
    loop_type: Any = base_events.BaseEventLoop
    original_call_later, original_run_once = loop_type.call_later, loop_type._run_once
    set_at: WeakKeyDictionary[asyncio.TimerHandle, float] = WeakKeyDictionary()

    def call_later(loop: Any, delay: float, *args: Any, **options: Any) -> asyncio.TimerHandle:
        timer: asyncio.TimerHandle = original_call_later(loop, delay, *args, **options)
        set_at[timer] = timer.when() - delay
        return timer

    def run_once(loop: Any) -> None:
        timers = [timer for timer in loop._scheduled if not timer._cancelled]
        if timers and not (is_ours() or loop._ready or loop._stopping):
            first = min(timers)
            began = set_at.get(first, line.now())
            line.wait(began, first.when(), lambda pause: bool(loop._selector.select(pause)))
        original_run_once(loop)

    replace(loop_type, "call_later", call_later)
    replace(loop_type, "_run_once", run_once)


def _condition_wait(line: Timeline) -> Callable[..., bool]:
    original = threading.Condition.wait

    def wait(self: threading.Condition, timeout: float | None = None) -> bool:
        if timeout is None or timeout <= 0 or is_ours():
            return original(self, timeout)
        told = False

        def came(pause: float) -> bool:
            nonlocal told
            told = original(self, pause)
            return told

        now = line.now()
        line.wait(now, now + timeout, came)
        return told

    return wait


def _replace_in_trio(line: Timeline, replace: Callable[[Any, str, Any], None]) -> None:
    """Make the timeline trio's clock, if the program uses trio."""
    run = sys.modules.get("trio._core._run")
    if run is None:
        return
    current, get_events = run.SystemClock.current_time, run.TheIOManager.get_events

    def current_time(clock: Any) -> float:
        return float(current(clock)) + line.offset

    def events(manager: Any, timeout: float) -> Any:
        if timeout <= 0:
            return get_events(manager, timeout)
        found: Any = []

        def came(pause: float) -> bool:
            nonlocal found
            found = get_events(manager, pause)
            return bool(found)

        now = line.now()
        line.wait(now, now + min(timeout, 1e9), came)
        return found

    replace(run.SystemClock, "current_time", current_time)
    replace(run.TheIOManager, "get_events", events)
