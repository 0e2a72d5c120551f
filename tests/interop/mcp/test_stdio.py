"""`leomock mcp`, as a process behind stdin and stdout, and as a command that refuses."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.main import main
from leomock.interop.mcp.address import MCP_MISSING
from tests.interop.mcp.servers import (
    CREATE,
    LIST,
    READ,
    body_of,
    call,
    environment,
    error_of,
    over_stdio,
    talk,
)
from tests.interop.mcp.test_http import HELLO, KEY, LISTING

# Printed on stderr, so that clock, scenarios and verdict of the fake can be reached.
ANNOUNCED = [
    "leomock: the fake is at …, and is called with the …",
    "leomock: clock, scenarios, journal and verdict: …/_leomock/ with that key",
]


@pytest.fixture
def strict() -> Iterator[Fake]:
    """A fake on a port that lets one key in."""
    with Fake(auth="strict", api_keys=(KEY,), jobs="immediate") as fake:
        yield fake


def test_key_of_the_environment(strict: Fake) -> None:
    """The generation is that key's."""
    server = over_stdio("--upstream", strict.url, LEONARDO_AI_API_KEY=KEY, LEONARDO_API_KEY="wrong")
    made = call(server, CREATE, {"body": {"prompt": "a"}})
    id = body_of(made)["sdGenerationJob"]["generationId"]
    assert strict.tenant(KEY).world.generations.get(id)


def test_key_that_is_not_let_in(strict: Fake) -> None:
    """A tool error, in the vendor's words."""
    server = over_stdio("--upstream", strict.url, LEONARDO_API_KEY="wrong")
    text = error_of(call(server, LIST, {"userId": strict.user_id}))
    assert text.startswith("The API answered 401: Authentication hook unauthorized this request. ")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("begun", [False, True])
def test_signal_ends_it_while_it_waits_for_its_client(sent: signal.Signals, begun: bool) -> None:
    """At once and with exit code 0, although stdin stays open."""
    command = [sys.executable, "-m", "leomock", "mcp"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment()) as server:
        assert server.stdin
        assert server.stdout
        assert server.stderr
        server.stdin.write(json.dumps(HELLO).encode() + b"\n")
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["id"] == HELLO["id"]
        if begun:
            server.stdin.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
            server.stdin.flush()
        server.send_signal(sent)
        assert server.wait(timeout=10) == 0
        assert len(server.stderr.read().splitlines()) == len(ANNOUNCED)


def test_upstream_that_is_gone() -> None:
    """A tool error says so."""
    with Fake() as fake:
        url = fake.url
    text = error_of(call(over_stdio("--upstream", url), LIST, {"userId": KEY}))
    assert text.startswith(f"The API answered 502: leonardo-ai-v1 at {url}/api/rest/v1 gave no answer ")
    assert text.endswith(" You may retry.")


def test_generation_with_progress_and_pictures() -> None:
    """The whole way by one process, whose fake needs no key."""
    heard = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    async def talking(client: Any) -> Any:
        made = await client.call_tool(CREATE, {"body": {"prompt": "a", "num_images": 1}})
        id = made.structured_content["sdGenerationJob"]["generationId"]
        arguments = {"id": id, "wait": 60, "include_images": True}
        return await client.call_tool(READ, arguments, progress_callback=hear)

    shown = talk(over_stdio("--jobs", "polls:2"), talking)
    assert body_of(shown)["generations_by_pk"]["status"] == "COMPLETE"
    assert [each.type for each in shown.content] == ["text", "image"]
    assert heard == ["the generation is PENDING", "the generation is COMPLETE"]


def test_stdout_has_the_protocol_alone() -> None:
    """One JSON object a line, and the end of the input ends the process."""
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    with subprocess.Popen(
        [sys.executable, "-m", "leomock", "mcp"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.writelines(f"{json.dumps(message)}\n" for message in (HELLO, ready, LISTING))
        process.stdin.flush()
        # The end of the input gives up what was asked for and is not answered yet.
        hello, listed = (json.loads(process.stdout.readline()) for _ in range(2))
        rest, announced = process.communicate(timeout=30)
        assert rest == ""
        assert [
            re.sub(r"http://[^ /,]+|key [0-9a-f-]{36}", "…", each) for each in announced.splitlines()
        ] == ANNOUNCED
    assert process.returncode == 0
    assert hello["result"]["protocolVersion"] == "2025-06-18"
    assert hello["result"]["serverInfo"]["name"] == "leomock"
    assert len(listed["result"]["tools"]) == 6


# --- what the command refuses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            "--upstream real",
            "https://cloud.leonardo.ai/api/rest/v1 is called with the key in LEONARDO_AI_API_KEY",
        ),
        ("--upstream nowhere", "--upstream='nowhere': use a full address such as http://localhost:8090"),
        ("--upstream real --jobs manual", "--jobs is for the fake that this command starts; leave it out"),
        (
            "--jobs never",
            "jobs='never': use seconds:S (e.g. seconds:2), polls:N, polls:N,seconds:S, immediate or manual",
        ),
        ("--scenario nope", "scenario='nope': not known"),
        ("--host 0.0.0.0", "--host needs --http PORT; nobody else calls here"),
        ("--group imags", "--group imags: not known; use one of basic, images, tasks, video, "),
        ("--group models --all", "give either --group or --all"),
        ("--vendor --read-only", "--vendor needs the tools that create and read generations"),
        ("--allow-origin http://a", "--allow-origin needs --http PORT; nobody else calls here"),
        (
            "--http 0 --allow-origin *",
            "--allow-origin takes origins such as http://localhost:5173, but not *",
        ),
        ("--upstream real --seed 1", "--seed is for the fake that this command starts; leave it out"),
        ("--quiet", "--quiet needs --http PORT; nobody else calls here"),
        ("--upstream ftp://x", "--upstream='ftp://x': use a full address such as http://localhost:8090"),
    ],
)
def test_options_that_cannot_be(arguments: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence says why."""
    for name in ("LEONARDO_API_KEY", "LEONARDO_AI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    done = CliRunner().invoke(main, ["mcp", *arguments.split()])
    assert done.exit_code == 2
    assert text in done.output


@pytest.mark.parametrize("missing", ["mcp", "mcp_types"])
@pytest.mark.parametrize("command", [["mcp"], ["serve", "--mcp"]])
def test_commands_without_the_extra(
    command: list[str], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They say what to install, whichever of its packages is asked for first."""
    for name in [name for name in sys.modules if name.startswith(("leomock.interop.mcp", missing))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, done.output.splitlines()[-1]) == (2, f"Error: {MCP_MISSING}")


def test_port_that_is_taken(strict: Fake) -> None:
    """The sentence names the option that takes another."""
    port = strict.url.rpartition(":")[2]
    done = CliRunner().invoke(main, ["mcp", "--http", port])
    assert done.output == (
        f"Error: cannot listen on 127.0.0.1:{port}: Address already in use; --http 0 picks a free port\n"
    )


def test_key_that_could_not_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the variable that was set."""
    monkeypatch.delenv("LEONARDO_AI_API_KEY", raising=False)
    monkeypatch.setenv("LEONARDO_API_KEY", "a\nb")
    done = CliRunner().invoke(main, ["mcp", "--upstream", "real"])
    assert done.output.splitlines()[-1] == (
        "Error: the value of LEONARDO_API_KEY in the environment is not a key: not printable ASCII"
    )
