"""An event loop in a thread that ends with its owner."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from leomock.server.direct import Answer, DirectApp
from leomock.server.lifecycle import new_event_loop
from leomock.server.listen import listen

if TYPE_CHECKING:
    from leomock.operations.dispatch import Dispatcher
    from leomock.server.webhook_sender import Sender

T = TypeVar("T")


class Runner:
    """Run coroutines, and a server, on an event loop in a thread.

    The thread holds no reference to its owner, so an owner that was not closed can be garbage-collected; it
    then calls `abandon`. In a forked child the thread does not exist: nothing can run there, and stopping
    closes only the child's copy of the listening socket.
    """

    def __init__(self) -> None:
        _refuse_green_threads()
        self._process = os.getpid()
        self._loop = new_event_loop()
        self._stop = asyncio.Event()
        self._running: list[Future[None]] = []
        self._listener: socket.socket | None = None
        self._thread = threading.Thread(target=_run, args=(self._loop,), name="leomock", daemon=True)
        self._thread.start()

    @property
    def is_inherited(self) -> bool:
        """True in a forked child: another process started the thread."""
        return os.getpid() != self._process

    def submit(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine. Raises RuntimeError in a forked child."""
        if self.is_inherited:
            call.close()
            raise RuntimeError(
                f"leomock: process {self._process} started this fake, and its thread does not run in a "
                "forked child: send requests to its port (base_url), or create another Fake in the child"
            )
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def listen(self, config: Any, listener: socket.socket, sender: Sender, api: Dispatcher) -> None:
        """Serve on a socket and send the webhooks that are due, until `stop`."""
        self._listener = listener
        started = threading.Event()
        serving = self.submit(listen(config, listener, self._stop, started.set))
        serving.add_done_callback(lambda _: started.set())
        started.wait()
        if serving.done():
            serving.result()
        self._running = [serving, self.submit(sender.run(api.worlds, self._stop))]

    def stop(self) -> None:
        """Finish the calls in progress, and end the thread."""
        if self.is_inherited:
            self._close_copy()
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        for running in self._running:
            running.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def abandon(self) -> None:
        """Stop without waiting: garbage collection may call this in any thread."""
        if self.is_inherited:
            return
        with suppress(RuntimeError):  # The loop is already closed.
            self._loop.call_soon_threadsafe(_stop_later, self._loop, self._stop, self._running)

    def _close_copy(self) -> None:
        """Close this process's descriptor of the port; the parent's stays open.

        Do not use the loop for this: it shares its kernel queue with the parent's.
        """
        listener, self._listener = self._listener, None
        if listener is not None and listener.fileno() >= 0:
            os.close(listener.detach())


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        for task in (unfinished := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*unfinished, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def _stop_later(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, running: list[Future[None]]) -> None:
    async def finish() -> None:
        await asyncio.gather(*map(asyncio.wrap_future, running), return_exceptions=True)
        loop.call_soon(loop.stop)

    stop.set()
    loop.create_task(finish())


def _refuse_green_threads() -> None:
    """Raise RuntimeError if threads are green threads: the fake would never run beside the program."""
    for library, question, part in (
        ("gevent.monkey", "is_module_patched", "threading"),
        ("eventlet.patcher", "is_monkey_patched", "thread"),
    ):
        is_patched: Any = getattr(sys.modules.get(library), question, None)
        if is_patched is not None and is_patched(part):
            name = library.partition(".")[0]
            raise RuntimeError(
                f"leomock: {name} has replaced threads, but the fake needs a system thread; start it as a "
                "command (`leomock serve`, `leomock exec`), or call patch_all(thread=False)"
            )


class CountedApp:
    """An ASGI app that counts its calls: `calls` have begun, `busy` are being answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._direct = app.answer_directly if isinstance(app, DirectApp) else None
        self.calls = 0
        self.busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        self.calls += 1
        await self._counted(self._app, scope, receive, send)

    def answer_directly(self, scope: Scope, body: bytes) -> Answer | ASGIApp | None:
        """Answer as the app does (see `DirectApp`)."""
        answer = self._direct(scope, body) if self._direct else None
        if answer is None:
            return None
        self.calls += 1
        return answer if isinstance(answer, Answer) else partial(self._counted, answer)

    async def _counted(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.busy += 1
        try:
            await app(scope, receive, send)
        finally:
            self.busy -= 1
