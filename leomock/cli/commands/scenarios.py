"""`leomock scenarios`: list the shipped faults, and check a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from leomock.cli.listing import LIST_FORMAT, put_rows
from leomock.cli.options import Group
from leomock.cli.output import OUTPUT

if TYPE_CHECKING:
    from leomock.files.scenarios import ScenarioRegistry


# The file that `new` writes: the fault that most people want first, and the other keys to try.
NEW = """\
description: The second generation is answered with 502.
rules:
  - when:
      operation: createGeneration   # leomock operations lists them
      call: 2                       # or: every: 3, first: 2, after: 5, probability: 0.1
    then:
      status: 502                   # or: error: rate_limited, connection: reset, delay: 3
      body: {error: bad gateway}
    # times: 1                      # at most this often
"""


@click.group(cls=Group, invoke_without_command=True)
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
@click.argument("name")
def show(name: str) -> None:
    """Print the file of a shipped scenario, to read or to start from."""
    from leomock.files.scenarios import ScenarioError

    library = _library()
    try:
        library.named(name)
    except ScenarioError as error:
        raise click.ClickException(str(error)) from None
    click.echo((library.folder / f"{name}.yaml").read_text("utf-8"), nl=False)


@scenarios.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new(file: Path) -> None:
    """Write a scenario to start from; the file must not exist yet."""
    from leomock.cli.output import put

    if file.suffix not in (".yaml", ".yml"):
        raise click.UsageError(f"{file}: the name of a scenario file ends with .yaml")
    if file.exists():
        raise click.UsageError(f"{file} exists already")
    put(NEW, file)
    click.echo(f"{file}: written; use it with --scenario {file}, and check it with leomock scenarios check")


@scenarios.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def check(file: Path) -> None:
    """Check a scenario file; every error names file, line and key."""
    from leomock.files.scenarios import ScenarioError

    try:
        scenario = _library().get(file)
    except ScenarioError as error:
        raise click.ClickException(str(error)) from None
    count = len(scenario.rules)
    click.echo(f"{file}: {count} {'rule' if count == 1 else 'rules'}, no errors")


def _library() -> ScenarioRegistry:
    from leomock.files.scenarios import ScenarioRegistry, scenarios_folder
    from leomock.openapi.spec import Versions

    known = Versions().operations
    return ScenarioRegistry(scenarios_folder(), known, {operation.group for operation in known.values()})
