"""`leomock referee`: judge recorded traffic against the documents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from leomock.cli.report_options import ReportOptions, finish, report_options


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option(
    "--base-url",
    "base_urls",
    multiple=True,
    metavar="URL|PATH",
    help="Another base URL or path of the API, besides /api/rest/v1 and, on this machine, /v1 (and /v2); "
    "may be repeated.",
)
@click.option(
    "--published", is_flag=True, help="Use the documents as published, without leomock's corrections."
)
@click.option(
    "--webhooks",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also judge the webhook bodies in this file: a recording of the receiver, a JSON body, or a list "
    "of them; may be repeated.",
)
@report_options()
def referee(
    files: tuple[Path, ...],
    base_urls: tuple[str, ...],
    published: bool,
    webhooks: tuple[Path, ...],
    reporting: ReportOptions,
) -> None:
    """Judge recorded traffic: HAR files, VCR cassettes, Postman, newman, WireMock, leomock journals.

    A request that violates the documents is only a warning if the service refused it.

    Exit code 0: no finding at the level of --fail-on or above. 1: there is one. 2: nothing could be judged.
    """
    from leomock.files.recordings.model import RecordingError
    from leomock.files.recordings.read import read

    try:
        from leomock.contract.traffic import TrafficValidator
        from leomock.contract.webhooks import judge_webhooks
    except ImportError as error:
        raise click.UsageError(f"{error}: `pip install leomock[contract]` installs what judges") from None
    try:
        if not files and not webhooks:
            raise click.UsageError("give a FILE to judge, or --webhooks FILE")
        recordings = [read(file) for file in files]
        judged = [judge_webhooks(file) for file in webhooks]
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    report = TrafficValidator(base_urls, published=published).report(recordings)
    report = replace(
        report,
        findings=[*report.findings, *(each for findings, _ in judged for each in findings)],
        checked=[*report.checked, *(each for _, checked in judged for each in checked)],
    )
    if webhooks:
        count = sum(len(checked) for _, checked in judged)
        report = replace(report, facts={**report.facts, "Webhook bodies judged": str(count)})
    if not report.checked and not report.findings:
        others = report.facts.get("Not of this API", "0")
        raise click.UsageError(
            f"nothing was judged: exchanges that are not of this API: {others}; --base-url says where it is"
        )
    finish(report, reporting)
