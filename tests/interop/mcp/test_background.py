"""Calls that go on as tasks, for a client of the SDK that has the extension."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim, advertise
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from starlette.testclient import TestClient

from leomock import Fake
from leomock.interop.mcp import background
from leomock.interop.mcp.background import EXTENSION
from leomock.interop.mcp.serve import http_app
from leomock.interop.mcp.session import McpSession
from leomock.testing.tenant import Tenant
from tests.interop.mcp.servers import CREATE, READ, body_of, environment, in_process
from tests.interop.mcp.test_http import HEADERS
from tests.interop.mcp.test_protocol import using

VERSION = "2026-07-28"
LONG = {"prompt": "a cat", "include_images": False}


class TaskFields(types.Result):
    """What is known of a task; the outcome is there once it has ended."""

    task_id: str
    status: str
    status_message: str | None = None
    created_at: str
    last_updated_at: str
    ttl_ms: int
    poll_interval_ms: int


class Created(TaskFields):
    result_type: Literal["task"] = "task"


class Detailed(TaskFields):
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class Params(types.RequestParams):
    task_id: str


class Get(types.Request[Params, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class Cancel(types.Request[Params, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    name_param = "taskId"


class Polling(ClientExtension):
    """A client that polls its tasks, and keeps what it was told of them."""

    identifier = EXTENSION

    def __init__(self) -> None:
        self.created: list[Created] = []
        self.ended: list[Detailed] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """What a call may answer instead of its result."""
        return [ResultClaim(result_type="task", model=Created, resolve=self.resolve)]

    async def resolve(self, created: Created, context: ClaimContext) -> types.CallToolResult:
        """The result of a task, once it has ended."""
        self.created.append(created)
        while True:
            request = Get(params=Params(task_id=created.task_id))
            task = await context.session.send_request(request, Detailed)
            if task.status != "working":
                self.ended.append(task)
                return types.CallToolResult.model_validate(task.result)
            await asyncio.sleep(0.01)


def test_long_call_is_a_task_whose_result_is_that_of_the_call(leomock: Tenant) -> None:
    """The journal has the calls of the tool, and the message is its progress."""
    tasks = Polling()

    async def draw(client: Client) -> types.CallToolResult:
        return await client.call_tool("generate_image", LONG)

    result = body_of(using(McpSession(leomock, "tasks").server, draw, extensions=[tasks]))
    assert result["status"] == "COMPLETE"
    (created,), (ended,) = tasks.created, tasks.ended
    assert (created.status, created.poll_interval_ms, created.ttl_ms) == ("working", 1000, 900_000)
    assert (ended.status, ended.status_message) == ("completed", "the generation is COMPLETE")
    assert ended.created_at == created.created_at <= ended.last_updated_at
    assert {each.tool for each in leomock.requests} == {"generate_image"}


def test_tool_error_of_a_task_is_its_result(leomock: Tenant) -> None:
    tasks = Polling()
    leomock.fail("createGeneration", error="rate_limited")

    async def draw(client: Client) -> types.CallToolResult:
        return await client.call_tool("generate_image", LONG)

    assert using(McpSession(leomock, "tasks").server, draw, extensions=[tasks]).is_error
    assert [each.status for each in tasks.ended] == ["completed"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("generate_image", {**LONG, "wait": 0}), ("list_models", {})],
)
def test_short_call_is_no_task(leomock: Tenant, tool: str, arguments: dict[str, Any]) -> None:
    tasks = Polling()

    async def call(client: Client) -> types.CallToolResult:
        return await client.call_tool(tool, arguments)

    body_of_first = using(McpSession(leomock, "tasks").server, call, extensions=[tasks])
    assert (body_of_first.is_error, tasks.created) == (False, [])


def test_user_is_asked_before_the_task_begins(leomock: Tenant) -> None:
    tasks = Polling()
    asked: list[str] = []

    async def ask(context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"go_on": True})

    async def draw(client: Client) -> types.CallToolResult:
        assert not tasks.created
        return await client.call_tool("generate_image", LONG)

    server = McpSession(leomock, "tasks").server
    body = body_of(using(server, draw, extensions=[tasks], elicitation_callback=ask))
    assert (body["status"], len(asked), len(tasks.created)) == ("COMPLETE", 1, 1)


def test_too_many_tasks_are_answered_as_usual(leomock: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MOST_TASKS", 1)
    tasks = Polling()

    async def draw(client: Client) -> types.CallToolResult:
        await client.call_tool("generate_image", LONG)
        return await client.call_tool("generate_image", LONG)

    body_of(using(McpSession(leomock, "tasks").server, draw, extensions=[tasks]))
    assert len(tasks.created) == 1


def test_cancelled_task_ends(fake: Fake) -> None:
    """The generation behind it goes on, since the API cannot cancel one."""

    async def cancel(client: Client) -> Detailed:
        created = await client.session.call_tool(
            READ, {"id": await made(client), "wait": 60}, allow_claimed=True
        )
        assert isinstance(created, Created)
        params = Params(task_id=created.task_id)
        for _ in range(2):
            await client.session.send_request(Cancel(params=params), types.EmptyResult)
        return await client.session.send_request(Get(params=params), Detailed)

    task = using(in_process(fake), cancel, extensions=[Polling()])
    assert (task.status, task.result, task.error) == ("cancelled", None, None)


async def made(client: Client) -> str:
    """The id of a generation that is PENDING."""
    result = await client.call_tool(CREATE, {"body": {"prompt": "a cat"}})
    assert result.structured_content
    return str(result.structured_content["sdGenerationJob"]["generationId"])


def test_task_is_forgotten_after_its_time(leomock: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = Polling()

    async def late(client: Client) -> str:
        await client.call_tool("generate_image", LONG)
        monkeypatch.setattr(background, "KEPT", timedelta(0))
        request = Get(params=Params(task_id=tasks.created[0].task_id))
        with pytest.raises(MCPError) as raised:
            await client.session.send_request(request, Detailed)
        return raised.value.error.message

    message = using(McpSession(leomock, "tasks").server, late, extensions=[tasks])
    assert message.startswith(f"leomock: there is no task {tasks.created[0].task_id!r}")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"mode": "legacy"}, types.METHOD_NOT_FOUND),
        ({}, types.MISSING_REQUIRED_CLIENT_CAPABILITY),
        ({"extensions": [advertise(EXTENSION)]}, types.INVALID_PARAMS),
    ],
)
def test_unknown_task_and_clients_without_tasks(leomock: Tenant, settings: Any, code: int) -> None:
    async def get(client: Client) -> int:
        with pytest.raises(MCPError) as raised:
            await client.session.send_request(Get(params=Params(task_id="none")), Detailed)
        return raised.value.error.code

    assert using(McpSession(leomock).server, get, **settings) == code


def test_server_stops_at_once_with_a_task_and_a_subscriber() -> None:
    """Its log has no traceback."""

    async def stop(process: subprocess.Popen[str], url: str) -> None:
        async with (
            httpx2.AsyncClient(headers={"api-key": "any"}) as http,
            Client(streamable_http_client(url, http_client=http), extensions=[Polling()]) as client,
        ):
            created = await client.session.call_tool("generate_image", LONG, allow_claimed=True)
            assert isinstance(created, Created)
            async with client.listen(resource_subscriptions=["leonardo://account"]):
                process.terminate()
                await asyncio.to_thread(process.wait, 10)

    command = [sys.executable, "-m", "leomock", "mcp", "--http", "0", "--group", "tasks", "--quiet"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, "--jobs", "seconds:60"], stdout=pipe, stderr=pipe, text=True, env=environment()
    ) as process:
        assert process.stdout
        asyncio.run(stop(process, process.stdout.readline().split()[-1]))
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert all(line.startswith("leomock: ") for line in log.splitlines()), log


def test_task_of_another_caller_is_unknown(fake: Fake) -> None:
    """Over HTTP, where each caller has a key; the header Mcp-Name must have the task's id."""
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {EXTENSION: {}}},
    }

    with TestClient(http_app(in_process(fake)), "http://localhost", headers=HEADERS) as client:

        def ask(method: str, name: str, key: str, params: dict[str, Any]) -> Any:
            headers = {
                "mcp-protocol-version": VERSION,
                "mcp-method": method,
                "mcp-name": name,
                "authorization": f"Bearer {key}",
            }
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
            return client.post("/mcp", json=body, headers=headers).json()

        draw = {"name": "generate-image", "arguments": {"prompt": "a cat"}}
        task = ask("tools/call", "generate-image", "first", draw)["result"]["taskId"]
        answers = [
            ask("tasks/get", task, "first", {"taskId": task})["result"]["taskId"],
            ask("tasks/get", task, "second", {"taskId": task})["error"]["code"],
            ask("tasks/get", "other", "first", {"taskId": task})["error"]["code"],
        ]
    assert answers == [task, types.INVALID_PARAMS, types.HEADER_MISMATCH]
