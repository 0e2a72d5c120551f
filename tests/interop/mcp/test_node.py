"""The protocol's own conformance suite and its inspector, run by Node."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp_types import CallToolResult

from leomock import Fake
from leomock.interop.capability.whole import whole
from leomock.interop.mcp.address import MCP_PATH
from leomock.interop.mcp.handlers import make_server
from leomock.interop.mcp.serve import http_app
from leomock.interop.mcp.tools import Tool, Use, tools_of
from leomock.server.lifecycle import open_until
from leomock.server.listen import ServerConfig, address, bind, listen
from tests.interop.capability.adapters import caller_of
from tests.interop.mcp.servers import CREATE, DELETE, LIST, READ, VERSIONS, environment, served
from tests.interop.mcp.test_tools import NOBODYS_ID

NODE = shutil.which("node")
PROGRAMS = Path(__file__).parents[2] / "clients" / "node" / "node_modules" / ".bin"
EXPECTED_FAILURES = Path(__file__).with_name("expected_failures.yaml")
# In this order: with the progress of a generation it comes to its end.
UNDER_OTHER_NAMES = (
    "tools-call-simple-text",
    "tools-call-error",
    "tools-call-with-progress",
    "tools-call-image",
)
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


async def unheard(done: float, total: float, text: str) -> None:
    """Nobody listens for this progress."""


def renamed(tool: Tool, name: str, arguments: dict[str, Any]) -> Tool:
    """A tool under another name, which takes no arguments since it has them."""

    async def run(use: Use) -> CallToolResult:
        return await tool.run(replace(use, arguments=arguments))

    schema = {"type": "object", "properties": {}, "required": []}
    changed = {"name": name, "input_schema": schema, "output_schema": None}
    return Tool(tool.definition.model_copy(update=changed), run, tool.caller)


@installed("conformance")
def test_tools_pass_under_the_names_of_the_suite(tmp_path: Path) -> None:
    """A text, a picture, an error, and progress are as the protocol wants them."""
    fake = Fake(jobs="polls:3")
    capability = whole(VERSIONS, "generations")

    async def judged() -> dict[str, str]:
        tools = tools_of(capability.adapters[0], caller_of(capability, fake), VERSIONS)
        by_name = {tool.definition.name: tool for tool in tools}
        made = await by_name[CREATE].use(Use({"body": {"prompt": "a cat"}}, {}, unheard))
        assert made.structured_content
        pending = {"id": made.structured_content["sdGenerationJob"]["generationId"], "wait": 60}
        server = make_server(
            [
                renamed(by_name[LIST], "test_simple_text", {"userId": NOBODYS_ID}),
                renamed(by_name[READ], "test_error_handling", {"id": "x"}),
                renamed(by_name[READ], "test_tool_with_progress", pending),
                renamed(by_name[READ], "test_image_content", {**pending, "include_images": True}),
            ],
            "leomock",
            "",
        )
        app, stop = http_app(server), asyncio.Event()
        with bind("127.0.0.1", 0) as listener:
            url = f"{address(listener)}{MCP_PATH}"
            async with open_until(stop, app):
                serving = asyncio.create_task(listen(ServerConfig(app), listener, stop, lambda: None))
                found = {
                    name: await asyncio.to_thread(
                        run, "conformance", "server", "--url", url, "--scenario", name, folder=tmp_path
                    )
                    for name in UNDER_OTHER_NAMES
                }
                stop.set()
                await serving
        return {name: done.stdout for name, done in found.items() if done.returncode}

    assert asyncio.run(judged()) == {}
    fake.close()


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
