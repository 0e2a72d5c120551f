"""`leomock evidence`: turn a recording into facts, to report how the real service responds."""

from __future__ import annotations

from pathlib import Path

import click

from leomock.cli.output import OUTPUT, put


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--base-url",
    "base_urls",
    multiple=True,
    metavar="URL|PATH",
    help="Another base URL of the API in the recording; may be repeated.",
)
@click.option("--different-only", is_flag=True, help="Write only the facts that the fake does not follow.")
@OUTPUT
def evidence(
    files: tuple[Path, ...], base_urls: tuple[str, ...], different_only: bool, output: Path | None
) -> None:
    """Turn a recording of the real service into facts, to report a difference with a single file.

    Each FILE is a recording that `leomock compare` reads, such as a HAR file. Each fact says how one request
    was answered: status, fields, nulls, order of keys, types and error texts. Ids, keys, URLs, prompts and
    other texts are replaced; read the result before you send it. The command sends nothing anywhere.

    Exit code 0: facts were written. 2: the recording contains nothing of this API.
    """
    from leomock.contract.recorded_facts import recorded_facts
    from leomock.files.recordings.model import RecordingError
    from leomock.files.recordings.read import read
    from leomock.leonardo.evidence import as_yaml

    try:
        facts = recorded_facts([read(file) for file in files], base_urls=base_urls)
    except RecordingError as error:
        raise click.UsageError(str(error)) from None
    if not facts:
        raise click.UsageError(
            f"no exchange in {', '.join(map(str, files))} is of this API; --base-url says where it is"
        )
    different = [fact for fact in facts if "differs" in fact]
    put(as_yaml(different if different_only else facts), output)
    followed = len(facts) - len(different)
    click.echo(f"{len(facts)} facts: the fake follows {followed}, and differs in {len(different)}", err=True)
