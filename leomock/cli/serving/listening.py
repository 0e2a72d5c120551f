"""Listen on a port and answer with an app until a signal stops the process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import click

from leomock.cli.output import writing
from leomock.server.lifecycle import Answering, asyncio_run, on_signal

# Saving takes this share of the time at most, unless the pauses between saves would be longer than a minute.
SHARE_OF_TIME = 0.1
LONGEST_PAUSE = 60.0


def run_on(
    host: str, port: int, run: Answering, hint: str = "--port 0 picks a free port", first: str = ""
) -> None:
    """Listen on `host` and `port` and run a server there.

    `hint` says what to do if the port is taken; `first` is a line for stderr before the server runs.
    """
    from leomock.server.listen import address, bind

    with listening_on(host, port, hint):
        listener = bind(host, port)
    with listener:
        if first:
            click.echo(first, err=True)
        asyncio_run(run(listener, address(listener)))


@contextlib.contextmanager
def listening_on(host: str, port: int, hint: str) -> Iterator[None]:
    """Turn an OSError of `bind` into a ClickException that says what would work."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        if not host:
            raise click.ClickException(
                "cannot listen: --host is empty; use an address of this machine, such as 127.0.0.1"
            ) from None
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            hint = "--host takes a name or an address of this machine"
        raise click.ClickException(f"cannot listen on {host}:{port}: {reason}; {hint}") from None


async def answer(
    app: Any,
    listener: Any,
    url: str,
    quiet: bool,
    *,
    close: Callable[[], Coroutine[Any, Any, None]] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve an app until `stop` is set, or a signal arrives; then call `close`."""
    from leomock.server.access_log import AccessLog, StderrLog
    from leomock.server.listen import ServerConfig, listen

    stop = stop or asyncio.Event()
    on_signal(stop)
    app = app if quiet else AccessLog(app, StderrLog())
    try:
        await listen(ServerConfig(app), listener, stop, lambda: click.echo(f"leomock listening on {url}"))
    finally:
        if close:
            await close()


def _to_stderr(line: str) -> None:
    click.echo(line, nl=False, err=True)


async def repeat(seconds: float, save: Callable[[], None], say: Callable[[str], object] = _to_stderr) -> None:
    """Call `save` every `seconds` in a thread, or less often if it takes long.

    An error is shown and does not end the repetition.
    """
    pause = seconds
    while True:
        await asyncio.sleep(pause)
        began = monotonic()
        try:
            await asyncio.to_thread(save)
        except Exception as error:
            say(f"leomock: cannot save: {error}\n")
        took = monotonic() - began
        pause = max(seconds, min(took / SHARE_OF_TIME - took, LONGEST_PAUSE))


@contextlib.asynccontextmanager
async def saving(
    file: Path,
    save: Callable[[], None],
    seconds: float,
    say: Callable[[str], object] = _to_stderr,
    last: Callable[[], None] | None = None,
) -> AsyncIterator[None]:
    """Save to a file at the start, every few seconds, and at the end: by `last`, or else by `save` again.

    If the first or the last save fails, the command ends with an error that names the file.
    """
    with writing(file):
        save()
    repeating = asyncio.create_task(repeat(seconds, save, say))
    try:
        yield
    finally:
        repeating.cancel()
        with writing(file):
            (last or save)()
