"""`leomock exec`: run a command with a fake that exists only for that command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal, Unpack

import click

if TYPE_CHECKING:
    from leomock.testing.fake import Fake

from leomock.cli.options import PROXY_OTHERS, Whole, setting
from leomock.cli.output import put, writable
from leomock.state.redaction import shortened
from leomock.state.settings import DEFAULT_JOBS, LARGEST_INT, SettingError, SettingValues

# The exit codes that shells use for these errors.
NOT_TO_BE_RUN = 126
NOT_FOUND = 127
# Signals that a user may send to the command; not every system has all of them.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
SIGNALS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
# The terminal sends these to the command by itself; many programs treat a second one differently.
FROM_KEYS = ("SIGINT", "SIGQUIT")


@click.command(context_settings={"allow_interspersed_args": False})
@setting("--jobs", default=DEFAULT_JOBS, metavar="PACE", help="As in `leomock serve`.")
@setting("--scenario", "scenarios", multiple=True, metavar="NAME|FILE", help="As in `leomock serve`.")
@setting("--seed", default=0, help="The same seed, key and calls give the same ids and pictures.")
@setting("--credits", default=100_000_000, type=Whole(0, LARGEST_INT), help="Credits at the start.")
@setting("--limits", default="none", type=click.Choice(["none", "real"]), help="Enforce documented limits.")
@setting("--webhook-url", default="", show_default=False, metavar="URL", help="Send webhook events there.")
@click.option(
    "--clock",
    default="running",
    type=click.Choice(["running", "frozen"]),
    help="Whether the fake's clock runs or stands still.",
)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 if the command succeeds but the verdict has findings."
)
@click.option(
    "--journal",
    "journal_file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=writable,
    metavar="FILE",
    help="Also write the journal and the verdict to this file.",
)
@PROXY_OTHERS
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec(
    strict: bool,
    journal_file: Path | None,
    scenarios: tuple[str, ...],
    clock: Literal["running", "frozen"],
    proxy_others: str,
    command: tuple[str, ...],
    **settings: Unpack[SettingValues],
) -> None:
    """Run a command against its own temporary fake, and return the command's exit code.

    Calls to the real hosts, from the command and from all processes that it starts, reach the fake.
    LEONARDO_BASE_URL contains the fake's base URL; LEONARDO_API_KEY and LEONARDO_AI_API_KEY contain its key.
    Put `--` before the command so that its options are passed through. If the command fails, the journal and
    the verdict of its calls are written to stderr.
    """
    from leomock.files.scenarios import ScenarioError
    from leomock.testing.child_processes.gateway import Gateway
    from leomock.testing.fake import Fake

    try:
        fake = Fake(scenario=scenarios, clock=clock, **settings)
    except (SettingError, ScenarioError) as error:
        raise click.UsageError(str(error)) from None
    with fake:
        keys = dict.fromkeys(("LEONARDO_API_KEY", "LEONARDO_AI_API_KEY"), fake.api_key)
        before = {**os.environ, **keys, "LEONARDO_BASE_URL": fake.base_url}
        with Gateway(fake, refuse_others=proxy_others == "refuse", said=_say) as gateway:
            code = _run(command, gateway.environment(before))
        if code < NOT_TO_BE_RUN and not _was_called(fake):
            _say("the command made no call to the fake")
        clean = _report(fake, show=code != 0, strict=strict, file=journal_file)
    sys.exit(code if clean or code or not strict else 1)


def _report(fake: Fake, *, show: bool, strict: bool, file: Path | None) -> bool:
    """Write journal and verdict of every key; return True if no verdict has findings."""
    from leomock.state.story import story

    reports, clean = [], True
    for world in fake.api.worlds:
        if not len(world.journal):
            continue
        tenant = fake.tenant(world.key)
        verdict = tenant.verdict()
        clean = clean and verdict.clean
        reports.append(f"journal of {shortened(world.key)}\n{tenant.story()}\n\n{verdict}\n")
    if anonymous := list(fake.api.worlds.unauthenticated_journal):
        reports.append(f"calls without a valid API key\n{story(anonymous)}\n")
    for report in reports if show or (strict and not clean) else ():
        _say(report)
    if file:
        put("\n".join(reports), file)
    return clean


def _was_called(fake: Fake) -> bool:
    return any(len(world.journal) for world in fake.api.worlds) or bool(
        len(fake.api.worlds.unauthenticated_journal)
    )


def _say(text: str) -> None:
    click.echo(f"leomock: {text}", err=True)


def _run(command: tuple[str, ...], environment: dict[str, str]) -> int:
    """Return the exit code of a command as a shell does: 128 plus the signal number if a signal ended it."""
    running: subprocess.Popen[bytes] | None = None
    early: list[int] = []  # signals that arrive before the command runs

    def pass_on(number: int, frame: FrameType | None) -> None:
        if running is None:
            early.append(number)
        elif signal.Signals(number).name not in FROM_KEYS or not sys.stdin.isatty():
            running.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        running = subprocess.Popen(command, env=environment)
        for number in early:
            running.send_signal(number)
        code = running.wait()
    except OSError as error:
        click.echo(f"Error: cannot run {command[0]}: {error.strerror}", err=True)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_TO_BE_RUN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
