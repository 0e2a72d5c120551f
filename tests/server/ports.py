"""An ASGI app on a port, for tests that need a real connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp

from leomock.server.listen import ServerConfig, address, bind, listen


@contextmanager
def on_a_port(
    make_app: Callable[[str], ASGIApp], close: Callable[[], Coroutine[Any, Any, None]] | None = None
) -> Iterator[str]:
    """The address of an app, which is made in the loop that it runs in and may know the address."""
    listener = bind("127.0.0.1", 0)
    started = threading.Event()
    stops: list[Callable[[], object]] = []

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        await listen(ServerConfig(make_app(address(listener))), listener, stop, started.set)
        if close:
            await close()
        for _ in range(3):  # what was told to close does so in the next rounds of the loop
            await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert started.wait(5)
    try:
        yield address(listener)
    finally:
        stops[0]()
        thread.join(5)
