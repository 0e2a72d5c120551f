"""What the installation of leomock costs every start of pytest: `make bench-install`.

Builds two environments in a temporary folder, one with pytest and one with pytest and leomock, and runs the
same empty test in both, in turns. Packages come from the index that pip is configured with.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

CHECKOUT = Path(__file__).parent.parent
ROUNDS = 15
TARGET = 1.10


def main() -> int:
    """Print the ratio of the CPU times. Exit code 1 if it misses the target.

    The third line leaves out the plugin of anyio, which Starlette and httpx depend on; the rest is ours.
    """
    with TemporaryDirectory() as folder:
        alone = environment(Path(folder, "alone"), "pytest")
        installed = environment(Path(folder, "installed"), "pytest", str(CHECKOUT))
        test = Path(folder, "test_it.py")
        test.write_text("def test_it():\n    pass\n")
        runs = {
            "pytest alone": (alone, ()),
            "with leomock installed": (installed, ()),
            "with leomock installed, without anyio's plugin": (installed, ("-p", "no:anyio")),
        }
        for python, options in runs.values():
            cpu_of_pytest(python, test, *options)  # writes the bytecode
        rounds = [
            [cpu_of_pytest(python, test, *options) for python, options in runs.values()]
            for _ in range(ROUNDS)
        ]
    medians = [median(column) for column in zip(*rounds, strict=True)]
    for name, seconds in zip(runs, medians, strict=True):
        print(f"start of pytest, CPU: {1000 * seconds:4.0f} ms, {seconds / medians[0]:.2f}  {name}")
    met = medians[1] / medians[0] <= TARGET
    print(f"target <= {TARGET:.2f}: {'met' if met else 'NOT MET'} (medians of {ROUNDS} rounds)")
    return 0 if met else 1


def environment(folder: Path, *packages: str) -> Path:
    """Make a virtual environment with some packages and return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def cpu_of_pytest(python: Path, test: Path, *options: str) -> float:
    """Return the seconds of CPU that one run of pytest takes."""
    before = os.times()
    subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, test.name],
        cwd=test.parent,
        check=True,
        capture_output=True,
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    sys.exit(main())
