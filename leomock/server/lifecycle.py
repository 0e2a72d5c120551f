"""Run a server until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

Answering = Callable[[Any, str], Coroutine[Any, Any, None]]  # on a socket, at a URL


@contextlib.asynccontextmanager
async def open_until(stop: asyncio.Event, app: Any) -> AsyncIterator[None]:
    """Run an app's lifespan until `stop` is set, because open streams would delay the shutdown."""
    started = asyncio.Event()

    async def run() -> None:
        async with app.router.lifespan_context(app):
            started.set()
            await stop.wait()

    running = asyncio.create_task(run())
    await started.wait()
    try:
        yield
    finally:
        stop.set()
        await running


def on_signal(stop: asyncio.Event) -> None:
    """Set `stop` on Ctrl-C or SIGTERM; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def first(number: int) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, first, number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda n, _: loop.call_soon_threadsafe(first, n))


def asyncio_run(main_coroutine: Any) -> None:
    """Run a coroutine like `asyncio.run`, on uvloop if it is available."""
    with _signals_as_before(), asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main_coroutine)


@contextlib.contextmanager
def _signals_as_before() -> Iterator[None]:
    """Restore the handlers of signals, unless one came: then a second one ends the process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) not in (handler, signal.SIG_DFL):
                signal.signal(number, handler)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop if it is available, or else one of asyncio."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
