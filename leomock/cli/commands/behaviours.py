"""`leomock behaviours`: the fake's behaviours with their basis."""

from __future__ import annotations

from pathlib import Path

import click

from leomock.cli.listing import LIST_FORMAT
from leomock.cli.output import OUTPUT, put


@click.command()
@LIST_FORMAT
@OUTPUT
@click.option(
    "--tests",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Tests folder of a checkout; the list then names the test that verifies each behaviour.",
)
def behaviours(written: str, output: Path | None, tests: Path | None) -> None:
    """List every behaviour, how we know it (documented, observed, inferred or chosen), and its source."""
    import orjson

    from leomock.cli.behaviours import as_json, behaviours, held_by, to_markdown, to_text

    listed = behaviours()
    held = held_by(listed, tests.resolve()) if tests else None
    if written == "json":
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        put(orjson.dumps(as_json(listed, held), option=options).decode(), output)
    else:
        write = to_markdown if written == "markdown" else to_text
        put(write(listed, held), output)
