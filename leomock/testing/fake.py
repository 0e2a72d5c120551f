"""`leomock.Fake`: the fake for Python programs, on a port or without one."""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, Unpack

from starlette.types import ASGIApp

from leomock.files.account import account_of
from leomock.files.catalogue_file import additions_of
from leomock.files.given import given_text
from leomock.files.scenarios import ScenarioSource
from leomock.files.yaml_source import FileError
from leomock.leonardo.hosts import FAKE_HOST
from leomock.openapi.suggest import suggestion
from leomock.operations.dispatch import Dispatcher
from leomock.server.app import make_app
from leomock.server.listen import ServerConfig, address, bind
from leomock.server.webhook_sender import Sender
from leomock.state.clock import Clock
from leomock.state.ids import stable, uuid4_from
from leomock.state.settings import SettingError, Settings, SettingValues
from leomock.state.world import World
from leomock.testing.program_clock import frozen_clock, running_clock
from leomock.testing.runner import CountedApp, Runner
from leomock.testing.tenant import AnyScenario, Tenant, flat

if TYPE_CHECKING:
    from leomock.server.transport import Transport
    from leomock.state.journal import Journal

T = TypeVar("T")
# Accepting a connection, reading its bytes and beginning the call take one turn each; one is to spare.
LOOP_TURNS = 4


class Fake(Tenant):
    """A fake Leonardo.AI API, and its first tenant.

    As a context manager, it listens on a port of 127.0.0.1::

        with Fake() as fake:
            client = LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url)

    `httpx.Client(transport=fake.transport, base_url=fake.base_url)` calls it without a port. The settings are
    those of `leomock.state.settings.Settings`; `jobs` defaults to `polls:1,seconds:10`: the first read of a
    generation is PENDING, the next one COMPLETE, as is any read after ten seconds. `clock="frozen"` stops the
    clock until `advance`; otherwise it runs like the machine's. `scenario` names scenarios (or files) that
    are active from the start, for every key.
    """

    _runner: Runner | None = None  # created by the first call that needs it

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
        keys = settings.get("api_keys", ())
        if settings.get("auth", "open") != "open" and isinstance(keys, tuple | list):
            settings["api_keys"] = (self.api_key, *keys)
        _read_given(settings)
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
        """Start listening on a port."""
        self.open()
        return self

    async def __aenter__(self) -> Fake:
        """Start listening on a port, for `async with`."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop without blocking the event loop, which may still have to answer a webhook."""
        import anyio

        await anyio.to_thread.run_sync(self.close)

    def start(self) -> Fake:
        """Start listening on a port, for notebooks; the same as entering `with`."""
        self.open()
        return self

    def stop(self) -> None:
        """Stop; the same as `close`."""
        self.close()

    def open(self) -> str:
        """Start listening on a port and return the URL. Raises RuntimeError if the fake is already open."""
        if self._url:
            raise RuntimeError(f"this fake is already listening at {self._url}")
        listener = bind(self._host, self._port)
        try:
            self._listen(listener)
        except BaseException:
            listener.close()
            raise
        self._url = address(listener)
        return self._url

    def _listen(self, listener: socket.socket) -> None:
        settings = self.api.settings
        config = ServerConfig(self.app, settings.max_head, settings.request_timeout)
        self._loop().listen(config, listener, self.sender, self.api)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; the stored state stays readable from Python."""
        self.close()

    def close(self) -> None:
        """Stop listening and end the thread, if it was started.

        In a forked child this closes the child's descriptor only: the parent's fake goes on.
        """
        runner, self._runner, self._url = self._runner, None, ""
        if runner:
            runner.stop()

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """Stop a fake that was not closed, and warn about it as Python does for files and sockets."""
        runner, self._runner = self._runner, None
        if runner is None or runner.is_inherited:
            return
        runner.abandon()
        where = f"at {self._url}" if self._url else "without a port"
        warn(f"unclosed leomock.Fake {where}: use `with`, or close()", ResourceWarning, source=self)

    def __reduce__(self) -> NoReturn:
        """Refuse pickling: in another process this would be a different fake."""
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
        """The number of calls that have begun."""
        return self._counted.calls

    @property
    def busy(self) -> int:
        """The number of calls that are being answered."""
        return self._counted.busy

    def turns(self) -> int:
        """Let the event loop handle everything that has arrived; return how many calls have begun."""

        async def turn() -> int:
            for _ in range(LOOP_TURNS):
                await asyncio.sleep(0)
            return self.calls

        return self.run(turn()) if self._runner else self.calls

    def submit(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the fake's own loop; return its future."""
        return self._loop().submit(call)

    # --- every key -----------------------------------------------------------------------------------

    def tenant(self, api_key: str) -> Tenant:
        """Return the tenant of another API key of this fake: a separate account."""
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
        """Create a tenant with a key derived from `name`; `settings` are those that `Fake` takes."""
        refuse_unknown("new_tenant", settings)
        _read_given(settings)
        scenarios = tuple(self.api.scenario_registry.get(each) for each in _names(scenario))
        wanted = {name: value for each in scenarios for name, value in each.settings.items()}
        wanted |= settings
        key = uuid4_from(int.from_bytes(stable("tenant", name), "big"))
        self.api.worlds.named.add(key)
        self.api.worlds.open(
            key,
            replace(self.api.settings, **wanted) if wanted else self.api.settings,
            _clock_maker(clock) if clock else None,
            (*scenarios, *self.api.worlds.scenarios),
        )
        return Tenant(self, key)

    def forget(self, tenant: Tenant) -> None:
        """Delete a tenant with all its state; using its key again creates a new one."""
        self.api.worlds.forget(tenant.api_key)

    def reset(self) -> None:
        """Forget everything that happened, for every key; keep settings and credentials."""
        for world in self.api.worlds:
            with world.lock:
                world.reset()

    def journals(self) -> Iterator[tuple[str, Journal]]:
        """Yield the journal of every key; that of calls without an accepted key comes under ''."""
        yield "", self.api.worlds.unauthenticated_journal
        for world in self.api.worlds:
            yield world.key, world.journal

    def _worlds(self) -> list[World]:
        """Return the worlds that `advance` affects: those of all keys."""
        return [self.world, *(world for world in self.api.worlds if world.key != self.api_key)]

    @contextmanager
    def scenario(self, *names: AnyScenario | Sequence[AnyScenario]) -> Iterator[None]:
        """Activate scenarios (names, files or rules) for every key inside `with`."""
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
    """Raise SettingError for the first unknown setting, and name the closest valid one."""
    known = SettingValues.__annotations__
    for name in settings:
        if name not in known:
            raise SettingError(f"{caller} has no setting {name!r}{suggestion(name, known)}")


