"""Run the fake on a port."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from leomock.cli.mcp_options import McpTools
from leomock.cli.serving.listening import repeat, saving
from leomock.server.lifecycle import on_signal, open_until
from leomock.server.listen import PortServer, ServerConfig, listen
from leomock.state.settings import SettingError, Settings, check_origin

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from leomock.cli.serving.secure import SecurePorts
    from leomock.operations.dispatch import Dispatcher
    from leomock.server.access_log import LogFormat
    from leomock.server.tracing import Tracing
    from leomock.server.webhook_sender import Sender
    from leomock.server.workers.worker import Worker


class ServeOptions(NamedTuple):
    """The options of `leomock serve` that concern every process; all can be written as JSON.

    `scenarios` are names and files; a file is played again when it changes. `state_file` ('' for none) is
    written at the start, every `save_every` seconds, and at the end. `traces` is the URL of a collector for
    OpenTelemetry, '' for the one in the environment.
    """

    settings: dict[str, Any]
    scenarios: list[str]
    rate: float
    state_file: str
    save_every: float
    quiet: bool
    log_format: LogFormat
    render_cache: int
    traces: str | None


class Ports(NamedTuple):
    """Where a fake listens: a socket and its URL, MCP tools at /mcp, and ports for HTTPS and the proxy."""

    listener: socket.socket
    url: str
    mcp: McpTools | None
    secure: SecurePorts | None


def make_dispatcher(options: ServeOptions) -> Dispatcher:
    """Return the fake that the options describe, with its saved state.

    Raises SettingError, ScenarioError, SnapshotError or ValueError.
    """
    from leomock.files.state import load
    from leomock.operations.dispatch import Dispatcher
    from leomock.state.clock import Clock

    def make_clock() -> Clock:
        return Clock(time.time(), time.monotonic, options.rate)

    make_clock()
    api = Dispatcher.playing(Settings(**options.settings), options.scenarios, make_clock)
    if options.state_file:
        load(Path(options.state_file), api.worlds)
    return api


def put_together(state_file: Path) -> None:
    """Merge the state files of several workers into that of a single process. Raises SnapshotError."""
    from leomock.files.state_parts import share_out

    say_shared(share_out(state_file, 1, lambda key: 0))


def say_shared(done: str) -> None:
    """Tell the user what `share_out` did."""
    if done:
        click.echo(f"leomock: {done}", err=True)


def check_tracing(url: str) -> None:
    """Raise a UsageError for a collector that cannot be, or if OpenTelemetry's SDK is not installed."""
    try:
        if url:
            check_origin(url, "--traces")
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: F401  # the same

        import leomock.server.tracing  # noqa: F401  # only to see whether that works
    except ImportError:
        raise click.UsageError("--traces needs two more packages: pip install 'leomock[tracing]'") from None


async def serve_fake(
    api: Dispatcher, options: ServeOptions, connections: Ports | Worker, drain: float = 0
) -> None:
    """Serve the fake until a signal arrives.

    After the signal, `/_leomock/health/ready` answers 503 and calls are still accepted for `drain` seconds.
    A worker gets its connections and the signal to stop from its parent, which announces the address.
    """
    from leomock.cli.serving.scenario_reload import SECONDS_BETWEEN_LOOKS, ScenarioReloader
    from leomock.files.state import StateFile
    from leomock.server.access_log import StderrLog, library_warnings_as_json, to_stderr, warn_as_json
    from leomock.server.app import make_app
    from leomock.server.health import Health
    from leomock.server.webhook_sender import Sender

    stopping, stop = asyncio.Event(), asyncio.Event()
    on_signal(stopping if isinstance(connections, Ports) else stop)
    path = Path(options.state_file) if options.state_file else None
    kept = StateFile(path, api.worlds, time.monotonic) if path else None
    say = api.worlds.say = warn_as_json if options.log_format == "json" else to_stderr
    health = Health(
        lambda: kept.failure if kept else "", stopping.is_set, lambda: kept.age() if kept else None
    )
    async with contextlib.AsyncExitStack() as stack:
        if kept:
            await stack.enter_async_context(
                saving(kept.path, kept.save, options.save_every, say, kept.save_last)
            )
        tracing = await stack.enter_async_context(_tracing(options.traces))
        sender = Sender(None if options.quiet else say, tracing=tracing)
        log = None if options.quiet else StderrLog()
        app = make_app(api, log, sender, log_format=options.log_format, health=health, tracing=tracing)
        _collect_garbage_less_often()
        await stack.enter_async_context(_sending(sender, api, stop))
        if reloader := ScenarioReloader(api, options.scenarios, say):
            reloading = repeat(SECONDS_BETWEEN_LOOKS, reloader.reload_changed, say)
            stack.enter_context(_running(reloading))
        if options.log_format == "json":
            stack.enter_context(library_warnings_as_json())
        if isinstance(connections, Ports):
            stack.enter_context(_running(_after(stopping, drain, stop)))
            await _listen(app, api, options, connections, stop)
        else:
            server = PortServer(_config(connections.app(app), api))
            await connections.serve(server, app, stop, stopping.set)


