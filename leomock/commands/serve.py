"""`leomock serve`: the fake on a port, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import signal
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from leomock.settings import LARGEST_INT, SettingError, Settings, check_origin

if TYPE_CHECKING:
    from leomock.answer import Api
    from leomock.recordings import Recorded

SECONDS_BETWEEN_WRITES = 5.0


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 lets other machines in.")
@click.option("--port", default=8090, type=click.IntRange(0, 65535), help="Port to listen on; 0 picks one.")
@click.option("--seed", default=0, help="Same seed, key and calls: same ids and pictures.")
@click.option(
    "--auth",
    default="open",
    type=click.Choice(["open", "strict", "real"]),
    help="open: any key is a tenant. strict: only --api-key. real: as strict, and a key that is no UUID gets "
    "the 500 that the real service gives.",
)
@click.option(
    "--api-key", "api_keys", multiple=True, metavar="KEY", help="A key that is let in; may be repeated."
)
@click.option(
    "--jobs",
    default="seconds:2",
    metavar="PACE",
    help="How a generation completes: seconds:S, polls:N (PENDING for N reads), immediate, or manual.",
)
@click.option(
    "--ids",
    default="v4",
    type=click.Choice(["v4", "v6"]),
    help="UUID version of generations; newer accounts see v6.",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME|FILE",
    help="Faults from the start; may be repeated. `leomock scenarios` lists the names.",
)
@click.option(
    "--limits",
    default="none",
    type=click.Choice(["none", "real"]),
    help="real: enforce the documented rates, concurrency and queue.",
)
@click.option(
    "--credits", default=100_000_000, type=click.IntRange(0, LARGEST_INT), help="What every key has at first."
)
@click.option(
    "--plan-credits", default=0, type=click.IntRange(0, LARGEST_INT), help="What it gets anew every month."
)
@click.option(
    "--unit",
    default="CREDITS",
    type=click.Choice(["CREDITS", "DOLLARS"], case_sensitive=False),
    help="What prices are told in.",
)
@click.option("--rate", default=1.0, help="How fast the time passes; 0 freezes it.")
@click.option("--webhook-url", default="", metavar="URL", help="Where events of all keys are posted.")
@click.option("--webhook-key", default="", metavar="KEY", help="The bearer token of the webhook.")
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file to read at the start and write at the stop and every --save-every seconds.",
)
@click.option("--save-every", default=5.0, type=click.FloatRange(0.1), metavar="SECONDS", help="See --state.")
@click.option(
    "--public-url", default="", metavar="URL", help="What URLs in answers begin with, if not the caller's."
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="HOST",
    help="Another name under which /_leomock/ may be called; may be repeated.",
)
@click.option(
    "--max-body", default=16 * 2**20, type=click.IntRange(1), metavar="BYTES", help="Longest body of a call."
)
@click.option(
    "--max-upload", default=25 * 2**20, type=click.IntRange(1), metavar="BYTES", help="Largest upload."
)
@click.option(
    "--max-worlds", default=1000, type=click.IntRange(1), help="Keys to keep; the longest unused leaves."
)
@click.option("--journal", default=1000, type=click.IntRange(1), help="Exchanges to keep of each key.")
@click.option("--explain", is_flag=True, help="Say in X-Leomock-Basis how each answer is known to be real.")
@click.option(
    "--forward",
    "upstream",
    default="",
    metavar="URL",
    help="Be no fake: pass every call through to this server.",
)
@click.option("--judge", is_flag=True, help="With --forward: judge what goes by, as `leomock referee`.")
@click.option(
    "--record",
    "record_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --forward: keep what goes by in this HAR file, API keys shortened.",
)
@click.option(
    "--replay",
    "replay_files",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Be no fake: answer as recorded in a HAR, VCR cassette or journal; may be repeated.",
)
@click.option("--quiet", is_flag=True, help="No line for each call, warnings only.")
def serve(
    host: str,
    port: int,
    rate: float,
    scenarios: tuple[str, ...],
    state_file: Path | None,
    save_every: float,
    upstream: str,
    judge: bool,
    record_file: Path | None,
    replay_files: tuple[Path, ...],
    quiet: bool,
    **settings: Any,
) -> None:
    """Serve the fake until it is stopped (Ctrl-C or SIGTERM)."""
    _check_mode(upstream, replay_files)
    if upstream:
        _listen(
            host, port, lambda listener, url: _forward(listener, url, upstream, judge, record_file, quiet)
        )
        return
    if replay_files:
        _listen(host, port, _replaying(replay_files, quiet))
        return
    from leomock.answer import Api
    from leomock.scenario_files import ScenarioError
    from leomock.state.clock import Clock
    from leomock.state.snapshot import SnapshotError
    from leomock.state_file import load

    def make_clock() -> Clock:
        return Clock(time.time(), time.monotonic, rate)

    try:
        make_clock()
        api = Api.playing(Settings(**settings), scenarios, make_clock)
        if state_file:
            load(state_file, api.worlds)
    except (SettingError, ScenarioError, SnapshotError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    _listen(host, port, lambda listener, url: _serve(api, listener, url, quiet, state_file, save_every))


def _listen(host: str, port: int, run: Callable[[Any, str], Coroutine[Any, Any, None]]) -> None:
    """Run what answers on a socket, until it ends."""
    from leomock.server.listen import address, bind

    try:
        listener = bind(host, port)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror or error}; --port 0 picks a free port"
        ) from None
    with listener:
        asyncio_run(run(listener, address(listener)))


# What holds for all that can be served; the other options are about the fake.
_OF_ALL = {"host", "port", "quiet"}
_MODES = {
    "upstream": ("--forward", {"upstream", "judge", "record_file"}),
    "replay_files": ("--replay", {"replay_files"}),
}


def _check_mode(upstream: str, replay_files: tuple[Path, ...]) -> None:
    """Refuse options that would be without effect beside --forward or --replay."""
    context = click.get_current_context()
    given = {
        option.name: option.opts[0]
        for option in context.command.params
        if context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    }
    mode = "upstream" if upstream else "replay_files" if replay_files else ""
    if mode:
        flag, known = _MODES[mode]
        for name, option in given.items():
            if name not in known | _OF_ALL:
                raise click.UsageError(f"{option} has no effect with {flag}: leave one of them out")
    else:
        for name in ("judge", "record_file"):
            if name in given:
                raise click.UsageError(
                    f"{given[name]} needs --forward URL: a fake's own calls are in its journal"
                )
    if upstream:
        try:
            check_origin(upstream, "--forward")
        except SettingError as error:
            raise click.UsageError(str(error)) from None


async def _forward(
    listener: Any, url: str, upstream: str, judge: bool, record_file: Path | None, quiet: bool
) -> None:
    from leomock import __version__
    from leomock.har import to_har
    from leomock.server.forwarding import Forwarding
    from leomock.server.recording import to_stderr
    from leomock.state_file import write_whole

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
        try:
            write()
        except OSError as error:
            raise click.ClickException(f"cannot write {record_file}: {error.strerror}") from None
    click.echo(f"leomock forwards every call to {upstream}: it answers, and may charge credits", err=True)
    await _answer(app, listener, url, quiet, every=SECONDS_BETWEEN_WRITES, write=write, close=app.close)


def _judge(upstream: str) -> Callable[[Recorded], list[str] | None]:
    try:
        from leomock.referee import Bench
    except ImportError as error:
        raise click.UsageError(f"{error}: `pip install leomock[contract]` installs what judges") from None
    bench = Bench([f"{upstream.rstrip('/')}{prefix}" for prefix in ("/api/rest/v1", "/v1")])

    def judged(recorded: Recorded) -> list[str] | None:
        breaches = bench.breaches(recorded)
        return None if breaches is None else [str(breach) for breach in breaches]

    return judged


def _replaying(files: tuple[Path, ...], quiet: bool) -> Callable[[Any, str], Coroutine[Any, Any, None]]:
    from leomock.recordings import RecordingError, read
    from leomock.server.replaying import Replaying

    try:
        recordings = [read(file) for file in files]
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    for unreadable in (each for recording in recordings for each in recording.unreadable):
        click.echo(f"leomock: {unreadable.file} #{unreadable.number} is left out: {unreadable.why}", err=True)
    app = Replaying(recordings)
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
) -> None:
    """Answer with an app until told to stop; `write` what is to be kept now and then, and at the end."""
    from leomock.server.listen import listen, make_config
    from leomock.server.recording import Recording, to_stderr

    stop = asyncio.Event()
    _on_signal(stop)
    ticking = asyncio.create_task(_now_and_then(every, write)) if write else None
    app = app if quiet else Recording(app, to_stderr)
    try:
        await listen(make_config(app), listener, stop, lambda: click.echo(f"leomock listening on {url}"))
    finally:
        if ticking:
            ticking.cancel()
        if close:
            await close()
        if write:
            write()


async def _serve(
    api: Api, listener: Any, url: str, quiet: bool, state_file: Path | None, save_every: float
) -> None:
    from leomock.server.app import make_app
    from leomock.server.listen import listen, make_config
    from leomock.server.recording import to_stderr
    from leomock.server.webhook_sender import Sender
    from leomock.state_file import save

    stop = asyncio.Event()
    _on_signal(stop)
    api.worlds.say = to_stderr
    sender = Sender(None if quiet else to_stderr)
    app = make_app(api, None if quiet else to_stderr, sender)
    # The documents stay for good, and the rows of worlds are no garbage: to look for some less often saves a
    # tenth of every call.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    ticking = [asyncio.create_task(sender.run(api.worlds, stop))]
    if state_file:
        worlds = api.worlds
        ticking.append(asyncio.create_task(_now_and_then(save_every, lambda: save(state_file, worlds))))
    try:
        await listen(make_config(app), listener, stop, lambda: click.echo(f"leomock listening on {url}"))
    finally:
        for task in ticking[1:]:
            task.cancel()
        await ticking[0]
        if state_file:
            save(state_file, api.worlds)


async def _now_and_then(seconds: float, write: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(write)
        except Exception as error:
            click.echo(f"leomock: cannot save: {error}", err=True)


def _on_signal(stop: asyncio.Event) -> None:
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
    """`asyncio.run`, on uvloop where that exists."""
    factory = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main_coroutine)
