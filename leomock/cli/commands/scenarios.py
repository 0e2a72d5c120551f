"""`leomock scenarios`: list the shipped faults, and check a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from leomock.cli.listing import LIST_FORMAT, put_rows
from leomock.cli.output import OUTPUT

if TYPE_CHECKING:
    from leomock.files.scenarios import ScenarioRegistry


@click.group(invoke_without_command=True)
@LIST_FORMAT
@OUTPUT
@click.pass_context
def scenarios(context: click.Context, written: str, output: Path | None) -> None:
    """List the shipped fault scenarios."""
    if context.invoked_subcommand:
        return
    rows = [
        {"scenario": each.name, "what happens": each.description, "basis": f"[{each.basis}]"}
        for each in _library().all()
    ]
    put_rows(rows, written, output)


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
