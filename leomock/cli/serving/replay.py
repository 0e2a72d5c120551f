"""Run the replay: answer from recorded traffic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from leomock.cli.serving.listening import answer
from leomock.files.recordings.model import Recording
from leomock.server.lifecycle import Answering

# Nobody reads more lines than this at startup; `leomock referee` lists all.
_MOST_LINES = 10


def serve_replay(files: tuple[Path, ...], quiet: bool) -> Answering:
    """Read recordings and return a server that answers from them. Raises UsageError if none can be used."""
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
    for line in _broken(recordings):
        click.echo(f"leomock: {line}", err=True)
    if not app.holds:
        raise click.UsageError(f"{', '.join(map(str, files))}: no exchange in there can be replayed")
    return lambda listener, url: answer(app, listener, url, quiet)


def _broken(recordings: Sequence[Recording]) -> list[str]:
    """Return a line for each recorded response that violates the strict contract; it is replayed anyway."""
    from leomock.contract.strict import answer_problems

    exchanges = [each for recording in recordings for each in recording.exchanges if each.status]
    lines = [
        f"{recorded.file} #{recorded.number} is replayed, but breaks the contract: {'; '.join(problems[:3])}"
        for recorded in exchanges
        if (problems := answer_problems(recorded))
    ]
    if more := len(lines) - _MOST_LINES:
        lines[_MOST_LINES:] = [f"and {more} more; `leomock referee` lists them"] if more > 0 else []
    return lines
