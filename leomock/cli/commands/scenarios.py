"""`leomock scenarios`: the faults that are shipped, and the check of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from leomock.files.scenarios import ScenarioRegistry


@click.group(invoke_without_command=True)
@click.pass_context
def scenarios(context: click.Context) -> None:
    """List the scenarios that are shipped."""
    if context.invoked_subcommand:
        return
    library = _library()
    width = max(map(len, library.names()))
    for scenario in library.all():
        click.echo(f"{scenario.name:{width}}  {scenario.description}  [{scenario.basis}]")


@scenarios.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def check(file: Path) -> None:
    """Check a scenario file; every error names file, line and key."""
    from leomock.files.scenarios import ScenarioError

    try:
        scenario = _library().get(file)
    except ScenarioError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{file}: {len(scenario.rules)} rules, no errors")


def _library() -> ScenarioRegistry:
    from leomock.files.scenarios import ScenarioRegistry, scenarios_folder
    from leomock.openapi.spec import Versions

    known = Versions().operations
    return ScenarioRegistry(scenarios_folder(), known, {operation.group for operation in known.values()})
