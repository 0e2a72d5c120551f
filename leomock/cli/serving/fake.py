"""Run the fake on a port."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from leomock.cli.mcp_options import McpTools
from leomock.cli.output import writing
from leomock.cli.serving.listening import repeat
from leomock.server.lifecycle import on_signal, open_until
from leomock.state.settings import Settings

if TYPE_CHECKING:
    from leomock.cli.serving.secure import SecurePorts
    from leomock.operations.dispatch import Dispatcher
    from leomock.server.access_log import LogFormat
    from leomock.server.workers.worker import Worker


def make_dispatcher(
    settings: Mapping[str, Any], scenarios: Sequence[str], rate: float, state_file: Path | None
) -> Dispatcher:
    """Return the fake that the options of `leomock serve` describe, with its saved state.

    Raises SettingError, ScenarioError, SnapshotError or ValueError.
    """
    from leomock.files.state import load
    from leomock.operations.dispatch import Dispatcher
    from leomock.state.clock import Clock

    def make_clock() -> Clock:
        return Clock(time.time(), time.monotonic, rate)

    make_clock()
    api = Dispatcher.playing(Settings(**settings), scenarios, make_clock)
    if state_file:
        load(state_file, api.worlds)
    return api


def put_together(state_file: Path) -> None:
    """Join the files that several workers left to the one of a single process. Raises SnapshotError."""
    from leomock.files.state_parts import share_out

    say_shared(share_out(state_file, 1, lambda key: 0))


def say_shared(done: str) -> None:
    """Tell the user what `share_out` did."""
    if done:
        click.echo(f"leomock: {done}", err=True)


def require_tracing() -> None:
    """Raise a UsageError if OpenTelemetry's SDK is not installed."""
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: F401  # the same

        import leomock.server.tracing  # noqa: F401  # only to see whether that works
    except ImportError:
        raise click.UsageError("--traces needs two more packages: pip install 'leomock[tracing]'") from None


async def serve_fake(
    api: Dispatcher,
    listener: Any,
    url: str,
    quiet: bool,
    state_file: Path | None,
    save_every: float,
    mcp: McpTools | None = None,
    secure: SecurePorts | None = None,
    log_format: LogFormat = "text",
    scenarios: Sequence[str] = (),
    drain: float = 0,
    worker: Worker | None = None,
    traces: str | None = None,
) -> None:
    """Serve the fake until a signal arrives. With `mcp`, offer these MCP tools at /mcp as well.

    `secure` are further ports, for HTTPS and as a forward proxy. `scenarios` are the names and files that the
    fake was started with; a file is played again when it changes.

    After the signal, `/_leomock/health/ready` answers 503 and calls are still accepted for `drain` seconds.

    `state_file` is written at the start, every `save_every` seconds, and at the end.

    `traces` is the URL of a collector for OpenTelemetry, '' for the one in the environment.

    A `worker` gets its connections and the signal to stop from its parent, which announces the address.
    """
    from leomock.cli.serving.scenario_reload import SECONDS_BETWEEN_LOOKS, ScenarioReloader
    from leomock.files.state import StateFile
    from leomock.server.access_log import StderrLog, library_warnings_as_json, to_stderr, warn_as_json
    from leomock.server.app import make_app
    from leomock.server.health import Health
    from leomock.server.listen import PortServer, ServerConfig, listen
    from leomock.server.webhook_sender import Sender

    stopping, stop = asyncio.Event(), asyncio.Event()
    on_signal(stop if worker else stopping)
    draining = asyncio.create_task(_after(stopping, drain, stop)) if worker is None else None
    kept = StateFile(state_file, api.worlds, time.monotonic) if state_file else None
    say = warn_as_json if log_format == "json" else to_stderr
    api.worlds.say = say
    tracing = None
    if traces is not None:
        from leomock.server.tracing import Tracing

        tracing = Tracing.to(traces)
    sender = Sender(None if quiet else say, tracing=tracing)
    health = Health(
        lambda: kept.failure if kept else "", stopping.is_set, lambda: kept.age() if kept else None
    )
    log = None if quiet else StderrLog()
    app = make_app(api, log, sender, log_format=log_format, health=health, tracing=tracing)
    announcement = [f"leomock listening on {url}"]
    # The documents and the tenants' rows live as long as the server. Collecting garbage less often makes each
    # call about 10 % faster (make bench, POST).
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sending = asyncio.create_task(sender.run(api.worlds, stop))
    background = []
    if kept:
        with writing(kept.path):
            kept.save()
        background.append(asyncio.create_task(repeat(save_every, kept.save, say)))
    if reloader := ScenarioReloader(api, scenarios, say):
        background.append(asyncio.create_task(repeat(SECONDS_BETWEEN_LOOKS, reloader.reload_changed, say)))
    try:
        async with contextlib.AsyncExitStack() as stack:
            if log_format == "json":
                stack.enter_context(library_warnings_as_json())
            if mcp:
                from leomock.interop.mcp.address import MCP_PATH

                app = await stack.enter_async_context(_with_mcp(app, api, url, stop, mcp))
                announcement.append(f"leomock: mcp listening on {url}{MCP_PATH}")
            routed = worker.app(app) if worker else app
            config = ServerConfig(routed, api.settings.max_head, api.settings.request_timeout)
            server = PortServer(config)
            if secure:
                plain = listener.getsockname()[:2]
                announcement += await stack.enter_async_context(secure.answering(server, plain))
            if not quiet and log_format != "json":
                announcement += first_steps(url, api.settings)
            if worker:
                await worker.serve(server, app, stop, stopping.set)
            else:
                await listen(config, listener, stop, lambda: click.echo("\n".join(announcement)), server)
    finally:
        if draining:
            draining.cancel()
        for task in background:
            task.cancel()
        await sending
        if tracing:
            await asyncio.to_thread(tracing.close)
        if kept:
            with writing(kept.path):
                kept.save()


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
    """Set `then` some seconds after `event` was set."""
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

    # Pictures may have an address under which only the caller's network knows the fake.
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
