"""`leomock operations`: list every operation and its implementation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from leomock.cli.listing import LIST_FORMAT, put_rows
from leomock.cli.output import OUTPUT


@click.command()
@LIST_FORMAT
@OUTPUT
@click.argument("name", default="")
def operations(written: str, output: Path | None, name: str) -> None:
    """List the operations of each version, with their implementation and its basis.

    With NAME, list only operations whose id, or method and path, contain it.

    An operation is answered by a function in leomock/operations/handlers, or by a blank made from the
    response schema. The first basis is that of the document. The others belong to what the function decides
    beyond the document: documented by the vendor, observed by others, inferred from one of these, or chosen
    because nobody knows. `leomock behaviours` lists every decision.
    """
    put_rows(_named(name), written, output)


def _named(name: str) -> list[dict[str, str]]:
    """Return the rows of the operations that contain a name; raise a usage error if none does."""
    from leomock.openapi.suggest import suggestion

    rows = list(operation_rows())
    texts = [f"{row['operation']} {row['method']} {row['path']}".lower() for row in rows]
    found = [row for row, text in zip(rows, texts, strict=True) if name.lower() in text]
    if not found:
        known = {row["operation"]: row for row in rows}
        near = suggestion(name, known) or "; `leomock operations` lists them all"
        raise click.ClickException(f"no operation contains {name!r}{near}")
    return found


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
