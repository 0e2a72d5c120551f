"""What the MCP tests share: servers to talk to, and clients of the official SDK."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from leomock import Fake
from leomock.interop.capability.upstream import Caller, client_of
from leomock.interop.capability.waiting import Advance, FakeWaiting
from leomock.interop.capability.whole import whole
from leomock.interop.mcp.serve import make_api_server
from leomock.openapi.spec import shipped_versions, version_of
from leomock.server.time_travel import advance
from leomock.state.world import World

VERSIONS = shipped_versions()
CREATE = "leonardo-ai-create-generation"
READ = "leonardo-ai-get-generation-by-id"
DELETE = "leonardo-ai-delete-generation-by-id"
LIST = "leonardo-ai-get-generations-by-user-id"

T = TypeVar("T")


def environment(**more: str) -> dict[str, str]:
    """The environment of a process, without the keys of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEONARDO_")}
    return kept | more


@contextmanager
def served(*arguments: str, lines: int = 1, **more: str) -> Iterator[str]:
    """A `leomock` process, and the address that it tells in the last of its first lines."""
    process = subprocess.Popen(
        [sys.executable, "-m", "leomock", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(**more),
    )
    assert process.stdout
    try:
        line = [process.stdout.readline() for _ in range(lines)][-1]
        assert " listening on http://127.0.0.1:" in line, line
        yield line.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def examples() -> Iterator[str]:
    """The address of a server with what the conformance suite asks for by name."""
    command = [sys.executable, "-m", "tests.interop.mcp.suite", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def over_stdio(*arguments: str, **more: str) -> StdioServerParameters:
    """A `leomock mcp` that an SDK's client starts."""
    return StdioServerParameters(
        command=sys.executable, args=["-m", "leomock", "mcp", *arguments], env=environment(**more)
    )


def in_process(
    fake: Fake,
    group: str = "",
    key: str | None = None,
    vendor: bool = True,
    plain: bool = False,
    reads: bool = False,
) -> Any:
    """The server itself, over a fake that needs no port. With `reads`, it waits as it does over a network."""
    capability = whole(VERSIONS, group)
    key = fake.api_key if key is None else key
    clients = {
        each.namespace: client_of(f"{fake.url}/api/rest/{version_of(each.base_uri)}", key, fake.transport)
        for each in capability.upstreams
    }
    operations = {each.id: each for each in capability.operations}
    waiting = None if reads else FakeWaiting(fake.api.worlds.of, key, _advance(fake))
    caller = Caller(operations, clients, waiting, plain)
    return make_api_server(capability, caller, vendor)


def _advance(fake: Fake) -> Advance:
    async def move(world: World, seconds: float) -> None:
        await asyncio.wrap_future(fake.submit(advance(world, seconds, fake.sender)))

    return move


def talk(server: Any, talking: Callable[[Client], Awaitable[T]], **headers: str) -> T:
    """What somebody learns who talks to a server: an address, a command, or a server of this process."""

    async def run() -> T:
        if isinstance(server, str):
            async with (
                httpx2.AsyncClient(headers=headers, timeout=30) as http,
                Client(streamable_http_client(server, http_client=http)) as client,
            ):
                return await talking(client)
        async with Client(server) as client:
            return await talking(client)

    return asyncio.run(run())


def call(server: Any, tool: str, arguments: dict[str, Any] | None = None, **headers: str) -> CallToolResult:
    """The result of one call."""

    async def talking(client: Client) -> CallToolResult:
        return await client.call_tool(tool, arguments)

    return talk(server, talking, **headers)


def text_of(result: CallToolResult) -> str:
    """The first text of a result."""
    first = result.content[0]
    assert isinstance(first, TextContent)
    return first.text


def error_of(result: CallToolResult) -> str:
    """The text of a tool error."""
    assert result.is_error
    assert result.structured_content
    assert set(result.structured_content) == {"error"}
    return text_of(result)


def error_content(result: CallToolResult) -> dict[str, Any]:
    """The values of a tool error."""
    error_of(result)
    assert result.structured_content
    error: dict[str, Any] = result.structured_content["error"]
    return error


def body_of(result: CallToolResult) -> Any:
    """The body of a success, which is there twice: as values and as a text."""
    assert not result.is_error, result
    assert json.loads(text_of(result)) == result.structured_content
    return result.structured_content
