"""`leomock capability`: the API as capability files, and what they offer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from leomock.capability.files import Capability, Offer

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def capability() -> None:
    """Serve, check and write capability files (Naftiko 1.0.0-alpha2)."""


@capability.command()
@click.argument("group", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE|DIR", help="Where to write.")
@click.option("--all", "every", is_flag=True, help="Every group, as files in the folder --output.")
def export(group: str | None, output: Path | None, every: bool) -> None:
    """Write the capability file of a group of the API, such as image-generation."""
    from leomock.capability.export import as_yaml, exported, file_name
    from leomock.spec.compile import Spec, suggestion

    found = exported(Spec())
    if every == (group is not None) or (every and output is None):
        raise click.UsageError("give either a group, or --all and the folder --output")
    if group is not None and group not in found:
        hint = suggestion(group, found)
        raise click.UsageError(f"there is no group {group!r}{hint}; use one of {', '.join(found)}")
    try:
        if every and output:
            output.mkdir(parents=True, exist_ok=True)
            for name, tree in found.items():
                (output / file_name(name)).write_text(as_yaml(tree), "utf-8")
            click.echo(f"{output}: {len(found)} files")
        elif group and output:
            output.write_text(as_yaml(found[group]), "utf-8")
        elif group:
            click.echo(as_yaml(found[group]), nl=False)
    except OSError as error:
        raise click.ClickException(f"cannot write {error.filename}: {error.strerror}") from None


@capability.command()
@click.argument("file", type=_FILE)
def check(file: Path) -> None:
    """Check a capability file and print what it would expose; every error names file, line and key."""
    from leomock.capability.documented import documented
    from leomock.spec.compile import Spec

    capability, spec = _load(file), Spec()
    count = len(capability.operations)
    click.echo(
        f"{file}: {capability.label}, {count} {'operation' if count == 1 else 'operations'}, no errors"
    )
    for upstream in capability.upstreams:
        key = f"key in {upstream.variable}" if upstream.variable else "no key"
        click.echo(f"calls {upstream.base_uri} ({key})")
    for adapter in capability.adapters:
        click.echo(f"{adapter.namespace}: {adapter.kind} on port {adapter.port}")
        width = max(len(_shown(offer)) for offer in adapter.offers)
        for offer in adapter.offers:
            known = "" if documented(spec, offer.operation) else "  (the fake has no such operation)"
            click.echo(f"  {_shown(offer):{width}}  {offer.operation.id}{known}")


def _shown(offer: Offer) -> str:
    """What a caller names."""
    return f"{offer.method:6} {offer.path}" if offer.method else offer.name


def _load(file: Path) -> Capability:
    from leomock.capability.files import CapabilityError, load

    try:
        return load(file)
    except CapabilityError as error:
        raise click.ClickException(str(error)) from None
