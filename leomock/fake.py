"""`leomock.Fake`: the fake for Python programs, on a port or without one."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from leomock.answer import Api
from leomock.assertions import assert_called, assert_not_called
from leomock.server.app import FAKE_HOST, make_app
from leomock.server.listen import address, bind, listen, make_config
from leomock.server.steering import advance
from leomock.server.webhook_sender import Sender
from leomock.settings import Settings
from leomock.state.clock import EPOCH, Clock
from leomock.state.ids import stable, uuid4_from
from leomock.state.journal import Exchange
from leomock.state.outbox import Event
from leomock.state.snapshot import restore, take
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.transport import Transport

T = TypeVar("T")


class Fake:
    """A fake Leonardo.AI API.

    As a context manager it answers on a port of 127.0.0.1::

        with Fake() as fake:
            client = LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url)

    Without one, `httpx.Client(transport=fake.transport, base_url=fake.base_url)` needs no port at all.
    The settings are those of `leomock.settings.Settings`; `jobs` is `polls:1` unless told otherwise: the
    first read of a generation is PENDING, the next one COMPLETE. `clock="frozen"` stops the time until
    `advance`; otherwise it runs as the machine's. `scenario` names scenarios (or files) that are in force
    from the start, for every key.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Literal["running", "frozen"] = "running",
        scenario: str | Path | Sequence[str | Path] = (),
        **settings: Any,
    ) -> None:
        if clock not in ("running", "frozen"):
            raise ValueError(f"clock={clock!r}: use running or frozen")
        seed = settings.get("seed", 0)
        self.api_key = uuid4_from(int.from_bytes(stable("api key", seed), "big"))
        if settings.get("auth", "open") != "open":
            settings["api_keys"] = (self.api_key, *settings.get("api_keys", ()))
        rate = 1.0 if clock == "running" else 0.0

        def make_clock() -> Clock:
            return Clock(time.time() if rate else EPOCH, time.monotonic, rate)

        names = [scenario] if isinstance(scenario, str | Path) else list(scenario)
        self.api = Api.playing(Settings(**settings), names, make_clock)
        self._sender = Sender()
        self.app = make_app(self.api, sender=self._sender)
        self._host = host
        self._port = port
        self._runner: _Runner | None = None
        self._url = ""

    # --- on a port -----------------------------------------------------------------------------------

    def __enter__(self) -> Fake:
        """Start answering on a port."""
        if self._url:
            raise RuntimeError(f"this fake answers at {self._url} already")
        listener = bind(self._host, self._port)
        self._url = address(listener)
        self._loop().listen(make_config(self.app), listener, self._sender, self.api)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what was stored stays readable in Python."""
        self.close()

    def close(self) -> None:
        """Stop the port and the thread behind it, if there are any."""
        runner, self._runner, self._url = self._runner, None, ""
        if runner:
            runner.stop()

    @property
    def url(self) -> str:
        """The address of the server, e.g. `http://127.0.0.1:41234`."""
        return self._url or f"http://{FAKE_HOST}"

    @property
    def base_url(self) -> str:
        """The base URL that SDKs take: `url` and `/api/rest/v1`."""
        return f"{self.url}/api/rest/v1"

    # --- without a port ------------------------------------------------------------------------------

    @property
    def transport(self) -> Transport:
        """An httpx transport for `Client` and `AsyncClient` that calls the app without a port."""
        from leomock.transport import Transport

        return Transport(self.app, lambda call: self._loop().submit(call))

    def _loop(self) -> _Runner:
        if self._runner is None:
            self._runner = _Runner()
        return self._runner

    # --- state ---------------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """The state behind `api_key`."""
        return self.api.worlds.of(self.api_key)

    @property
    def user_id(self) -> str:
        """The user id of `api_key`."""
        return self.world.user_id

    def reset(self) -> None:
        """Forget everything that happened, for every key; settings and credentials stay."""
        for world in self.api.worlds:
            with world.lock:
                world.reset()

    def snapshot(self) -> dict[str, Any]:
        """The state of `api_key` as JSON values, to come back to with `restore`."""
        return take(self.world)

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Put `api_key` back to where a snapshot was taken; raises SnapshotError."""
        restore(self.world, snapshot)

    # --- time ----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The clock of `api_key`: `now()`, `freeze()`, `run(rate)`."""
        return self.world.clock

    def advance(self, seconds: float) -> list[dict[str, Any]]:
        """Move the time of every key on; what falls due happens in its order, and is returned."""
        return self._advance(seconds)

    def advance_until_idle(self) -> list[dict[str, Any]]:
        """Move the time on until no job and no webhook is due any more; returns what happened."""
        return self._advance(math.inf)

    def _advance(self, seconds: float) -> list[dict[str, Any]]:
        worlds = [self.world, *(w for w in self.api.worlds if w.key != self.api_key)]

        async def every() -> list[dict[str, Any]]:
            return [fired for world in worlds for fired in await advance(world, seconds, self._sender)]

        return self._loop().submit(every()).result()

    def finish(self, id: str | None = None) -> list[str]:
        """End the pending job of a generation, or all of `api_key`; returns the ids (for `jobs="manual"`)."""
        with self.world.lock:
            ids = self.world.jobs.pending() if id is None else [id]
            return [id for id in ids if self.world.jobs.finish(id)]

    # --- scenarios -----------------------------------------------------------------------------------

    @contextmanager
    def scenario(self, *names: str | Path) -> Iterator[None]:
        """Let scenarios (names or files) be in force for every key, besides those that are, inside `with`."""
        more = tuple(self.api.library.get(name) for name in names)
        before = {world: world.script.scenarios for world in [self.world, *self.api.worlds]}
        default = self.api.worlds.scenarios
        self.api.worlds.scenarios = (*more, *default)
        for world, playing in before.items():
            with world.lock:
                world.script.play((*more, *playing))
        try:
            yield
        finally:
            self.api.worlds.scenarios = default
            for world in self.api.worlds:
                with world.lock:
                    world.script.play(before.get(world, default))

    # --- what happened -------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Exchange]:
        """The exchanges of `api_key`, oldest first."""
        return list(self.world.journal)

    def assert_called(self, operation: str, **expected: Any) -> list[Exchange]:
        """Fail unless an operation was called as expected; returns the calls.

        `times`, `at_least`, `at_most` are numbers of calls; `body` and `query` are parts of a request,
        `status` is that of the answer.
        """
        __tracebackhide__ = True
        return assert_called(self.requests, operation, **self._known(), **expected)

    def assert_not_called(self, operation: str, **expected: Any) -> None:
        """Fail if an operation was called in this way."""
        __tracebackhide__ = True
        assert_not_called(self.requests, operation, **self._known(), **expected)

    def _known(self) -> dict[str, Any]:
        """What the assertions need to know: the operations there are, and how much the journal forgot."""
        return {
            "known_operations": list(self.api.spec.operations),
            "forgotten": self.world.journal.forgotten,
        }

    # --- webhooks ------------------------------------------------------------------------------------

    def set_webhook(self, url: str, key: str = "") -> None:
        """Send the events of `api_key` there, with the key as bearer; an empty url turns them off."""
        with self.world.lock:
            self.world.set_webhook(url, key)

    @property
    def webhooks(self) -> list[Event]:
        """The events of `api_key` and every attempt to deliver them, oldest first."""
        with self.world.lock:
            return list(self.world.outbox.events)


class _Runner:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = make_config(_no_app).get_loop_factory()()  # type: ignore[misc]
        self._stop = asyncio.Event()
        self._running: list[Future[None]] = []
        self._thread = threading.Thread(target=self._run, name="leomock", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def submit(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def listen(self, config: Any, listener: Any, sender: Sender, api: Api) -> None:
        started = threading.Event()
        serving = self.submit(listen(config, listener, self._stop, started.set))
        serving.add_done_callback(lambda _: started.set())
        started.wait()
        if serving.done():
            serving.result()
        self._running = [serving, self.submit(sender.run(api.worlds, self._stop))]

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        for running in self._running:
            running.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _no_app(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("never called")
