"""The HTTP side of MCP servers: pages of other sites, errors as JSON-RPC, a stop during a call."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import httpx2
import pytest
from click.testing import CliRunner
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.testclient import TestClient

from leomock import Fake
from leomock.cli.main import main
from leomock.interop.mcp.address import VENDOR_PATH
from leomock.interop.mcp.serve import http_app
from leomock.interop.mcp.vendor import NAME
from leomock.state.settings import Settings
from tests.interop.mcp.servers import (
    CREATE,
    LIST,
    READ,
    body_of,
    call,
    environment,
    error_of,
    in_process,
    served,
    talk,
)
from tests.interop.mcp.test_http import HEADERS, HELLO, KEY

ORIGIN = "http://localhost:5173"


@contextmanager
def client(fake: Fake, **door: Any) -> Iterator[TestClient]:
    """A client of an MCP app in this process."""
    with TestClient(http_app(in_process(fake), **door), "http://localhost", headers=HEADERS) as client:
        yield client


def test_page_of_an_allowed_origin_may_call(fake: Fake) -> None:
    """The preflight is answered, and the page can read the headers that a client needs."""
    with client(fake, allow_origins=[ORIGIN]) as page:
        asks = {"access-control-request-method": "POST", "access-control-request-headers": "mcp-session-id"}
        preflight = page.options("/mcp", headers={"origin": ORIGIN, **asks})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        hello = page.post("/mcp", json=HELLO, headers={"origin": ORIGIN, "sec-fetch-site": "cross-site"})
        assert hello.status_code == 200
        assert "Mcp-Session-Id" in hello.headers["access-control-expose-headers"]
        other = page.post("/mcp", json=HELLO, headers={"origin": "http://localhost:9"})
        assert other.status_code == 403


def test_refusal_can_be_read_by_an_allowed_page(fake: Fake) -> None:
    """Without a key, the page sees the 401 and its challenge."""
    with client(fake, allow_origins=[ORIGIN], needs_key=True) as page:
        answer = page.post("/mcp", json=HELLO, headers={"origin": ORIGIN, "api-key": ""})
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize(
    ("headers", "body", "status", "text"),
    [
        ({}, b"x" * (Settings().max_body + 1), 413, "leomock: request body too large"),
        ({"content-type": "text/plain"}, b"{}", 400, "leomock: invalid Content-Type header"),
    ],
)
def test_error_of_the_transport_is_json_rpc(
    fake: Fake, headers: dict[str, str], body: bytes, status: int, text: str
) -> None:
    """The SDK answers these in plain text."""
    with client(fake) as caller:
        answer = caller.post("/mcp", content=body, headers={"content-type": "application/json", **headers})
        error = {"code": -32600, "message": text}
        assert (answer.status_code, answer.json()) == (status, {"jsonrpc": "2.0", "id": None, "error": error})


def test_whitespace_around_a_header_is_no_part_of_it(fake: Fake) -> None:
    """The name of a tool is compared with the body's."""
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": LIST,
            "arguments": {},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    }
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": f" {LIST}\t"}
    with client(fake) as caller:
        answer = caller.post("/mcp", json=body, headers=headers)
        assert (answer.status_code, "generations" in answer.text) == (200, True)


# --- the stop ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_server_that_stops_during_a_wait_answers_the_call(mode: str) -> None:
    """In both eras of the protocol; the process ends with 0 and prints no traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "leomock", "mcp", "--http", "0", "--quiet", "--jobs", "manual"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout
    url = process.stdout.readline().split()[-1]

    async def talking() -> Any:
        waiting = asyncio.Event()

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            waiting.set()

        async with (
            httpx2.AsyncClient(timeout=30) as http,
            Client(
                streamable_http_client(url, http_client=http, terminate_on_close=False), mode=mode
            ) as client,
        ):
            made = body_of(await client.call_tool(CREATE, {"body": {"prompt": "a"}}))
            arguments = {"id": made["sdGenerationJob"]["generationId"], "wait": 500}
            reading = asyncio.create_task(client.call_tool(READ, arguments, progress_callback=hear))
            await waiting.wait()
            process.send_signal(signal.SIGTERM)
            return await reading

    try:
        text = error_of(asyncio.run(talking()))
        assert text.startswith("The server is stopping, and the call was abandoned. ")
        _, announced = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert all(line.startswith("leomock: ") for line in announced.splitlines())


# --- the vendor's path, and the options --------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [(("mcp", "--http", "0"), 1), (("serve", "--mcp", "--port", "0", "--jobs", "immediate"), 2)],
)
def test_vendor_option_serves_the_path_of_the_vendors_server(arguments: tuple[str, ...], lines: int) -> None:
    """It has the vendor's tool alone, and needs a key; /mcp has the same tool beside the others."""
    with served(*arguments, "--vendor", "--plain", "--quiet", lines=lines) as mcp:
        vendor = f"{mcp.removesuffix('/mcp')}{VENDOR_PATH}"
        bare = {"accept": HEADERS["accept"]}
        assert httpx.post(vendor, json=HELLO, headers=bare).status_code == 401
        assert tools(vendor) == [NAME]
        assert tools(mcp)[-1] == NAME
        assert len(tools(mcp)) == 7
        shown = call(vendor, NAME, {"prompt": "a"}, **{"api-key": KEY})
        assert [each.type for each in shown.content] == ["text", "image"]


def tools(url: str) -> list[str]:
    """The names of the tools of a server, for a caller with a key."""

    async def listed(client: Client) -> list[str]:
        return [each.name for each in (await client.list_tools()).tools]

    return talk(url, listed, **{"api-key": KEY})


def test_serve_offers_every_tool_in_the_api_s_own_words() -> None:
    """`serve --mcp --all --plain`."""
    with served("serve", "--mcp", "--all", "--plain", "--port", "0", "--quiet", lines=2) as mcp:
        assert len(tools(mcp)) > 50
        text = error_of(call(mcp, READ, {"id": "no-uuid"}, **{"api-key": KEY}))
        assert "leomock" not in text


def test_serve_refuses_options_of_tools_without_mcp() -> None:
    """They would have no effect."""
    done = CliRunner().invoke(main, ["serve", "--vendor", "--port", "0"])
    assert (done.exit_code, done.output.splitlines()[-1]) == (
        2,
        "Error: --all, --group, --read-only, --vendor, --plain, --no-confirm, --fetch-from are about MCP "
        "tools; add --mcp",
    )


def test_fake_behind_the_tools_is_steered_over_http() -> None:
    """`leomock mcp` takes the fake's settings, and prints the address and the key of its admin API."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "leomock",
            "mcp",
            "--http",
            "0",
            "--quiet",
            "--auth",
            "strict",
            "--credits",
            "7",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert process.stdout
        assert process.stderr
        told = process.stderr.readline().split()
        url, key = told[5].rstrip(","), told[-1]
        mcp = process.stdout.readline().split()[-1]
        account = body_of(call(mcp, "leonardo-ai-get-user-self"))["user_details"][0]
        assert account["apiSubscriptionTokens"] + account["apiPaidTokens"] == 7
        clock = httpx.get(f"{url}/_leomock/requests", headers={"authorization": f"Bearer {key}"})
        assert clock.json()["requests"][-1]["operation"] == "getUserSelf"
    finally:
        process.terminate()
        process.communicate(timeout=20)
