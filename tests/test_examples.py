"""The README's examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent / "examples"
PRINTS = {"sdk_journey.py": ["PENDING", "COMPLETE", "(1024, 768)", "(1024, 768)", "1", "True"]}


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example_prints_what_it_should(name: str) -> None:
    """Run as a script, from anywhere."""
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == PRINTS[name]