async def _listen(
    app: ASGIApp, api: Dispatcher, options: ServeOptions, ports: Ports, stop: asyncio.Event
) -> None:
    """Answer on all ports until `stop` is set, and announce them."""
    announcement = [f"leomock listening on {ports.url}"]
    async with contextlib.AsyncExitStack() as stack:
        if ports.mcp:
            from leomock.interop.mcp.address import MCP_PATH

            app = await stack.enter_async_context(_with_mcp(app, api, ports.url, stop, ports.mcp))
            announcement.append(f"leomock: mcp listening on {ports.url}{MCP_PATH}")
        config = _config(app, api)
        server = PortServer(config)
        if ports.secure:
            plain = ports.listener.getsockname()[:2]
            announcement += await stack.enter_async_context(ports.secure.answering(server, plain))
        if not options.quiet and options.log_format != "json":
            announcement += first_steps(ports.url, api.settings)
        await listen(config, ports.listener, stop, lambda: click.echo("\n".join(announcement)), server)


def _config(app: ASGIApp, api: Dispatcher) -> ServerConfig:
    return ServerConfig(app, api.settings.max_head, api.settings.request_timeout)


def _collect_garbage_less_often() -> None:
    """Make each call about 10 % faster (make bench, POST).

    The documents and the tenants' rows live as long as the server. At exit the operating system frees their
    memory, so nothing is collected then either: for a million rows that would take seconds.
    """
    gc.freeze()
    atexit.register(gc.freeze)
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


@contextlib.asynccontextmanager
async def _tracing(url: str | None) -> AsyncIterator[Tracing | None]:
    """Send traces to a collector, and flush them at the end; None sends none."""
    if url is None:
        yield None
        return
    from leomock.server.tracing import Tracing

    tracing = Tracing.to(url)
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.close)


@contextlib.asynccontextmanager
async def _sending(sender: Sender, api: Dispatcher, stop: asyncio.Event) -> AsyncIterator[None]:
    """Deliver webhook events; at the end, let attempts in progress finish."""
    sending = asyncio.create_task(sender.run(api.worlds, stop))
    try:
        yield
    finally:
        stop.set()
        await sending


@contextlib.contextmanager
def _running(background: Coroutine[Any, Any, None]) -> Iterator[None]:
    """Run something in the background until the block is left."""
    task = asyncio.create_task(background)
    try:
        yield
    finally:
        task.cancel()


def first_steps(url: str, settings: Settings) -> list[str]:
    """Return lines to paste for somebody who sees leomock for the first time."""
    is_open = settings.auth == "open"
    key = "any-key" if is_open else settings.api_keys[0][:4] + "…"
    keys = "any API key works" if is_open else "only the keys of --api-key work"
    lines = [
        f"  base URL  {url}/api/rest/v1 ({keys})",
        f"  try       curl {url}/api/rest/v1/me -H 'authorization: Bearer {key}'",
    ]
    return [f"  page      {url}/", *lines] if settings.ui else lines


async def _after(event: asyncio.Event, seconds: float, then: asyncio.Event) -> None:
    """Set `then` some seconds after `event` is set."""
    await event.wait()
    if seconds:
        await asyncio.sleep(seconds)
    then.set()


@contextlib.asynccontextmanager
async def _with_mcp(
    app: Any, api: Dispatcher, url: str, stop: asyncio.Event, tools: McpTools
) -> AsyncIterator[Any]:
    """Offer MCP tools beside the fake's app. They call the app without a port, using the caller's key."""
    from leomock.cli.serving.mcp import KEY_HEADER, mcp_apps
    from leomock.interop.capability.upstream import calling, client_of
    from leomock.interop.capability.waiting import FakeWaiting
    from leomock.interop.capability.whole import whole
    from leomock.interop.mcp.keys import keys_of_fake
    from leomock.openapi.spec import version_of
    from leomock.server.app import beside
    from leomock.server.transport import Transport

    # The URLs of pictures may use an address that is valid only in the caller's network.
    own = urlsplit(api.settings.public_url).hostname
    tools = tools._replace(fetch_from=(*tools.fetch_from, *([own] if own else ())))
    loop = asyncio.get_running_loop()
    transport = Transport(app, lambda call: asyncio.run_coroutine_threadsafe(call, loop))
    capability = whole(api.specs, tools.group, tools.read_only)
    clients = {
        each.namespace: client_of(f"{url}/api/rest/{version_of(each.base_uri)}", "", transport)
        for each in capability.upstreams
    }
    async with (
        calling(capability, clients, FakeWaiting(api.worlds.of), tools.plain) as caller,
        contextlib.AsyncExitStack() as stack,
    ):
        apps = mcp_apps(
            capability,
            caller,
            tools,
            # URLs of pictures begin with the host name under which the caller knows the fake.
            (KEY_HEADER, "host"),
            allow_hosts=api.settings.allow_hosts,
            allow_origins=[each for each in api.settings.cors if each != "*"],
            needs_key=True,
            is_refused=keys_of_fake(api.worlds),
        )
        for path, each in apps.items():
            await stack.enter_async_context(open_until(stop, each))
            app = beside(app, path, each)
        yield app
