"""`leomock behaviours`: what the fake does, and how we know."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--format",
    "written",
    default="text",
    type=click.Choice(["text", "json", "markdown"]),
    help="Format of the list.",
)
@click.option(
    "--tests",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A checkout's folder of tests (the package has none): tell which test holds each behaviour.",
)
def behaviours(written: str, tests: Path | None) -> None:
    """List every behaviour, how it is known (documented, observed, inferred or chosen) and from where."""
    import orjson

    from leomock.cli.behaviours import as_json, behaviours, held_by, to_markdown, to_text

    listed = behaviours()
    held = held_by(listed, tests.resolve()) if tests else None
    if written == "json":
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        sys.stdout.buffer.write(orjson.dumps(as_json(listed, held), option=options))
    else:
        write = to_markdown if written == "markdown" else to_text
        sys.stdout.buffer.write(write(listed, held).encode())
