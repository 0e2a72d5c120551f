"""`leomock referee`: recorded traffic, judged against the documents."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from leomock.cli.output import FORMAT, OUTPUT, put


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--base-url",
    "base_urls",
    multiple=True,
    metavar="URL|PATH",
    help="Where the API is besides /api/rest/v1 and, on this machine, /v1 (and /v2); may be repeated.",
)
@click.option(
    "--published", is_flag=True, help="By the documents as published, without leomock's corrections."
)
@FORMAT
@OUTPUT
def referee(
    files: tuple[Path, ...], base_urls: tuple[str, ...], published: bool, written: str, output: Path | None
) -> None:
    """Judge recorded traffic: HAR files, VCR cassettes, journals of leomock.

    The exit code is 0 where all of it keeps to the documents, 1 where something does not or cannot be read,
    and 2 where nothing could be judged.
    """
    from leomock.contract.reports.writers import WRITERS
    from leomock.files.recordings.model import RecordingError
    from leomock.files.recordings.read import read

    try:
        from leomock.contract.traffic import TrafficValidator
    except ImportError as error:
        raise click.UsageError(f"{error}: `pip install leomock[contract]` installs what judges") from None
    try:
        recordings = [read(file) for file in files]
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    report = TrafficValidator(base_urls, published=published).report(recordings)
    if not report.checked and not report.findings:
        others = report.facts.get("Not of this API", "0")
        raise click.UsageError(
            f"nothing was judged: exchanges that are not of this API: {others}; --base-url says where it is"
        )
    put(WRITERS[written](report), output)
    sys.exit(1 if report.failed else 0)
