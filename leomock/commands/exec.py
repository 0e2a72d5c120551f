"""`leomock exec`: a command with a fake of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from leomock.settings import SettingError


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--jobs", default="polls:1", metavar="PACE", help="As of `leomock serve`.")
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME|FILE", help="As of `leomock serve`.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec(jobs: str, scenarios: tuple[str, ...], command: tuple[str, ...]) -> None:
    """Run a command against a fake of its own, and pass its exit code on.

    The command finds the fake in LEONARDO_BASE_URL and its key in LEONARDO_API_KEY and LEONARDO_AI_API_KEY.
    """
    from leomock.fake import Fake
    from leomock.scenario_files import ScenarioError

    try:
        fake = Fake(jobs=jobs, scenario=scenarios)
    except (SettingError, ScenarioError) as error:
        raise click.UsageError(str(error)) from None
    with fake:
        keys = dict.fromkeys(("LEONARDO_API_KEY", "LEONARDO_AI_API_KEY"), fake.api_key)
        environment = {**os.environ, **keys, "LEONARDO_BASE_URL": fake.base_url}
        try:
            code = subprocess.run(command, env=environment).returncode
        except OSError as error:
            raise click.ClickException(f"cannot run {command[0]}: {error.strerror}") from None
    sys.exit(code if code >= 0 else 128 - code)