def _read_given(settings: SettingValues) -> None:
    """Turn account contents and catalogue additions, each a file or values, into texts."""
    checks: dict[str, Callable[[str], object]] = {
        "has": lambda text: account_of(text, ""),
        "catalogue": additions_of,
    }
    for name, check in checks.items():
        given = settings.get(name, "")
        if given == "":
            continue
        if not isinstance(given, str | Path | Mapping):
            raise SettingError(f"{name}={given!r:.100}: use a file, or its contents as a dict")
        text = settings[name] = given_text(given)  # type: ignore[literal-required]  # both are texts
        try:
            check(text)
        except FileError as error:
            raise SettingError(str(error)) from None


def _names(scenario: ScenarioSource | Sequence[ScenarioSource]) -> list[ScenarioSource]:
    """Return the names, files and rules of one or several scenarios."""
    single = isinstance(scenario, str | Path | Mapping)
    names: Any = [scenario] if single else scenario
    if not isinstance(names, list | tuple) or not all(isinstance(n, str | Path | Mapping) for n in names):
        raise SettingError(f"scenario={scenario!r}: use a name, a file, or a list of these")
    return list(names)


def _clock_maker(kind: str) -> Callable[[], Clock]:
    """Return a factory for the clocks of worlds: like the machine's, or frozen at the initial time."""
    if kind not in ("running", "frozen"):
        raise SettingError(f"clock={kind!r}: use running or frozen")
    return frozen_clock if kind == "frozen" else running_clock
