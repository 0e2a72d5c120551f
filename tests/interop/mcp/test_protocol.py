"""What the server offers beside tools: resources, prompts, logging, questions, resumed streams."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import mcp_types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from PIL import Image
from starlette.testclient import TestClient

from leomock import Fake
from leomock.interop.capability import waiting
from leomock.interop.capability.waiting import SECONDS_BETWEEN_LOOKS
from leomock.interop.mcp import resource_handlers
from leomock.interop.mcp.serve import http_app
from leomock.interop.mcp.session import McpSession
from leomock.testing.tenant import Tenant
from tests.interop.mcp.servers import CREATE, DELETE, READ, body_of, error_content, in_process
from tests.interop.mcp.test_http import HEADERS, HELLO

T = TypeVar("T")
MODES = ["auto", "legacy"]
NOBODYS_ID = "6163f776-ad40-47fc-acd4-c04b22590ada"


def using(server: Any, use: Callable[[Client], Awaitable[T]], **settings: Any) -> T:
    """Talk to a server in this process as a client with settings."""

    async def run() -> T:
        async with Client(server, **settings) as client:
            return await use(client)

    return asyncio.run(run())


def generation(session: McpSession) -> str:
    """A finished generation of two images."""
    arguments = {"body": {"prompt": "a red cat", "num_images": 2}}
    made = body_of(session.call_tool(CREATE, arguments))["sdGenerationJob"]["generationId"]
    body_of(session.call_tool(READ, {"id": made, "wait": 60}))
    return str(made)


# --- the record of the server ------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [False, True])
def test_record_has_title_description_and_icon(leomock: Tenant, plain: bool) -> None:
    """With `plain`, nothing in it says that a fake answers."""

    async def record(client: Client) -> types.Implementation | None:
        return client.server_info

    found = using(McpSession(leomock, plain=plain).server, record, mode="legacy")
    assert found
    assert found.title == "Leonardo.AI"
    assert found.icons
    assert base64.b64decode(found.icons[0].src.partition(",")[2]).startswith(b"<svg ")
    assert ("leomock" in found.model_dump_json()) is not plain


# --- resources ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_images_of_generations_are_resources(leomock_mcp: McpSession, mode: Any) -> None:
    """They are listed, and read as files."""
    id = generation(leomock_mcp)

    async def read(client: Client) -> tuple[list[types.Resource], types.ReadResourceResult]:
        listed = (await client.list_resources()).resources
        return listed, await client.read_resource(str(listed[2].uri))

    listed, image = using(leomock_mcp.server, read, mode=mode)
    assert [str(each.uri) for each in listed] == [
        "leonardo://account",
        "leonardo://models",
        f"leonardo://generations/{id}/images/0",
        f"leonardo://generations/{id}/images/1",
    ]
    assert {each.title for each in listed[2:]} == {"a red cat"}
    (content,) = image.contents
    assert isinstance(content, types.BlobResourceContents)
    assert content.mime_type == "image/jpeg"
    assert Image.open(io.BytesIO(base64.b64decode(content.blob))).format == "JPEG"


def test_account_models_and_generation_are_json_resources(leomock_mcp: McpSession) -> None:
    """Each is what the API answers."""
    id = generation(leomock_mcp)

    async def read(client: Client) -> list[Any]:
        names = ["account", "models", f"generations/{id}"]
        found = [(await client.read_resource(f"leonardo://{name}")).contents[0] for name in names]
        return [json.loads(each.text) for each in found if isinstance(each, types.TextResourceContents)]

    account, models, row = using(leomock_mcp.server, read)
    assert account["user_details"][0]["user"]["id"] == leomock_mcp.account.user_id
    assert models["custom_models"]
    assert (row["id"], row["status"]) == (id, "COMPLETE")


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("leonardo://nothing", "There is no resource 'leonardo://nothing'"),
        (
            f"leonardo://generations/{NOBODYS_ID}",
            f"GET /generations/{{id}}: there is nothing with the id {NOBODYS_ID}",
        ),
        ("leonardo://generations/{id}/images/2", "The generation {id} has 2 images and is COMPLETE"),
    ],
)
def test_resource_that_is_not_there_is_an_error_of_the_protocol(
    leomock_mcp: McpSession, uri: str, text: str
) -> None:
    """Its data has the next step."""
    id = generation(leomock_mcp)

    async def read(client: Client) -> MCPError:
        with pytest.raises(MCPError) as raised:
            await client.read_resource(uri.replace("{id}", id) if "images" in uri else uri)
        return raised.value

    error = using(leomock_mcp.server, read)
    assert error.error.message == (text.replace("{id}", id) if "images" in uri else text)
    assert error.error.code == types.INVALID_PARAMS
    assert error.error.data["next_step"]


def test_pending_image_may_be_read_again(leomock_mcp: McpSession) -> None:
    """Its error is no wrong argument."""
    made = body_of(leomock_mcp.call_tool(CREATE, {"body": {"prompt": "a"}}))
    id = made["sdGenerationJob"]["generationId"]

    async def read(client: Client) -> MCPError:
        with pytest.raises(MCPError) as raised:
            await client.read_resource(f"leonardo://generations/{id}/images/0")
        return raised.value

    error = using(leomock_mcp.server, read)
    assert error.error.message == f"The generation {id} has 0 images and is PENDING"
    assert (error.error.code, error.error.data["retryable"]) == (types.INTERNAL_ERROR, True)


Change = Callable[[Client, str], Awaitable[Any]]


async def ends(client: Client, id: str) -> None:
    """Let the generation end, without a call."""
    await client.call_tool(READ, {"id": id, "wait": 60})


async def is_varied(client: Client, id: str) -> None:
    """Vary the first image of a generation."""
    read = await client.call_tool(READ, {"id": id})
    assert read.structured_content
    image = read.structured_content["generations_by_pk"]["generated_images"][0]["id"]
    made = await client.call_tool("leonardo-ai-create-variation-no-bg", {"body": {"id": image}})
    assert not made.is_error, made


async def is_deleted(client: Client, id: str) -> None:
    """Delete the generation."""
    await client.call_tool(DELETE, {"id": id})


async def is_charged(client: Client, id: str) -> None:
    """Spend credits."""
    await client.call_tool(CREATE, {"body": {"prompt": "another"}})


GENERATION = "leonardo://generations/{id}"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("uri", "changes"),
    [
        (GENERATION, [ends, is_varied, is_deleted]),
        (f"{GENERATION}/images/0", [ends, is_deleted]),
        ("leonardo://account", [is_charged, is_charged]),
    ],
)
def test_subscriber_is_told_of_each_change(
    leomock: Tenant, mode: Any, uri: str, changes: list[Change]
) -> None:
    """In both eras of the protocol, and of nothing else. A subscription makes one call and moves no clock."""
    told: asyncio.Queue[str] = asyncio.Queue()

    async def hear(message: Any) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            await told.put(str(message.params.uri))

    async def change(client: Client) -> tuple[int, list[str], bool]:
        made = body_of(await client.call_tool(CREATE, {"body": {"prompt": "a"}}))
        id = made["sdGenerationJob"]["generationId"]
        async with AsyncExitStack() as stack:
            calls = len(leomock.requests)
            if mode == "legacy":
                await subscribed(client, uri.format(id=id))
            else:
                await stack.enter_async_context(client.listen(resource_subscriptions=[uri.format(id=id)]))
            calls = len(leomock.requests) - calls
            heard = []
            for each in changes:
                await each(client, id)
                heard.append((await asyncio.wait_for(told.get(), 10)).replace(id, "{id}"))
            await asyncio.sleep(2 * SECONDS_BETWEEN_LOOKS)
            return calls, heard, told.empty()

    server = McpSession(leomock, "images", confirm=False).server
    assert using(server, change, mode=mode, message_handler=hear) == (1, [uri] * len(changes), True)


def test_failed_read_is_no_change_and_a_deletion_is_the_last(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a network, where changes are read."""
    for name in ("LONGEST_PAUSE", "RARE_PAUSE"):
        monkeypatch.setattr(waiting, name, 0.01)
    told: asyncio.Queue[str] = asyncio.Queue()

    async def hear(message: Any) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            await told.put(str(message.params.uri))

    async def change(client: Client) -> int:
        made = body_of(await client.call_tool(CREATE, {"body": {"prompt": "a"}}))
        id = made["sdGenerationJob"]["generationId"]
        fake.fail("getGenerationById", call=2, status=503)
        await subscribed(client, GENERATION.format(id=id))
        await told.get()
        await client.call_tool(DELETE, {"id": id})
        await told.get()
        await asyncio.sleep(0.05)
        return told.qsize()

    server = in_process(fake, reads=True)
    assert using(server, change, mode="legacy", message_handler=hear) == 0
    reads = [each.status for each in fake.requests if each.operation == "getGenerationById"]
    assert reads[:2] == [200, 503]


