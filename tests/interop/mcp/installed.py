"""Programs that are too large for every run: `make mcp-clients` and `make conformance` install and run them.

Each gets an environment of its own below LEOMOCK_MCP_PROGRAMS; without that variable, its test is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

VARIABLE = "LEOMOCK_MCP_PROGRAMS"
FOLDER = Path(os.environ.get(VARIABLE, "")).resolve()
# Seconds for one installation; the largest took two minutes on a busy machine with two cores.
PATIENCE = 600


def on_demand(target: str) -> pytest.MarkDecorator:
    """Skip unless the programs are asked for."""
    return pytest.mark.skipif(VARIABLE not in os.environ, reason=f"run `make {target}` for it")


def npm_installed(name: str, packages: Sequence[str]) -> Path:
    """Install packages of npm into a folder, once, and return the folder of their commands."""
    folder = FOLDER / name
    if not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        options = ("--no-audit", "--no-fund", "--no-package-lock", "--silent")
        subprocess.run(["npm", "install", *options, *packages], cwd=folder, check=True, timeout=PATIENCE)
    return folder / "node_modules" / ".bin"


def pip_installed(name: str, packages: Sequence[str]) -> Path:
    """Install packages into a virtual environment, once, and return its Python."""
    folder = FOLDER / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / ".installed"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=PATIENCE)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True, timeout=PATIENCE)
        ready.touch()
    return python
