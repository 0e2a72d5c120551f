"""Runs what answers on a port until it is stopped: the fake, one that passes calls on, one that replays."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leomock.cli.output import writing
from leomock.server.lifecycle import Answering, asyncio_run, on_signal, open_until

if TYPE_CHECKING:
    from leomock.files.recordings.model import RecordedExchange
    from leomock.operations.dispatch import Dispatcher

SECONDS_BETWEEN_WRITES = 5.0


def run_on(host: str, port: int, run: Answering, otherwise: str = "--port 0 picks a free port") -> None:
    """Run what answers on a socket, until it ends; `otherwise` is what to do where the port is taken."""
    from leomock.server.listen import address, bind

    with listening_on(host, port, otherwise):
        listener = bind(host, port)
    with listener:
        asyncio_run(run(listener, address(listener)))


async def serve_fake(
    api: Dispatcher,
    listener: Any,
    url: str,
    quiet: bool,
    state_file: Path | None,
    save_every: float,
    mcp: bool = False,
) -> None:
    """Answer as the fake; with `mcp` as MCP tools as well."""
    from leomock.files.state import save
    from leomock.server.access_log import to_stderr
    from leomock.server.app import make_app
    from leomock.server.listen import listen, make_config
    from leomock.server.webhook_sender import Sender

    stop = asyncio.Event()
    on_signal(stop)
    api.worlds.say = to_stderr
    sender = Sender(None if quiet else to_stderr)
    app = make_app(api, None if quiet else to_stderr, sender)
    told = [f"leomock listening on {url}"]
    # The documents stay for good, and the rows of worlds are no garbage: to look for some less often saves a
    # tenth of every call.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    ticking = [asyncio.create_task(sender.run(api.worlds, stop))]
    if state_file:
        worlds = api.worlds
        with writing(state_file):
            save(state_file, worlds)
        ticking.append(asyncio.create_task(_now_and_then(save_every, lambda: save(state_file, worlds))))
    try:
        async with contextlib.AsyncExitStack() as stack:
            if mcp:
                from leomock.interop.mcp.address import MCP_PATH

                app = await stack.enter_async_context(_with_mcp(app, api, url, stop))
                told.append(f"leomock: mcp listening on {url}{MCP_PATH}")
            await listen(make_config(app), listener, stop, lambda: click.echo("\n".join(told)))
    finally:
        for task in ticking[1:]:
            task.cancel()
        await ticking[0]
        if state_file:
            with writing(state_file):
                save(state_file, api.worlds)


@contextlib.asynccontextmanager
async def _with_mcp(app: Any, api: Dispatcher, url: str, stop: asyncio.Event) -> AsyncIterator[Any]:
    """The fake's app with MCP tools beside it, which call it without a port, each caller with its own key."""
    from leomock.interop.capability.upstream import calling, client_of
    from leomock.interop.capability.whole import whole
    from leomock.interop.mcp.address import MCP_PATH
    from leomock.interop.mcp.serve import KEY, http_app, make_api_server
    from leomock.server.app import beside
    from leomock.server.transport import Transport

    loop = asyncio.get_running_loop()
    transport = Transport(app, lambda call: asyncio.run_coroutine_threadsafe(call, loop))
    capability = whole(api.specs, "generations")
    (upstream,) = capability.upstreams
    clients = {upstream.namespace: client_of(f"{url}/api/rest/v1", "", transport)}
    async with calling(capability, clients) as caller:
        # The name under which a caller knows the fake is that of the pictures.
        server = make_api_server(capability, caller, passed_on=(KEY, "host"))
        tools = http_app(server, api.settings.allow_hosts)
        async with open_until(stop, tools):
            yield beside(app, MCP_PATH, tools)


async def serve_mcp(app: Any, listener: Any, url: str, quiet: bool) -> None:
    """Answer MCP clients."""
    from leomock.interop.mcp.address import MCP_PATH

    stop = asyncio.Event()
    async with open_until(stop, app):
        await _answer(app, listener, f"{url}{MCP_PATH}", quiet, stop=stop)


