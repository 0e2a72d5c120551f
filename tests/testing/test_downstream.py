"""The project in examples/downstream, which uses leomock beside respx, vcrpy, pytest-asyncio and xdist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2] / "examples" / "downstream"
LIBRARIES = ("respx", "vcr", "pytest_asyncio", "xdist", "requests")


def test_downstream_project_passes() -> None:
    """All of its tests, in two processes, with warnings as errors and strict markers."""
    for library in LIBRARIES:
        pytest.importorskip(library)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LEOMOCK_", "PYTEST_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"],
        cwd=PROJECT,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= 30
