"""Lets the code under test poll without waiting: its sleeps move the world's time on instead."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def fast_polling(advance: Callable[[float], object]) -> Iterator[None]:
    """Inside `with`, `time.sleep` and `asyncio.sleep` call `advance(seconds)` instead of waiting.

    Only in the thread that entered: other threads wait as ever. A sleep of 0 seconds, which only lets others
    run, stays one. Names that were imported before (`from time import sleep`) are out of reach, as are
    timeouts and waits of other kinds (`Event.wait`, `select`, trio). Sleeps of tasks that run side by side
    add up, since each moves the time on.
    """
    owner: int | None = threading.get_ident()
    sleep, sleep_async = time.sleep, asyncio.sleep

    def fast_sleep(seconds: float) -> None:
        if threading.get_ident() == owner and seconds > 0:
            advance(seconds)
        else:
            sleep(seconds)

    async def fast_sleep_async(delay: float, result: Any = None) -> Any:
        if threading.get_ident() != owner or delay <= 0:
            return await sleep_async(delay, result)
        advance(delay)
        return await sleep_async(0, result)

    time.sleep, asyncio.sleep = fast_sleep, fast_sleep_async  # type: ignore[assignment]  # meant
    try:
        yield
    finally:
        # What somebody else has put there since stays; who took ours for the original waits again.
        owner = None
        if time.sleep is fast_sleep:
            time.sleep = sleep
        if asyncio.sleep is fast_sleep_async:
            asyncio.sleep = sleep_async
