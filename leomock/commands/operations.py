"""`leomock operations`: what there is, and how it is answered."""

from __future__ import annotations

import click


@click.command()
def operations() -> None:
    """List the operations of each version, and how each is answered."""
    from leomock.operations import load
    from leomock.spec.compile import Versions

    specs = Versions()
    handlers = load(specs.operations)
    width = max(len(id) for id in specs.operations)
    for version, spec in specs.items():
        for operation in spec.operations.values():
            handler = handlers.get(operation.id)
            how = f"{handler.__module__.rsplit('.', 1)[-1]}.{handler.__name__}" if handler else "blank"
            click.echo(f"{operation.id:{width}}  {version}  {operation.method:6} {operation.path:38} {how}")