def test_models_can_be_watched_and_stay_the_same(leomock_mcp: McpSession) -> None:
    async def watch(client: Client) -> int:
        before = len(leomock_mcp.account.requests)
        await subscribed(client, "leonardo://models")
        return len(leomock_mcp.account.requests) - before

    assert using(leomock_mcp.server, watch, mode="legacy") == 0


def test_watching_ends_with_the_connection(leomock: Tenant) -> None:
    """Otherwise the tasks of clients that are gone would pile up."""
    session = McpSession(leomock)

    async def watch() -> list[str]:
        async with Client(session.server, mode="legacy") as client:
            await subscribed(client, "leonardo://account")
            assert watching()
        return watching()

    def watching() -> list[str]:
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
        return [name for name in names if "ResourceHandlers" in name]

    assert asyncio.run(watch()) == []


def test_connection_watches_only_so_much(leomock: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same resource again is no further one, and a deleted one does not count."""
    monkeypatch.setattr(resource_handlers, "MOST_WATCHES", 1)
    told = asyncio.Event()

    async def hear(message: Any) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            told.set()

    async def watch(client: Client) -> str:
        made = body_of(await client.call_tool(CREATE, {"body": {"prompt": "a"}}))
        id = made["sdGenerationJob"]["generationId"]
        for _ in range(2):
            await subscribed(client, GENERATION.format(id=id))
        with pytest.raises(MCPError) as raised:
            await subscribed(client, "leonardo://account")
        await client.call_tool(DELETE, {"id": id})
        await asyncio.wait_for(told.wait(), 10)
        await subscribed(client, "leonardo://account")
        return raised.value.error.message

    message = using(McpSession(leomock).server, watch, mode="legacy", message_handler=hear)
    assert message == "leomock: this connection watches 1 resources, and cannot watch more"


async def subscribed(client: Client, uri: str) -> None:
    """Subscribe as older clients do; the SDK's own method for it is deprecated."""
    request = types.SubscribeRequest(params=types.SubscribeRequestParams(uri=uri))
    await client.session.send_request(request, types.EmptyResult)


def test_subscription_can_be_ended(leomock_mcp: McpSession) -> None:
    """Also one that never was."""

    async def end(client: Client) -> None:
        made = body_of(await client.call_tool(CREATE, {"body": {"prompt": "a"}}))
        uri = f"leonardo://generations/{made['sdGenerationJob']['generationId']}"
        await subscribed(client, uri)
        for _ in range(2):
            request = types.UnsubscribeRequest(params=types.UnsubscribeRequestParams(uri=uri))
            await client.session.send_request(request, types.EmptyResult)

    using(leomock_mcp.server, end, mode="legacy")


# --- prompts and completions -------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "tool"), [("basic", CREATE), ("tasks", "generate_image")])
def test_prompts_name_the_tools_of_the_group(leomock: Tenant, group: str, tool: str) -> None:
    """Their arguments are in the text."""

    async def get(client: Client) -> tuple[list[str], str]:
        names = [each.name for each in (await client.list_prompts()).prompts]
        got = await client.get_prompt("draw_image", {"subject": "a lighthouse", "model": "Lucid Origin"})
        return names, got.messages[0].content.text  # type: ignore[union-attr]  # it is a text

    names, text = using(McpSession(leomock, group).server, get)
    assert names == ["draw_image", "change_image"]
    assert text.startswith(
        f"Draw one image of a lighthouse with the model Lucid Origin with the tool {tool}."
    )


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("draw", {}, "There is no prompt 'draw'; did you mean 'draw_image'?"),
        ("draw_image", {}, "The prompt draw_image needs the argument 'subject'"),
    ],
)
def test_prompt_that_cannot_be_had(
    leomock_mcp: McpSession, name: str, arguments: dict[str, str], text: str
) -> None:
    """A sentence says why."""

    async def get(client: Client) -> str:
        with pytest.raises(MCPError) as raised:
            await client.get_prompt(name, arguments)
        return raised.value.error.message

    assert using(leomock_mcp.server, get) == text


