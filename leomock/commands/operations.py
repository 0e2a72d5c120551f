"""`leomock operations`: what there is, and how it is answered."""

from __future__ import annotations

import click


@click.command()
def operations() -> None:
    """List the operations, and how each is answered."""
    from leomock.operations import load
    from leomock.spec.compile import Spec

    spec = Spec()
    handlers = load(spec)
    width = max(len(id) for id in spec.operations)
    for operation in spec.operations.values():
        handler = handlers.get(operation.id)
        how = f"{handler.__module__.rsplit('.', 1)[-1]}.{handler.__name__}" if handler else "blank"
        click.echo(f"{operation.id:{width}}  {operation.method:6} {operation.path:38} {how}")