async def serve_forward(
    listener: Any, url: str, upstream: str, judge: bool, record_file: Path | None, quiet: bool
) -> None:
    """Pass every call through to another server."""
    from leomock.files.har import to_har
    from leomock.files.state import write_whole
    from leomock.server.access_log import to_stderr
    from leomock.server.forwarding import Forwarding
    from leomock.version import __version__

    app = Forwarding(
        upstream, judge=_judge(upstream) if judge else None, say=to_stderr, keep=bool(record_file)
    )
    written = 0

    def write() -> None:
        """Write the recording, if there is more than was written."""
        nonlocal written
        kept = list(app.journal)
        if record_file and (len(kept) > written or not record_file.exists()):
            har = to_har(kept, __version__, f"Calls passed through to {upstream} by leomock.")
            write_whole(record_file, json.dumps(har, indent=1, ensure_ascii=False).encode("utf-8", "replace"))
            written = len(kept)

    if record_file:
        with writing(record_file):
            write()
    click.echo(f"leomock forwards every call to {upstream}: it answers, and may charge credits", err=True)
    await _answer(app, listener, url, quiet, every=SECONDS_BETWEEN_WRITES, write=write, close=app.close)


def _judge(upstream: str) -> Callable[[RecordedExchange], list[str] | None]:
    try:
        from leomock.contract.traffic import TrafficValidator
        from leomock.server.api_routes import PREFIXES
    except ImportError as error:
        raise click.UsageError(f"{error}: `pip install leomock[contract]` installs what judges") from None
    bench = TrafficValidator([f"{upstream.rstrip('/')}{prefix}" for prefix in PREFIXES])

    def judged(recorded: RecordedExchange) -> list[str] | None:
        violations = bench.violations(recorded)
        return None if violations is None else [str(violation) for violation in violations]

    return judged


def serve_replay(files: tuple[Path, ...], quiet: bool) -> Answering:
    """What answers from recordings."""
    from leomock.files.recordings.model import RecordingError
    from leomock.files.recordings.read import read
    from leomock.server.replaying import Replaying

    try:
        recordings = [read(file) for file in files]
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    for unreadable in (each for recording in recordings for each in recording.unreadable):
        click.echo(f"leomock: {unreadable.file} #{unreadable.number} is left out: {unreadable.why}", err=True)
    app = Replaying(recordings)
    for recorded, why in app.left_out:
        click.echo(f"leomock: {recorded.file} #{recorded.number} is left out: {why}", err=True)
    if not app.holds:
        raise click.UsageError(f"{', '.join(map(str, files))}: nothing in there can be replayed")
    return lambda listener, url: _answer(app, listener, url, quiet)


async def _answer(
    app: Any,
    listener: Any,
    url: str,
    quiet: bool,
    *,
    every: float = 0,
    write: Callable[[], None] | None = None,
    close: Callable[[], Coroutine[Any, Any, None]] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Answer with an app until told to stop; `write` what is to be kept now and then, and at the end."""
    from leomock.server.access_log import AccessLog, to_stderr
    from leomock.server.listen import listen, make_config

    stop = stop or asyncio.Event()
    on_signal(stop)
    ticking = asyncio.create_task(_now_and_then(every, write)) if write else None
    app = app if quiet else AccessLog(app, to_stderr)
    try:
        await listen(make_config(app), listener, stop, lambda: click.echo(f"leomock listening on {url}"))
    finally:
        if ticking:
            ticking.cancel()
        if close:
            await close()
        if write:
            write()


@contextlib.contextmanager
def listening_on(host: str, port: int, otherwise: str) -> Iterator[None]:
    """Tells of a port that cannot be had, and ends with what else would work."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            otherwise = "--host takes a name or an address of this machine"
        raise click.ClickException(f"cannot listen on {host}:{port}: {reason}; {otherwise}") from None


async def _now_and_then(seconds: float, write: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(write)
        except Exception as error:
            click.echo(f"leomock: cannot save: {error}", err=True)
