"""`leomock openapi`: print the OpenAPI document."""

from __future__ import annotations

from pathlib import Path

import click

from leomock.cli.output import OUTPUT, put


@click.command()
@click.option("--published", is_flag=True, help="As published, without leomock's corrections.")
@click.option(
    "--strict",
    is_flag=True,
    help="The contract that `leomock check` uses: responses must have all properties they name, and no "
    "others.",
)
@click.option("--plain", is_flag=True, help="For client generators: without what they cannot express.")
@click.option("--version", type=click.Choice(["v1", "v2"]), default="v1", help="The version of the API.")
@OUTPUT
def openapi(published: bool, strict: bool, plain: bool, version: str, output: Path | None) -> None:
    """Print the OpenAPI document: the published facts with leomock's corrections applied."""
    import orjson

    from leomock.openapi.documents import SpecError
    from leomock.openapi.spec import Versions

    try:
        server = f"https://cloud.leonardo.ai/api/rest/{version}"
        spec = Versions()[version]
        flavours = {"--strict": strict, "--published": published, "--plain": plain}
        chosen = [name for name, is_given in flavours.items() if is_given]
        if len(chosen) > 1:
            raise click.UsageError(f"{' and '.join(chosen)} exclude each other; give one")
        if plain:
            document = spec.plain_document(server)
        elif strict:
            from leomock.contract.strict import strict_document

            document = strict_document(spec, server)
        else:
            document = spec.document(server, published=published)
    except SpecError as error:
        raise click.ClickException(str(error)) from None
    put(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode(), output)
