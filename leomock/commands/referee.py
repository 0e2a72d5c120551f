"""`leomock referee`: recorded traffic, judged against the documents."""

from __future__ import annotations

import sys
from pathlib import Path

import click


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
@click.option(
    "--format",
    "written",
    default="text",
    type=click.Choice(["text", "json", "markdown", "sarif", "junit", "github", "html"]),
    help="How the report is written.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file for it, not stdout."
)
def referee(
    files: tuple[Path, ...], base_urls: tuple[str, ...], published: bool, written: str, output: Path | None
) -> None:
    """Judge recorded traffic: HAR files, VCR cassettes, journals of leomock.

    The exit code is 0 where all of it keeps to the documents, 1 where something does not or cannot be read,
    and 2 where nothing could be judged.
    """
    from leomock.recordings import RecordingError, read
    from leomock.reports import WRITERS

    try:
        from leomock.referee import Bench
    except ImportError as error:
        raise click.UsageError(f"{error}: `pip install leomock[contract]` installs what judges") from None
    try:
        recordings = [read(file) for file in files]
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    report = Bench(base_urls, published=published).report(recordings)
    if not report.checked and not report.findings:
        others = report.facts.get("Not of this API", "0")
        raise click.UsageError(
            f"nothing was judged: exchanges that are not of this API: {others}; --base-url says where it is"
        )
    text = WRITERS[written](report)
    if output:
        try:
            output.write_text(text, "utf-8")
        except OSError as error:
            raise click.UsageError(f"cannot write {output}: {error.strerror}") from None
    else:
        sys.stdout.buffer.write(text.encode())
    sys.exit(1 if report.failed else 0)
