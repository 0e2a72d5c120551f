"""`leomock serve`: the fake on a port, until it is stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from leomock.cli.serving import run_on, serve_fake, serve_forward, serve_replay
from leomock.state.settings import LARGEST_INT, SettingError, Settings, check_origin

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
@click.option(
    "--credits", default=100_000_000, type=click.IntRange(0, LARGEST_INT), help="What every key has at first."
)
@click.option(
    "--plan-credits", default=0, type=click.IntRange(0, LARGEST_INT), help="What it gets anew every month."
)
@click.option(
    "--unit",
    default="CREDITS",
    show_default="credits",
    type=click.Choice(["CREDITS", "DOLLARS"], case_sensitive=False),
    help="What prices are told in.",
)
@click.option("--rate", default=1.0, help="How fast the time passes; 0 freezes it.")
@click.option(
    "--webhook-url",
    default="",
    show_default=False,
    metavar="URL",
    help="Where events of all keys are posted.",
)
@click.option(
    "--webhook-key", default="", show_default=False, metavar="KEY", help="The bearer token of the webhook."
)
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file to read at the start and write at the stop and every --save-every seconds.",
)
@click.option(
    "--save-every",
    default=5.0,
    type=click.FloatRange(0.1),
    metavar="SECONDS",
    help="How often --state is written.",
)
@click.option(
    "--public-url",
    default="",
    show_default=False,
    metavar="URL",
    help="What URLs in answers begin with, if not the caller's.",
)
@ALLOW_HOST
@click.option(
    "--cors",
    multiple=True,
    metavar="ORIGIN",
    help="Origin whose pages may call API, CDN and bucket: http://localhost:5173, or * for all; repeatable.",
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
    show_default=False,
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
@click.option("--mcp", is_flag=True, help="Offer the operations of generations as MCP tools, at /mcp.")
@QUIET
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
    mcp: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Serve the fake until it is stopped (Ctrl-C or SIGTERM)."""
    _check_mode(upstream, replay_files)
    if upstream:
        run_on(
            host,
            port,
            lambda listener, url: serve_forward(listener, url, upstream, judge, record_file, quiet),
        )
        return
    if replay_files:
        run_on(host, port, serve_replay(replay_files, quiet))
        return
    from leomock.files.scenarios import ScenarioError
    from leomock.files.state import load
    from leomock.operations.dispatch import Dispatcher
    from leomock.state.clock import Clock
    from leomock.state.snapshot import SnapshotError

    def make_clock() -> Clock:
        return Clock(time.time(), time.monotonic, rate)

    try:
        make_clock()
        api = Dispatcher.playing(Settings(**settings), scenarios, make_clock)
        if state_file:
            load(state_file, api.worlds)
    except (SettingError, ScenarioError, SnapshotError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    if mcp:
        check_mcp()
    run_on(
        host, port, lambda listener, url: serve_fake(api, listener, url, quiet, state_file, save_every, mcp)
    )


def check_mcp() -> None:
    """Refuse what needs the MCP SDK where it is not installed."""
    from leomock.interop.adapters import mcp_server
    from leomock.interop.mcp.address import MCP_MISSING

    if mcp_server() is None:
        raise click.UsageError(MCP_MISSING)


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
