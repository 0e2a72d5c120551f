"""`leomock drift`: what changed between two sets of documents, and whom it breaks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from leomock.cli.output import FORMAT, OUTPUT, put

FAIL_ON = ("breaking", "compatible", "cosmetic", "never")


@click.command()
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option(
    "--sdk",
    metavar="PACKAGE",
    help="In place of OLD and NEW: compare the installed official SDK (leonardo-ai-sdk) with the published "
    "documents and with what leomock answers.",
)
@FORMAT
@OUTPUT
@click.option(
    "--fail-on",
    default="breaking",
    type=click.Choice(FAIL_ON),
    help="The slightest change, for clients or for the fake, that makes the exit code 1.",
)
@click.option("--prose", is_flag=True, help="Tell changed descriptions and summaries as well.")
def drift(
    old: str | None,
    new: str | None,
    sdk: str | None,
    written: str,
    output: Path | None,
    fail_on: Literal["breaking", "compatible", "cosmetic", "never"],
    prose: bool,
) -> None:
    """Tell what changed from OLD to NEW: two sets of OpenAPI documents.

    Each is a folder, a file (JSON or YAML) or an http(s) address. Every change is breaking, compatible or
    cosmetic for clients, and separately for the fake, and names the handlers, scenario rules and overlay
    actions that it touches.

    Exit code 0: nothing at or above --fail-on. 1: something is. 2: the documents cannot be read.
    """
    from leomock.contract.drift.findings import compared
    from leomock.contract.drift.sources import read
    from leomock.contract.reports.writers import WRITERS
    from leomock.openapi.documents import SpecError

    least = None if fail_on == "never" else fail_on
    try:
        if sdk is not None:
            from leomock.contract.drift.sdk_comparison import heard

            if old is not None:
                raise click.UsageError("--sdk takes the place of OLD and NEW; give one or the other")
            report = heard(sdk, fail_on=least)
        elif old is None or new is None:
            raise click.UsageError("give OLD and NEW (folders, files or addresses), or --sdk leonardo-ai-sdk")
        else:
            report = compared(read(old), read(new), prose=prose, fail_on=least)
    except SpecError as error:
        raise click.ClickException(str(error)) from None
    put(WRITERS[written](report), output)
    sys.exit(1 if report.failed else 0)
