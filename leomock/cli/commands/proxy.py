"""`leomock proxy`: forward every request to another server."""

from __future__ import annotations

from pathlib import Path

import click

from leomock.cli.options import HOST, PORT, QUIET, Whole
from leomock.state.settings import SettingError, check_origin


@click.command()
@click.argument("url")
@click.option(
    "--judge",
    is_flag=True,
    help="Report every exchange that violates the documents, as `leomock referee` does.",
)
@click.option(
    "--record",
    "record_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Record the traffic in this HAR file; API keys are shortened.",
)
@click.option(
    "--max-record",
    default=256 * 2**20,
    type=Whole(1),
    metavar="BYTES",
    help="Bytes of traffic to keep for --record; beyond that, the oldest exchanges are dropped.",
)
@click.option(
    "--redact",
    multiple=True,
    metavar="NAME",
    help="Also shorten the values of this header, query parameter or body field in the recording; may be "
    "repeated.",
)
@HOST
@PORT
@QUIET
def proxy(
    url: str,
    judge: bool,
    record_file: Path | None,
    max_record: int,
    redact: tuple[str, ...],
    host: str,
    port: int,
    quiet: bool,
) -> None:
    """Forward every request to the server at URL, until stopped (Ctrl-C or SIGTERM).

    The real service is https://cloud.leonardo.ai; calls that reach it may charge credits. `leomock replay`
    answers from what --record wrote.
    """
    from leomock.cli.serving.listening import run_on
    from leomock.cli.serving.proxy import serve_proxy

    try:
        check_origin(url, "URL")
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    run_on(
        host,
        port,
        lambda listener, own_url: serve_proxy(
            listener, own_url, url, judge, record_file, max_record, redact, quiet
        ),
    )
