"""`leomock replay`: answer from recorded traffic."""

from __future__ import annotations

from pathlib import Path

import click

from leomock.cli.options import HOST, PORT, QUIET


@click.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(dir_okay=False, path_type=Path)
)
@HOST
@PORT
@QUIET
def replay(files: tuple[Path, ...], host: str, port: int, quiet: bool) -> None:
    """Answer from recordings, until stopped (Ctrl-C or SIGTERM).

    Each FILE is a HAR file, a VCR cassette or a leomock journal. Repeated requests get the recorded responses
    in order, then the last one again. Any other request gets a 404 that names the nearest recorded one.
    """
    from leomock.cli.serving.listening import run_on
    from leomock.cli.serving.replay import serve_replay

    run_on(host, port, serve_replay(files, quiet))
