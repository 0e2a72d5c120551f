"""`leomock.Fake`: the fake for Python programs, on a port or without one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from leomock.answer import Api
from leomock.server.app import make_app
from leomock.server.listen import address, bind, listen, make_config
from leomock.settings import Settings
from leomock.state.ids import stable, uuid4_from
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
    `advance`; otherwise it runs as the machine's.
    """

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, clock: str = "running", **settings: Any
    ) -> None:
        if clock not in ("running", "frozen"):
            raise ValueError(f"clock={clock!r}: use running or frozen")
        seed = settings.get("seed", 0)
        self.api_key = uuid4_from(int.from_bytes(stable("api key", seed), "big"))
        if settings.get("auth", "open") != "open":
            settings["api_keys"] = (self.api_key, *settings.get("api_keys", ()))
        self.api = Api(Settings(**settings), time.time if clock == "running" else None)
        self.app = make_app(self.api)
        self._host = host
        self._port = port
        self._runner: _Runner | None = None
        self._url = ""

    # --- on a port -------------------------------------------------------------------------------

    def __enter__(self) -> Fake:
        """Start answering on a port."""
        if self._url:
            raise RuntimeError(f"this fake answers at {self._url} already")
        listener = bind(self._host, self._port)
        self._url = address(listener)
        self._loop().listen(make_config(self.app), listener)
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
        return self._url or "http://leomock.invalid"

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

    # --- steering -------------------------------------------------------------------------------------

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

    def advance(self, seconds: float) -> None:
        """Move the time of every key on; what falls due has then happened."""
        for world in [self.world, *(w for w in self.api.worlds if w.key != self.api_key)]:
            with world.lock:
                world.clock.advance(seconds)
                world.jobs.settle()

    def finish(self, id: str | None = None) -> list[str]:
        """End the pending job of a generation, or all of `api_key`; returns the ids (for `jobs="manual"`)."""
        with self.world.lock:
            ids = self.world.jobs.pending() if id is None else [id]
            return [id for id in ids if self.world.jobs.finish(id)]


class _Runner:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = make_config(_no_app).get_loop_factory()()  # type: ignore[misc]
        self._stop = asyncio.Event()
        self._serving: Future[None] | None = None
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

    def listen(self, config: Any, listener: Any) -> None:
        started = threading.Event()
        self._serving = self.submit(listen(config, listener, self._stop, started.set))
        self._serving.add_done_callback(lambda _: started.set())
        started.wait()
        if self._serving.done():
            self._serving.result()

    def stop(self) -> None:
        if self._serving:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._serving.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _no_app(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("never called")
