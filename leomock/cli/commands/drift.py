"""`leomock drift`: report changes between two sets of documents, and what they break."""

from __future__ import annotations

import atexit
import gc

import click

from leomock.cli.report_options import ReportOptions, finish, report_options


@click.command()
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option(
    "--sdk",
    metavar="PACKAGE",
    help="Instead of OLD and NEW: compare the installed official SDK (leonardo-ai-sdk) with the published "
    "documents and with leomock's responses.",
)
@report_options(fail_on=False)
@click.option(
    "--fail-on",
    "fail_on",
    default="clients:breaking",
    metavar="WHO:CLASS",
    help="The least serious change that makes the exit code 1: clients:CLASS or fake:CLASS, where CLASS is "
    "breaking, compatible or cosmetic; CLASS alone means either of them; or never.",
)
@click.option("--prose", is_flag=True, help="Report changed descriptions and summaries as well.")
@click.option(
    "--maintainer",
    is_flag=True,
    help="Also name the handlers, scenario rules and overlay actions of leomock that a change affects.",
)
def drift(
    old: str | None,
    new: str | None,
    sdk: str | None,
    reporting: ReportOptions,
    fail_on: str,
    prose: bool,
    maintainer: bool,
) -> None:
    """Report what changed from OLD to NEW: two sets of OpenAPI and AsyncAPI documents.

    Each is a folder, a file (JSON or YAML), an http(s) URL, or a git revision with a path, such as
    main:specs. Every change is breaking, compatible or cosmetic for clients, and separately for the fake.

    Exit code 0: no change at the level of --fail-on or above. 1: there is one. 2: the documents cannot be
    read.
    """
    from leomock.contract.drift.findings import Threshold, compared
    from leomock.contract.drift.sources import read
    from leomock.openapi.documents import SpecError

    _pause_garbage_collection()
    try:
        threshold = Threshold.parse(fail_on)
    except ValueError as error:
        raise click.UsageError(f"--fail-on: {error}") from None
    try:
        if sdk is not None:
            from leomock.contract.drift.sdk_comparison import heard

            if old is not None:
                raise click.UsageError("--sdk takes the place of OLD and NEW; give one or the other")
            report = heard(sdk, threshold=threshold)
        elif old is None or new is None:
            raise click.UsageError(
                "give OLD and NEW (folders, files, URLs or git revisions), or --sdk leonardo-ai-sdk"
            )
        else:
            report = compared(read(old), read(new), prose=prose, threshold=threshold, maintainer=maintainer)
    except SpecError as error:
        raise click.ClickException(str(error)) from None
    finish(report, reporting)


def _pause_garbage_collection() -> None:
    """Pause the garbage collector until the command ends, and skip its run at exit.

    The documents live until the end, so there is nothing to collect. With large documents, garbage collection
    took most of the time.
    """
    gc.disable()
    click.get_current_context().call_on_close(gc.enable)
    atexit.register(gc.freeze)
