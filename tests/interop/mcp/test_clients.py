"""Eight MCP clients, each on the same small journey over HTTP and stdio.

Those that are small enough are installed for every run; `make mcp-clients` installs the others, each in an
environment of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.interop.mcp.installed import on_demand, pip_installed
from tests.interop.mcp.servers import CREATE, DELETE, LIST, READ, environment, served
from tests.interop.mcp.test_tools import NOBODYS_ID

PROGRAMS = Path(__file__).parent / "clients"
NODE_PROGRAM = Path(__file__).parents[2] / "clients" / "node" / "mcp_journey.mjs"
NODE = shutil.which("node")
TOOLS = [CREATE, READ, DELETE, LIST, "leonardo-ai-list-platform-models", "leonardo-ai-get-user-self"]
UNKNOWN = f"GET /generations/{{id}}: there is nothing with the id {NOBODYS_ID}. "
# Clients that need an environment of their own: their program and what to install for it.
OTHERS = {
    "python_sdk_1": ["mcp==1.30.0"],
    "fastmcp_client": ["fastmcp==4.2.3"],
    "langchain_adapters": ["langchain-mcp-adapters==0.3.2", "langchain-core==1.8.3"],
    "openai_agents": ["openai-agents==0.24.0"],
    "mcp_use_client": ["mcp-use==1.7.1"],
}
# Some of them would send statistics.
QUIET = {"MCP_USE_ANONYMIZED_TELEMETRY": "false", "OPENAI_AGENTS_DISABLE_TRACING": "true"}

Target = Sequence[str]


@pytest.fixture(params=["http", "stdio"])
def target(request: pytest.FixtureRequest) -> Any:
    """The arguments that tell a client where the server is."""
    if request.param == "stdio":
        yield ("stdio", sys.executable, "-m", "leomock", "mcp")
        return
    with served("mcp", "--http", "0", "--quiet") as url:
        yield ("http", url, "any-key")


def journey(command: Sequence[str], target: Target) -> dict[str, Any]:
    """What a client saw on its journey."""
    done = subprocess.run(
        [*command, *target],
        env=environment(**QUIET),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


Check = Callable[[Sequence[str]], None]


@pytest.fixture
def check(target: Target) -> Check:
    """Make the journey with a client, and compare what it saw."""

    def checked(command: Sequence[str]) -> None:
        seen = journey(command, target)
        assert seen.pop("unknown").startswith(UNKNOWN)
        assert seen == {"tools": TOOLS, "status": "COMPLETE", "images": 1}

    return checked


@pytest.mark.parametrize("program", ["python_sdk_2", "pydantic_ai_toolset"])
def test_client_of_every_run(check: Check, program: str) -> None:
    """In the environment of the tests."""
    check([sys.executable, str(PROGRAMS / f"{program}.py")])


@pytest.mark.skipif(
    NODE is None or not (NODE_PROGRAM.parent / "node_modules/@modelcontextprotocol/client").exists(),
    reason="the TypeScript SDK is not installed: run `npm install` in tests/clients/node",
)
def test_typescript_sdk(check: Check) -> None:
    """test_node.py has the inspector, which is the eighth client."""
    assert NODE
    check([NODE, str(NODE_PROGRAM)])


@on_demand("mcp-clients")
@pytest.mark.parametrize(("program", "packages"), OTHERS.items())
def test_client_with_an_environment_of_its_own(check: Check, program: str, packages: list[str]) -> None:
    """Their packages are large, or want another version of the SDK."""
    check([str(pip_installed(program, packages)), str(PROGRAMS / f"{program}.py")])
