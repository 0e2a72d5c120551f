"""`leomock serve`: the fake on a port, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leomock.settings import SettingError, Settings

if TYPE_CHECKING:
    from leomock.answer import Api


# What every command takes that serves a fake.
HOST = click.option(
    "--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 lets other machines in."
)
JOBS = click.option(
    "--jobs",
    default="seconds:2",
    metavar="PACE",
    help="How a generation completes: seconds:S, polls:N (PENDING for N reads), immediate, or manual.",
)
SCENARIO = click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME|FILE",
    help="Faults from the start; may be repeated. `leomock scenarios` lists the names.",
)
ALLOW_HOST = click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="HOST",
    help="Another name under which what needs no key may be called; may be repeated.",
)
QUIET = click.option("--quiet", is_flag=True, help="No line for each call, warnings only.")


@click.command()
@HOST
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
@JOBS
@click.option(
    "--ids",
    default="v4",
    type=click.Choice(["v4", "v6"]),
    help="UUID version of generations; newer accounts see v6.",
)
@SCENARIO
@click.option(
    "--limits",
    default="none",
    type=click.Choice(["none", "real"]),
    help="real: enforce the documented rates, concurrency and queue.",
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
@ALLOW_HOST
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
@QUIET
def serve(
    host: str,
    port: int,
    rate: float,
    scenarios: tuple[str, ...],
    state_file: Path | None,
    save_every: float,
    quiet: bool,
    **settings: Any,
) -> None:
    """Serve the fake until it is stopped (Ctrl-C or SIGTERM)."""
    from leomock.answer import Api
    from leomock.scenario_files import ScenarioError
    from leomock.server.listen import address, bind
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
    with listening_on(host, port, "--port 0 picks a free port"):
        listener = bind(host, port)
    asyncio_run(_serve(api, listener, address(listener), quiet, state_file, save_every))


async def _serve(
    api: Api, listener: Any, url: str, quiet: bool, state_file: Path | None, save_every: float
) -> None:
    from leomock.server.app import make_app
    from leomock.server.listen import listen, make_config
    from leomock.server.recording import to_stderr
    from leomock.server.webhook_sender import Sender
    from leomock.state_file import save

    stop = asyncio.Event()
    on_signal(stop)
    api.worlds.say = to_stderr
    sender = Sender(None if quiet else to_stderr)
    app = make_app(api, None if quiet else to_stderr, sender)
    # The documents stay for good, and the rows of worlds are no garbage: to look for some less often saves a
    # tenth of every call.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    ticking = [asyncio.create_task(sender.run(api.worlds, stop))]
    if state_file:
        ticking.append(asyncio.create_task(_save_now_and_then(state_file, api, save_every)))
    try:
        await listen(make_config(app), listener, stop, lambda: click.echo(f"leomock listening on {url}"))
    finally:
        for task in ticking[1:]:
            task.cancel()
        await ticking[0]
        if state_file:
            save(state_file, api.worlds)


@contextlib.contextmanager
def listening_on(host: str, port: int, otherwise: str) -> Iterator[None]:
    """Tells of a port that cannot be had, and ends with what else would work."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise click.ClickException(f"cannot listen on {host}:{port}: {reason}; {otherwise}") from None


async def _save_now_and_then(path: Path, api: Api, seconds: float) -> None:
    from leomock.state_file import save

    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(save, path, api.worlds)
        except Exception as error:
            click.echo(f"leomock: cannot save to {path}: {error}", err=True)


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
    """`asyncio.run`, on uvloop where that exists."""
    factory = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main_coroutine)
