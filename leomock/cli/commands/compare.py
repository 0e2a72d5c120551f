"""`leomock compare`: check whether the fake answers as the real service did."""

from __future__ import annotations

from pathlib import Path

import click

from leomock.cli.report_options import ReportOptions, finish, report_options


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--base-url",
    "base_urls",
    multiple=True,
    metavar="URL|PATH",
    help="Another base URL of the API in the recording; may be repeated.",
)
@report_options()
def compare(files: tuple[Path, ...], base_urls: tuple[str, ...], reporting: ReportOptions) -> None:
    """Send a recorded journey to a fake and list where its responses differ.

    Each FILE is a recording that `leomock referee` reads, such as a HAR file that `leomock proxy --record`
    wrote. The requests go to a fresh fake, in order; nothing is sent to the real service.

    Exit code 0: no difference at the level of --fail-on or above. 1: there is one. 2: nothing could be
    compared.
    """
    from leomock.contract.compare import compare as compare_recordings
    from leomock.files.recordings.model import RecordingError
    from leomock.files.recordings.read import read

    try:
        recordings = [read(file) for file in files]
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    report = compare_recordings(recordings, base_urls=base_urls)
    if not report.checked:
        raise click.UsageError(
            f"nothing was compared: no exchange in {', '.join(map(str, files))} is of this API; "
            "--base-url says where it is"
        )
    finish(report, reporting)
