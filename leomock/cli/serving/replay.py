"""Run the replay: answer from recorded traffic."""

from __future__ import annotations

from pathlib import Path

import click

from leomock.cli.serving.listening import answer
from leomock.server.lifecycle import Answering


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
    if not app.holds:
        raise click.UsageError(f"{', '.join(map(str, files))}: no exchange in there can be replayed")
    return lambda listener, url: answer(app, listener, url, quiet)
