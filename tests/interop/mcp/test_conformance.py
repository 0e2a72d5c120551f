"""The protocol's own conformance suite in its newest versions, on all scenarios."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.mcp.installed import npm_installed, on_demand
from tests.interop.mcp.servers import environment, examples

# The versions, and how many checks each makes. Fewer would mean that scenarios no longer run.
VERSIONS = {"0.1.16": 44, "0.2.0-alpha.12": 231}
# The Node on the PATH may be older than the one that the suite needs.
NODE = "node@24"


@on_demand("conformance")
@pytest.mark.parametrize(("version", "checks"), VERSIONS.items())
def test_conformance_suite_finds_nothing(version: str, checks: int, tmp_path: Path) -> None:
    """No failure is expected or excused."""
    programs = npm_installed(f"conformance-{version}", [NODE, f"@modelcontextprotocol/conformance@{version}"])
    with examples() as url:
        done = subprocess.run(
            [programs / "node", programs / "conformance", "server", "--url", url, "--suite", "all"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    sys.stdout.write(done.stdout[done.stdout.find("=== SUMMARY") :])
    total = re.search(r"Total: (\d+) passed, (\d+) failed", done.stdout)
    assert total, done.stdout + done.stderr
    assert (int(total[1]) >= checks, total[2], done.returncode) == (True, "0", 0), done.stdout
