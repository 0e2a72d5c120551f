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

from tests.interop.mcp.servers import CREATE, DELETE, LIST, READ, environment, examples, served
from tests.interop.mcp.test_tools import NOBODYS_ID

NODE = shutil.which("node")
PROGRAMS = Path(__file__).parents[2] / "clients" / "node" / "node_modules" / ".bin"
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
    """The tools over a fake; calls need no key, since the suite sends none."""
    with served("mcp", "--http", "0", "--quiet", "--jobs", "immediate") as url:
        yield url


@installed("conformance")
def test_conformance_suite_finds_nothing(tmp_path: Path) -> None:
    """The newest version that Node 20 runs; test_conformance.py has the later ones."""
    with examples() as url:
        done = run("conformance", "server", "--url", url, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert ", 0 failed" in done.stdout.splitlines()[-1]
    assert sum(line.startswith("✓") for line in done.stdout.splitlines()) >= 30


Inspect = Callable[..., Any]


@pytest.fixture(params=["http", "stdio"])
def inspect(request: pytest.FixtureRequest, tmp_path: Path) -> Inspect:
    """What the inspector's command line shows, as JSON."""
    url = request.getfixturevalue("url") if request.param == "http" else ""

    def inspected(*arguments: str, fails: str = "") -> Any:
        target = (url, "--transport", "http", "--header", "API-Key: mine") if url else LEOMOCK
        done = run("mcp-inspector", "--cli", *target, *arguments, folder=tmp_path)
        if fails:
            assert fails in done.stderr
            return None
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return inspected


@installed("mcp-inspector")
def test_inspector_lists(inspect: Inspect) -> None:
    """The tools of the basic group, in none of which the inspector finds an error."""
    listed = inspect("--method", "tools/list", "--strict")
    account = ["leonardo-ai-list-platform-models", "leonardo-ai-get-user-self"]
    assert [tool["name"] for tool in listed["tools"]] == [CREATE, READ, DELETE, LIST, *account]


@installed("mcp-inspector")
@pytest.mark.parametrize(
    ("tool", "argument", "key"),
    [
        (CREATE, 'body={"prompt": "a cat"}', "sdGenerationJob"),
        (LIST, f"userId={NOBODYS_ID}", "generations"),
    ],
)
def test_inspector_calls(inspect: Inspect, tool: str, argument: str, key: str) -> None:
    """Each tool answers with the body of its operation."""
    answer = inspect("--method", "tools/call", "--tool-name", tool, "--tool-arg", argument)
    assert answer["isError"] is False
    assert list(answer["structuredContent"]) == [key]


@installed("mcp-inspector")
@pytest.mark.parametrize("tool", [READ, DELETE])
def test_inspector_sees_an_unknown_id_as_an_error(inspect: Inspect, tool: str) -> None:
    arguments = ("--method", "tools/call", "--tool-name", tool, "--tool-arg", f"id={NOBODYS_ID}")
    inspect(*arguments, fails=f"Tool '{tool}' returned isError:true.")


@installed("mcp-inspector")
def test_inspector_polls_a_task(tmp_path: Path) -> None:
    """The tool fails in its own way, and differently for clients without tasks."""
    with examples() as url:
        target = (url, "--transport", "http", "--protocol-era", "modern")
        done = run(
            *("mcp-inspector", "--cli", *target),
            *("--method", "tools/call", "--tool-name", "failing_job"),
            folder=tmp_path,
        )
    assert "Tool 'failing_job' returned isError:true." in done.stderr
