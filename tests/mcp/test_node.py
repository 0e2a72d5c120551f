"""The protocol's own conformance suite and its inspector, run by Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mcp.servers import CREATE, DELETE, LIST, READ, environment, served

NODE = shutil.which("node")
PROGRAMS = Path(__file__).parent.parent / "clients" / "node" / "node_modules" / ".bin"
EXPECTED_FAILURES = Path(__file__).with_name("expected_failures.yaml")
# A leomock that a program starts is the one under test.
PATHS = f"PYTHONPATH={os.pathsep.join(path for path in sys.path if path)}"
LEOMOCK = ("-e", PATHS, sys.executable, "-m", "leomock", "mcp")

pytestmark = pytest.mark.skipif(NODE is None, reason="these programs need Node: no `node` is on the PATH")


def installed(name: str) -> pytest.MarkDecorator:
    """Skips where a package is missing."""
    return pytest.mark.skipif(
        not (PROGRAMS / name).exists(),
        reason=f"{name} is not installed: run `npm install` in tests/clients/node",
    )


def run(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One of the programs; what it writes of its own goes into a folder."""
    assert NODE
    home = {"HOME": str(folder), "USERPROFILE": str(folder)}
    return subprocess.run(
        [NODE, str((PROGRAMS / name).resolve()), *arguments],
        env=environment(**home),
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The fake with MCP beside it."""
    with served("serve", "--mcp", "--port", "0", "--quiet", "--jobs", "immediate", lines=2) as url:
        yield url


@installed("conformance")
def test_conformance_suite_finds_what_was_expected(url: str, tmp_path: Path) -> None:
    """Nothing fails but what leomock is not, and all of that does."""
    arguments = ("--url", url, "--expected-failures", str(EXPECTED_FAILURES))
    done = run("conformance", "server", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    passed = {line.split()[1].rstrip(":") for line in done.stdout.splitlines() if line.startswith("✓")}
    assert passed >= {
        "server-initialize",
        "ping",
        "tools-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
    }


Inspect = Callable[..., Any]


@pytest.fixture(params=["http", "stdio"])
def inspect(request: pytest.FixtureRequest, tmp_path: Path) -> Inspect:
    """What the inspector's command line shows, as JSON."""
    url = request.getfixturevalue("url") if request.param == "http" else ""

    def inspected(*arguments: str) -> Any:
        target = (url, "--transport", "http", "--header", "API-Key: mine") if url else LEOMOCK
        done = run("mcp-inspector", "--cli", *target, *arguments, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return inspected


@installed("mcp-inspector")
def test_inspector_lists_and_calls(inspect: Inspect) -> None:
    """The four tools, none of which it finds an error in; a call answers with the body."""
    listed = inspect("--method", "tools/list", "--strict")
    assert [tool["name"] for tool in listed["tools"]] == [CREATE, READ, DELETE, LIST]
    arguments = ("--tool-name", CREATE, "--tool-arg", 'body={"prompt": "a cat"}')
    made = inspect("--method", "tools/call", *arguments)
    assert made["isError"] is False
    assert made["structuredContent"]["sdGenerationJob"]["generationId"]
