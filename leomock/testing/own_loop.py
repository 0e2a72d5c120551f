"""Control the fake from inside a running event loop without blocking it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any, NoReturn


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def in_running_loop() -> bool:
    """True if this thread runs an event loop of asyncio or trio."""
    if running_loop() is not None:
        return True
    import sniffio

    try:
        sniffio.current_async_library()
    except sniffio.AsyncLibraryNotFoundError:
        return False
    return True


class StartedSteering:
    """The result of a control call in a running event loop: await it to get the list of events."""

    def __init__(self, future: Future[list[dict[str, Any]]]) -> None:
        self._future = future

    def join(self) -> None:
        """Block until it is done; the webhook receiver must not be in this loop."""
        self._future.result()

    def __await__(self) -> Generator[Any, None, list[dict[str, Any]]]:
        """Wait without blocking the loop."""
        return self._wait().__await__()

    async def _wait(self) -> list[dict[str, Any]]:
        if running_loop() is not None:
            return await asyncio.wrap_future(self._future)
        import anyio

        return await anyio.to_thread.run_sync(self._future.result)

    def _refuse(self, *_: object) -> NoReturn:
        raise RuntimeError(
            "leomock: time was advanced in a running event loop, which must not be blocked while a webhook "
            "is delivered: write `await leomock.aadvance(...)` or "
            "`await leomock.aadvance_until_idle()`"
        )

    __iter__ = __len__ = __getitem__ = __bool__ = __contains__ = _refuse
