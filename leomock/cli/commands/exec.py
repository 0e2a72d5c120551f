"""`leomock exec`: a command with a fake of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from leomock.testing.fake import Fake

from leomock.cli.options import PROXY_OTHERS, setting
from leomock.state.settings import DEFAULT_JOBS, SettingError

# What shells answer for these.
NOT_TO_BE_RUN = 126
NOT_FOUND = 127
# What somebody may want to tell the command; systems have some of them.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
SIGNALS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
# What a terminal sends to the command by itself; twice means something else to many.
FROM_KEYS = ("SIGINT", "SIGQUIT")


@click.command(context_settings={"allow_interspersed_args": False})
@setting("--jobs", default=DEFAULT_JOBS, metavar="PACE", help="As of `leomock serve`.")
@setting("--scenario", "scenarios", multiple=True, metavar="NAME|FILE", help="As of `leomock serve`.")
@PROXY_OTHERS
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec(jobs: str, scenarios: tuple[str, ...], proxy_others: str, command: tuple[str, ...]) -> None:
    """Run a command against a fake of its own, and pass its exit code on.

    Calls of the command, and of all processes that it starts, reach the fake when they go to the real hosts.
    LEONARDO_BASE_URL is the fake's own address; its key is in LEONARDO_API_KEY and LEONARDO_AI_API_KEY.
    Put `--` before the command so that its options are passed through.
    """
    from leomock.files.scenarios import ScenarioError
    from leomock.testing.child_processes.gateway import Gateway
    from leomock.testing.fake import Fake

    try:
        fake = Fake(jobs=jobs, scenario=scenarios)
    except (SettingError, ScenarioError) as error:
        raise click.UsageError(str(error)) from None
    with fake:
        keys = dict.fromkeys(("LEONARDO_API_KEY", "LEONARDO_AI_API_KEY"), fake.api_key)
        before = {**os.environ, **keys, "LEONARDO_BASE_URL": fake.base_url}
        with Gateway(fake, refuse_others=proxy_others == "refuse", said=_say) as gateway:
            code = _run(command, gateway.environment(before))
        if code < NOT_TO_BE_RUN and not _was_called(fake):
            _say("the command made no call to the fake")
    sys.exit(code)


def _was_called(fake: Fake) -> bool:
    return any(len(world.journal) for world in fake.api.worlds) or bool(
        len(fake.api.worlds.unauthenticated_journal)
    )


def _say(text: str) -> None:
    click.echo(f"leomock: {text}", err=True)


def _run(command: tuple[str, ...], environment: dict[str, str]) -> int:
    """The exit code of a command, as a shell tells it: 128 and the number of the signal that ended it."""
    try:
        running = subprocess.Popen(command, env=environment)
    except OSError as error:
        click.echo(f"Error: cannot run {command[0]}: {error.strerror}", err=True)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_TO_BE_RUN

    def pass_on(number: int, frame: FrameType | None) -> None:
        if signal.Signals(number).name not in FROM_KEYS or not sys.stdin.isatty():
            running.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        code = running.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
