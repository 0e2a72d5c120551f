"""Measure what a pytest plugin costs: when pytest starts, for its fixture, and when pytest ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

CHECKOUT = Path(__file__).parent.parent
# Tests that use the fixture: the first pays for the server, the last for its stop.
TESTS = 101
# By the names of their entry points, and the fixture that a test of their users asks for.
PLUGINS = {"leomock": "leomock", "pytest_httpserver": "httpserver", "respx": "respx_mock"}
NOTHING = "request"  # a fixture of pytest's own


class Costs(NamedTuple):
    """Milliseconds: of CPU at the start of pytest and for the first fixture, of the clock for the others.

    `further` is the fixture of a later test, made and taken down; `stop` is what the last one waits longer.
    """

    start: float
    first: float
    further: float
    stop: float


def costs() -> dict[str, Costs]:
    """Run one round: what each plugin adds to a pytest that loads no other plugin."""
    measured = {}
    for plugin, fixture in PLUGINS.items():
        absent, unused, used = (_run("", NOTHING), _run(plugin, NOTHING), _run(plugin, fixture))
        added = (its - without for its, without in zip(used[1:], unused[1:], strict=True))
        measured[plugin] = Costs(*(1000 * seconds for seconds in (unused.start - absent.start, *added)))
    return measured


def _run(plugin: str, fixture: str) -> Costs:
    """Seconds of a pytest that loads one of the plugins that are installed, or none; `start` is all of it."""
    with TemporaryDirectory() as folder:
        test = f"@pytest.mark.parametrize('n', range({TESTS}))\ndef test_it({fixture}, n): pass\n"
        Path(folder, "test_it.py").write_text(f"import pytest\n\n{test}")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "bench.stopwatch", "-p", "no:cacheprovider"]
        for name in sorted({point.name for point in entry_points(group="pytest11")} - {plugin}):
            command += ["-p", f"no:{name}"]
        done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        took = json.loads(Path(folder, "times.json").read_text())
    setups, teardowns = ([wall for wall, _ in took[phase]] for phase in ("setup", "teardown"))
    both = [setup + teardown for setup, teardown in zip(setups, teardowns, strict=True)]
    (_, first), *_ = took["setup"]
    return Costs(took["cpu"], first, median(both[1:-1]), teardowns[-1] - median(teardowns[:-1]))


def _environment() -> dict[str, str]:
    """Return an environment that imports this checkout and keeps bytecode, like an installed package."""
    path = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": path}
