"""`leomock operations`: what there is, and how it is answered."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click


@click.command()
@click.option(
    "--format",
    "written",
    default="text",
    type=click.Choice(["text", "json"]),
    help="How the list is written.",
)
def operations(written: str) -> None:
    """List the operations of each version: what answers, and on which basis.

    What answers is a function of leomock/resources, or a blank made from the schema of the answer. The first
    basis is that of the document, the others those of what the function decides beyond it: documented by the
    vendor, observed by others, inferred from one of these, or chosen because nobody knows. `leomock
    behaviours` lists every decision.
    """
    import orjson

    rows = list(operation_rows())
    if written == "json":
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return
    widths = {name: max(len(row[name]) for row in rows) for name in rows[0]}
    for row in rows:
        click.echo("  ".join(f"{text:{widths[name]}}" for name, text in row.items()).rstrip())


def operation_rows() -> Iterator[dict[str, str]]:
    """Yield a row for each operation of each version."""
    from leomock.openapi.spec import Versions
    from leomock.operations.handlers.load import load
    from leomock.operations.registry import bases_of

    specs = Versions()
    handlers = load(specs.operations)
    for version, spec in specs.items():
        for operation in spec.operations.values():
            handler = handlers.get(operation.id)
            yield {
                "operation": operation.id,
                "version": version,
                "method": operation.method,
                "path": operation.path,
                "answered_by": f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}"
                if handler
                else "blank",
                "basis": ", ".join(bases_of(operation)),
            }