def test_models_and_ids_are_completed(leomock_mcp: McpSession) -> None:
    """By any part of the name; an unknown argument has no values."""
    id = generation(leomock_mcp)
    draw = types.PromptReference(name="draw_image")
    image = types.ResourceTemplateReference(uri="leonardo://generations/{id}/images/{index}")

    async def complete(client: Client) -> list[list[str]]:
        asked: list[tuple[Any, dict[str, str]]] = [
            (draw, {"name": "model", "value": "lucid o"}),
            (types.PromptReference(name="change_image"), {"name": "generation_id", "value": id[:4]}),
            (image, {"name": "id", "value": ""}),
            (image, {"name": "index", "value": "3"}),
            (draw, {"name": "subject", "value": ""}),
        ]
        return [(await client.complete(ref, argument)).completion.values for ref, argument in asked]

    assert using(leomock_mcp.server, complete) == [["Lucid Origin"], [id], [id], ["3"], []]


# --- logging -----------------------------------------------------------------------------------------


def test_log_has_what_the_level_asks_for(leomock_mcp: McpSession) -> None:
    """Nothing before a level is set; with warning only errors, with info every call."""
    heard: list[tuple[str, str]] = []

    async def hear(params: types.LoggingMessageNotificationParams) -> None:
        heard.append((params.level, str(params.data)))

    async def talk(client: Client) -> None:
        list_models = "leonardo-ai-list-platform-models"
        await client.call_tool(list_models)
        for level in ("warning", "info"):
            await client.session.send_request(
                types.SetLevelRequest(params=types.SetLevelRequestParams(level=level)), types.EmptyResult
            )
            await client.call_tool(list_models)
            await client.call_tool(READ, {"id": NOBODYS_ID})

    using(leomock_mcp.server, talk, mode="legacy", logging_callback=hear)
    ok = "leonardo-ai-list-platform-models: the call succeeded"
    assert [(level, text.partition(". ")[0]) for level, text in heard] == [
        ("warning", f"{READ}: GET /generations/{{id}}: there is nothing with the id {NOBODYS_ID}"),
        ("info", ok),
        ("warning", f"{READ}: GET /generations/{{id}}: there is nothing with the id {NOBODYS_ID}"),
    ]


