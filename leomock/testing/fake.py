"""`leomock.Fake`: the fake for Python programs, on a port or without one."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, Unpack

from starlette.types import ASGIApp

from leomock.files.scenarios import ScenarioSource
from leomock.openapi.suggest import suggestion
from leomock.operations.dispatch import Dispatcher
from leomock.server.app import FAKE_HOST, make_app
from leomock.server.listen import address, bind, make_config
from leomock.server.webhook_sender import Sender
from leomock.state.clock import EPOCH, Clock
from leomock.state.ids import stable, uuid4_from
from leomock.state.settings import SettingError, Settings, SettingValues
from leomock.state.world import World
from leomock.testing.runner import CountedApp, Runner
from leomock.testing.tenant import AnyScenario, Tenant, flat

if TYPE_CHECKING:
    from leomock.server.transport import Transport

T = TypeVar("T")
# A connection is accepted, its bytes are read, and the call begins: one turn each, and one to spare.
LOOP_TURNS = 4


class Fake(Tenant):
    """A fake Leonardo.AI API, and its first tenant.

    As a context manager it answers on a port of 127.0.0.1::

        with Fake() as fake:
            client = LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url)

    Without one, `httpx.Client(transport=fake.transport, base_url=fake.base_url)` needs no port at all.
    The settings are those of `leomock.state.settings.Settings`; `jobs` defaults to `polls:1`: the
    first read of a generation is PENDING, the next one COMPLETE. `clock="frozen"` stops the time until
    `advance`; otherwise it runs as the machine's. `scenario` names scenarios (or files) that are in force
    from the start, for every key.
    """

    _runner: Runner | None = None  # starts with the first call that needs it

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Literal["running", "frozen"] = "running",
        scenario: AnyScenario | Sequence[AnyScenario] = (),
        **settings: Unpack[SettingValues],
    ) -> None:
        refuse_unknown("Fake", settings)
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise SettingError(f"port={port!r}: use a number from 0 (any free port) to 65535")
        seed = settings.get("seed", 0)
        super().__init__(self, uuid4_from(int.from_bytes(stable("api key", seed), "big")))
        if settings.get("auth", "open") != "open":
            settings["api_keys"] = (self.api_key, *settings.get("api_keys", ()))
        self.api = Dispatcher.playing(Settings(**settings), _names(scenario), _clock_maker(clock))
        self.api.worlds.named.add(self.api_key)
        self.sender = Sender()
        self._counted = CountedApp(make_app(self.api, sender=self.sender))
        self.app: ASGIApp = self._counted
        self._host = host
        self._port = port
        self._url = ""

    # --- on a port -----------------------------------------------------------------------------------

    def __enter__(self) -> Fake:
        """Start answering on a port."""
        self.open()
        return self

    async def __aenter__(self) -> Fake:
        """Start answering on a port, for `async with`."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop without blocking the loop, which may still have to answer a webhook."""
        import anyio

        await anyio.to_thread.run_sync(self.close)

    def start(self) -> Fake:
        """Start answering on a port, for notebooks; the same as entering `with`."""
        self.open()
        return self

    def stop(self) -> None:
        """Stop; the same as `close`."""
        self.close()

    def open(self) -> str:
        """Start answering on a port and return the URL. Raises RuntimeError if the fake is already open."""
        if self._url:
            raise RuntimeError(f"this fake already answers at {self._url}")
        listener = bind(self._host, self._port)
        self._url = address(listener)
        settings = self.api.settings
        config = make_config(self.app, settings.max_head, settings.request_timeout)
        self._loop().listen(config, listener, self.sender, self.api)
        return self._url

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what was stored stays readable in Python."""
        self.close()

    def close(self) -> None:
        """Stop answering and end the thread, if there is one.

        In a forked child this closes the child's descriptor only: the parent's fake goes on.
        """
        runner, self._runner, self._url = self._runner, None, ""
        if runner:
            runner.stop()

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """Stop a fake that nobody closed, and say so as Python does for files and sockets."""
        runner, self._runner = self._runner, None
        if runner is None or runner.is_inherited:
            return
        runner.abandon()
        where = f"at {self._url}" if self._url else "without a port"
        warn(f"unclosed leomock.Fake {where}: use `with`, or close()", ResourceWarning, source=self)

    def __reduce__(self) -> NoReturn:
        """Refuse to be sent to another process, where it would be another fake."""
        raise TypeError(
            "a leomock.Fake cannot be sent to another process: give the process base_url and api_key"
        )

    @property
    def url(self) -> str:
        """The address of the server, e.g. `http://127.0.0.1:41234`."""
        return self._url or f"http://{FAKE_HOST}"

    # --- without a port ------------------------------------------------------------------------------

    @property
    def transport(self) -> Transport:
        """An httpx transport for `Client` and `AsyncClient` that calls the app without a port."""
        from leomock.server.transport import Transport

        return Transport(self.app, lambda call: self._loop().submit(call))

    def _loop(self) -> Runner:
        if self._runner is None:
            self._runner = Runner()
        return self._runner

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the fake's own loop and return what it returns."""
        return self._loop().submit(call).result()

    @property
    def calls(self) -> int:
        """How many calls have begun."""
        return self._counted.calls

    @property
    def busy(self) -> int:
        """How many calls are being answered."""
        return self._counted.busy

    def turns(self) -> int:
        """Let the event loop handle what has arrived; returns how many calls have begun."""

        async def turn() -> int:
            for _ in range(LOOP_TURNS):
                await asyncio.sleep(0)
            return self.calls

        return self.run(turn()) if self._runner else self.calls

    def submit(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the fake's own loop; returns its future."""
        return self._loop().submit(call)

    # --- every key -----------------------------------------------------------------------------------

    def tenant(self, api_key: str) -> Tenant:
        """Another API key of this fake, which is an account of its own."""
        self.api.worlds.named.add(api_key)
        return Tenant(self, api_key)

    def new_tenant(
        self,
        name: str,
        *,
        scenario: AnyScenario | Sequence[AnyScenario] = (),
        clock: Literal["running", "frozen", ""] = "",
        **settings: Unpack[SettingValues],
    ) -> Tenant:
        """A tenant with settings of its own and a key made from a name; `settings` as `Fake` takes them."""
        refuse_unknown("new_tenant", settings)
        scenarios = tuple(self.api.scenario_registry.get(each) for each in _names(scenario))
        wanted = {name: value for each in scenarios for name, value in each.settings.items()}
        key = uuid4_from(int.from_bytes(stable("tenant", name), "big"))
        self.api.worlds.named.add(key)
        self.api.worlds.open(
            key,
            replace(self.api.settings, **{**wanted, **settings}),
            _clock_maker(clock) if clock else None,
            (*scenarios, *self.api.worlds.scenarios),
        )
        return Tenant(self, key)

    def forget(self, tenant: Tenant) -> None:
        """Forget a tenant with all that it has; its key would make a new one."""
        self.api.worlds.forget(tenant.api_key)

    def reset(self) -> None:
        """Forget everything that happened, for every key; settings and credentials stay."""
        for world in self.api.worlds:
            with world.lock:
                world.reset()

    def _worlds(self) -> list[World]:
        """What `advance` moves on: every key."""
        return [self.world, *(world for world in self.api.worlds if world.key != self.api_key)]

    @contextmanager
    def scenario(self, *names: AnyScenario | Sequence[AnyScenario]) -> Iterator[None]:
        """Put scenarios (names, files or rules) in force for every key inside `with`."""
        more = tuple(self.api.scenario_registry.playable(name) for name in flat(names))
        before = {world: world.scenario_engine.scenarios for world in self._worlds()}
        default = self.api.worlds.scenarios
        self.api.worlds.scenarios = (*more, *default)
        for world, playing in before.items():
            with world.lock:
                world.scenario_engine.play((*more, *playing))
        try:
            yield
        finally:
            self.api.worlds.scenarios = default
            for world in self.api.worlds:
                with world.lock:
                    world.scenario_engine.play(before.get(world, default))


def refuse_unknown(caller: str, settings: Mapping[str, object]) -> None:
    """Raise SettingError for the first name that is not a setting, with the nearest that is."""
    known = [each.name for each in fields(Settings)]
    for name in settings:
        if name not in known:
            raise SettingError(f"{caller} has no setting {name!r}{suggestion(name, dict.fromkeys(known))}")


def _names(scenario: ScenarioSource | Sequence[ScenarioSource]) -> list[ScenarioSource]:
    """The names, files and rules of one scenario or several."""
    single = isinstance(scenario, str | Path | Mapping)
    names: Any = [scenario] if single else scenario
    if not isinstance(names, list | tuple) or not all(isinstance(n, str | Path | Mapping) for n in names):
        raise SettingError(f"scenario={scenario!r}: use a name, a file, or a list of these")
    return list(names)


def _clock_maker(kind: str) -> Callable[[], Clock]:
    """What makes the clocks of worlds: as the machine's, or frozen where every world begins."""
    if kind not in ("running", "frozen"):
        raise SettingError(f"clock={kind!r}: use running or frozen")
    if kind == "frozen":
        return lambda: Clock(EPOCH, time.monotonic, 0)
    return lambda: Clock(time.time(), time.monotonic)