# --- questions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("reply", "calls"),
    [
        (types.ElicitResult(action="accept", content={"go_on": True}), 2),
        (types.ElicitResult(action="accept", content={"go_on": False}), 0),
        (types.ElicitResult(action="decline"), 0),
        (types.ElicitResult(action="cancel"), 0),
    ],
)
def test_user_is_asked_before_spending_and_deleting(
    leomock: Tenant, mode: Any, reply: types.ElicitResult, calls: int
) -> None:
    """Nothing is called without the user's agreement; reading asks nothing."""
    asked: list[str] = []

    async def ask(context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return reply

    async def talk(client: Client) -> list[types.CallToolResult]:
        made = await client.call_tool(CREATE, {"body": {"prompt": "a"}})
        id = NOBODYS_ID
        if made.structured_content and not made.is_error:
            id = made.structured_content["sdGenerationJob"]["generationId"]
        return [made, await client.call_tool(DELETE, {"id": id})]

    session = McpSession(leomock)
    results = using(session.server, talk, mode=mode, elicitation_callback=ask)
    assert asked == [
        "Generate images: this costs credits. Continue?",
        "Remove a generation: this cannot be undone. Continue?",
    ]
    assert len(leomock.requests) == calls
    if not calls:
        assert [error_content(each) for each in results] == [
            {
                "message": "The user did not agree to this call",
                "next_step": "Ask what to do instead.",
                "code": "declined",
                "retryable": False,
            }
        ] * 2


def test_server_without_confirmation_asks_nothing(leomock: Tenant) -> None:
    """As with `--no-confirm`."""

    async def ask(context: Any, params: Any) -> types.ElicitResult:
        raise AssertionError("asked")

    async def talk(client: Client) -> types.CallToolResult:
        return await client.call_tool(CREATE, {"body": {"prompt": "a"}})

    server = McpSession(leomock, confirm=False).server
    assert body_of(using(server, talk, elicitation_callback=ask))["sdGenerationJob"]


# --- resumed streams ---------------------------------------------------------------------------------


def test_broken_stream_is_resumed_with_the_answer(fake: Fake) -> None:
    """The events after the last one that arrived are sent again; those of another session are not."""
    with TestClient(http_app(in_process(fake)), "http://localhost", headers=HEADERS) as client:
        sessions = []
        parameters: Any = HELLO["params"]
        opening = {**HELLO, "params": {**parameters, "protocolVersion": "2025-11-25"}}
        for _ in range(2):
            hello = client.post("/mcp", json=opening)
            session = {
                "mcp-session-id": hello.headers["mcp-session-id"],
                "mcp-protocol-version": "2025-11-25",
            }
            client.post(
                "/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session
            )
            sessions.append(session)
        call = {
            "jsonrpc": "2.0",
            "id": 5,
            "method": "tools/call",
            "params": {"name": CREATE, "arguments": {"body": {"prompt": "a"}}},
        }
        answer = client.post("/mcp", json=call, headers=sessions[0]).text
        events = [line.partition(": ")[2] for line in answer.splitlines() if line.startswith("id: ")]
        assert len(events) == 2
        again = client.get("/mcp", headers={**sessions[0], "last-event-id": events[0]})
        assert again.status_code == 200
        assert answer.splitlines()[-2] in again.text
        for headers, last in ((sessions[1], events[0]), (sessions[0], "nobodys")):
            other = client.get("/mcp", headers={**headers, "last-event-id": last})
            assert (other.status_code, "sdGenerationJob" in other.text) == (200, False)
