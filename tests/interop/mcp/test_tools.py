"""The tools as a client sees them, by the official SDK's client, over all three ways to the server."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ImageContent, TextContent, Tool, ToolAnnotations
from PIL import Image

from leomock import Fake
from leomock.interop.capability.export import hints
from leomock.interop.capability.files import capabilities_folder, load
from leomock.interop.capability.whole import whole
from leomock.interop.mcp.vendor import MODELS
from tests.interop.mcp.servers import (
    CREATE,
    DELETE,
    LIST,
    READ,
    VERSIONS,
    body_of,
    call,
    error_content,
    error_of,
    in_process,
    over_stdio,
    served,
    talk,
)

FOUR = [CREATE, READ, DELETE, LIST]
# What version 1 takes where no model is named.
LIGHTNING_XL = "b24e16ff-06e3-43eb-8d33-4416c2d75876"
NOBODYS_ID = "6163f776-ad40-47fc-acd4-c04b22590ada"


@pytest.fixture(params=["in process", "http", "stdio"])
def server(request: pytest.FixtureRequest, fake: Fake) -> Iterator[Any]:
    """Every operation and the vendor's tool, three times the same."""
    if request.param == "in process":
        yield in_process(fake)
    elif request.param == "stdio":
        yield over_stdio("--all", "--vendor", "--jobs", "immediate")
    else:
        with served("mcp", "--http", "0", "--all", "--vendor", "--jobs", "immediate", "--quiet") as url:
            yield url


def tools(server: Any) -> list[Tool]:
    """What a server lists."""

    async def talking(client: Client) -> list[Tool]:
        return (await client.list_tools()).tools

    return talk(server, talking)


def sample(schema: dict[str, Any]) -> Any:
    """A value that a schema allows."""
    if schema.get("default") is not None:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: sample(schema["properties"][name]) for name in schema.get("required", ())}
    return {"integer": 512, "number": 1, "boolean": True, "array": []}.get(kind or "", NOBODYS_ID)


# --- what is listed ----------------------------------------------------------------------------------


def test_four_tools_are_those_of_the_capability_file(fake: Fake) -> None:
    """Names, descriptions and hints, in the file's order."""
    adapter = load(capabilities_folder() / "image_generation.yaml").adapters[1]
    listed = tools(in_process(fake, "generations", vendor=False))
    assert [tool.name for tool in listed] == [offer.name for offer in adapter.offers] == FOUR
    for tool, offer in zip(listed, adapter.offers, strict=True):
        assert tool.description
        assert tool.description.removesuffix(" Costs credits.") == offer.description
        assert tool.annotations
        assert offer.hints == {
            "readOnly": tool.annotations.read_only_hint,
            "destructive": tool.annotations.destructive_hint,
            "idempotent": tool.annotations.idempotent_hint,
        }


def test_tools_of_every_operation_are_named_and_described_as_exported(fake: Fake) -> None:
    """The tools of all capability files are there, and eight of operations that no file has."""
    listed = {tool.name: tool for tool in tools(in_process(fake))}
    assert len(listed) == len(VERSIONS.operations) + 1 == 62
    offers = [
        offer
        for file in capabilities_folder().glob("*.yaml")
        for adapter in load(file).adapters
        if adapter.kind == "mcp"
        for offer in adapter.offers
    ]
    assert len(offers) == 53
    for offer in offers:
        tool = listed[offer.name]
        hinted = hints(offer.operation.method)
        assert offer.hints == hinted
        if offer.name == "leonardo-ai-pricing-calculator":
            hinted = {"readOnly": True, "destructive": False, "idempotent": True}
        assert tool.annotations == ToolAnnotations(
            title=tool.title,
            read_only_hint=hinted["readOnly"],
            destructive_hint=hinted["destructive"],
            idempotent_hint=hinted["idempotent"],
        )


def test_body_is_described_in_full(fake: Fake) -> None:
    """Each parameter with its type, its limits and what it does; paths and queries are typed as well."""
    listed = {tool.name: tool.input_schema for tool in tools(in_process(fake))}
    body = listed[CREATE]["properties"]["body"]
    assert set(body["properties"]) == set(VERSIONS.operations["createGeneration"].variables)
    assert body["required"] == ["prompt"]
    assert body["properties"]["width"]["type"] == "integer"
    assert body["properties"]["width"]["description"]
    assert listed[CREATE]["required"] == ["body"]
    query = listed[LIST]["properties"]
    assert (query["limit"]["type"], query["userId"]["type"]) == ("integer", "string")
    assert listed[LIST]["required"] == []
    added = {name: text for name, text in listed[READ]["properties"].items() if name != "id"}
    assert set(added) == {"wait", "include_images"}
    for schema in added.values():
        assert schema["description"].startswith("An argument of leomock's own, not of Leonardo.AI's API. ")


def described(name: str, schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema with its path."""
    for each, part in schema.get("properties", {}).items():
        yield f"{name}.{each}", part
        yield from described(f"{name}.{each}", part)
    if "items" in schema:
        yield from described(f"{name}[]", schema["items"])


def test_every_property_is_described_for_a_model(fake: Fake) -> None:
    """No null types, titles, or ids of operations, and no default where a value must be given."""
    ids = set(VERSIONS.operations)
    listed = tools(in_process(fake, vendor=False))
    for tool in listed:
        assert len(f"leonardo__{tool.name}") <= 64
        assert not ids & set(re.findall(r"\w+", tool.description or ""))
        for path, part in described(tool.name, tool.input_schema):
            text = part["description"]
            assert len(text) > 10, (path, text)
            assert text != path.rpartition(".")[2], path
            assert not text.startswith("As `"), (path, text)
            assert not ids & set(re.findall(r"\w+", text)), (path, text)
            assert "null" not in (part.get("type") or ()), path
            assert "title" not in part, path
    create = next(tool for tool in listed if tool.name == CREATE)
    assert "default" not in create.input_schema["properties"]["body"]["properties"]["prompt"]


def test_list_of_tools_is_small(fake: Fake) -> None:
    """Bytes of all definitions; they were 29 KB for four tools and 144 KB for 61."""

    def size(group: str) -> int:
        listed = tools(in_process(fake, group, vendor=False))
        return sum(len(tool.model_dump_json(exclude_none=True, by_alias=True)) for tool in listed)

    assert size("basic") < 13_500
    assert size("") < 90_000


def test_user_id_is_the_callers_own_if_left_out(fake: Fake) -> None:
    """No tool had to tell it before."""
    server = in_process(fake, "basic")
    id = created(server)
    assert [row["id"] for row in body_of(call(server, LIST))["generations"]] == [id]


def test_groups_and_read_only(fake: Fake) -> None:
    """The basic group has account and models beside the four tools; read-only leaves out what changes."""
    basic = whole(VERSIONS, "basic").adapters[0].offers
    assert [offer.name for offer in basic] == [
        *FOUR,
        "leonardo-ai-list-platform-models",
        "leonardo-ai-get-user-self",
    ]
    reading = whole(VERSIONS, "basic", read_only=True).adapters[0].offers
    assert [offer.name for offer in reading] == [
        READ,
        LIST,
        "leonardo-ai-list-platform-models",
        "leonardo-ai-get-user-self",
    ]
    images = {offer.operation.path for offer in whole(VERSIONS, "images").adapters[0].offers}
    assert {"/generations", "/variations/upscale", "/init-image", "/me"} <= images


def test_every_tool_is_listed_and_answers(server: Any) -> None:
    """Schemas are valid; answers fit the schema of the output, or are the vendor's own refusals."""
    refused: dict[str, str] = {}

    async def talking(client: Client) -> int:
        listed = (await client.list_tools()).tools
        for tool in listed:
            Draft202012Validator.check_schema(tool.input_schema)
            assert tool.output_schema
            Draft202012Validator.check_schema(tool.output_schema)
            result = await client.call_tool(tool.name, sample(tool.input_schema))
            if result.is_error:
                refused[tool.name] = error_of(result)
            else:
                Draft202012Validator(tool.output_schema).validate(body_of(result))
        return len(listed)

    assert talk(server, talking) == 62
    for name, text in refused.items():
        answered = re.match(r"The API answered (400|403|404): ", text)
        assert answered or ": there is nothing with the id " in text, (name, text)
    assert len(refused) < 46, sorted(refused)


# --- generations -------------------------------------------------------------------------------------


def created(server: Any, **body: Any) -> str:
    """The id of a new generation."""
    id: str = body_of(call(server, CREATE, {"body": {"prompt": "a cat", **body}}))["sdGenerationJob"][
        "generationId"
    ]
    return id


def test_generation_from_start_to_end(fake: Fake) -> None:
    """Created, read twice, listed, deleted: each answer is the API's body."""
    server = in_process(fake)
    id = created(server, num_images=1)
    for status in ("PENDING", "COMPLETE"):
        assert body_of(call(server, READ, {"id": id}))["generations_by_pk"]["status"] == status
    listed = body_of(call(server, LIST, {"userId": fake.user_id, "limit": 1}))
    assert [row["id"] for row in listed["generations"]] == [id]
    assert body_of(call(server, DELETE, {"id": id})) == {"delete_generations_by_pk": {"id": id}}
    for tool in (READ, DELETE):
        error = error_content(call(server, tool, {"id": id}))
        method = "GET" if tool == READ else "DELETE"
        assert error == {
            "message": f"{method} /generations/{{id}}: there is nothing with the id {id}",
            "next_step": "Check the id; deleted things cannot be read any more.",
            "status": 200,
            "code": "not-found",
            "retryable": False,
        }


def test_wait_in_process_reads_twice_and_reports_the_end() -> None:
    """It waits for the job, not for reads: the verdict has nothing to say about polling."""
    fake = Fake(jobs="polls:30")
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    server = in_process(fake)
    id = created(server)

    async def talking(client: Client) -> CallToolResult:
        return await client.call_tool(READ, {"id": id, "wait": 60}, progress_callback=hear)

    assert body_of(talk(server, talking))["generations_by_pk"]["status"] == "COMPLETE"
    assert [text for _, _, text in heard] == ["the generation is PENDING", "the generation is COMPLETE"]
    assert heard[-1][:2] == (60, 60)
    assert [each.operation for each in fake.requests] == ["createGeneration"] + ["getGenerationById"] * 2
    assert not fake.verdict().findings
    fake.close()


def test_wait_moves_a_frozen_clock_to_the_end_of_the_job() -> None:
    """A session of a test waits in the time of its account."""
    fake = Fake(jobs="seconds:40", clock="frozen")
    server = in_process(fake)
    id = created(server)
    before = fake.clock.now()
    early = call(server, READ, {"id": id, "wait": 15})
    assert early.structured_content
    assert early.structured_content["generations_by_pk"]["status"] == "PENDING"
    assert early.content[-1] == TextContent(
        text=f"The generation {id} is still PENDING after 15 s. Read it again with `wait`; do not create "
        "it again."
    )
    assert body_of(call(server, READ, {"id": id, "wait": 60}))["generations_by_pk"]["status"] == "COMPLETE"
    assert fake.clock.now() - before == 40
    fake.close()


@pytest.mark.parametrize(
    "effect",
    [
        {"error": "rate_limited", "headers": {"Retry-After": "7"}},
        {"status": 503, "json": {"error": "down"}},
        {"connection": "reset"},
    ],
    ids=["429", "503", "reset"],
)
def test_wait_survives_a_failure_that_passes(effect: dict[str, Any]) -> None:
    """Reads are harmless, so they are repeated: after `Retry-After`, or after a second."""
    fake = Fake(jobs="seconds:1", clock="frozen")
    server = in_process(fake)
    id = created(server)
    fake.fail("getGenerationById", first=2, **effect)
    before = fake.clock.now()
    assert body_of(call(server, READ, {"id": id, "wait": 60}))["generations_by_pk"]["status"] == "COMPLETE"
    assert fake.clock.now() - before == (14 if "headers" in effect else 2)
    fake.close()


def test_failure_that_passes_names_the_pause(fake: Fake) -> None:
    """A 429 says when to call again, in words and in values; a 500 of a POST is not to be repeated."""
    server = in_process(fake)
    fake.fail(["createGeneration"], error="rate_limited", headers={"Retry-After": "7"}, times=1)
    error = error_content(call(server, CREATE, {"body": {"prompt": "a"}}))
    assert (error["status"], error["retryable"], error["retry_after_seconds"]) == (429, True, 7)
    fake.fail("createGeneration", status=500, json={"error": "down"}, times=1)
    text = error_of(call(server, CREATE, {"body": {"prompt": "a"}}))
    assert text == (
        "The API answered 500: down. The work may have begun anyway: look for it before you start it "
        "again (scenario rule fail-2#1 applied). Do not repeat the same call."
    )
    fake.fail("createGeneration", status=500, json={"error": "down"}, times=1)
    plain = in_process(fake, plain=True)
    assert error_of(call(plain, CREATE, {"body": {"prompt": "a"}})) == '500 {"error":"down"}'


def test_wait_for_a_generation_that_fails(fake: Fake) -> None:
    """The error says so; a read without `wait` succeeds and says so too."""
    server = in_process(fake)
    with fake.scenario("moderation_failed"):
        id = created(server)
    assert error_content(call(server, READ, {"id": id, "wait": 60})) == {
        "message": f"The generation {id} has FAILED and has no pictures",
        "next_step": "Change its prompt or settings first.",
        "code": "failed",
        "retryable": False,
    }
    read = call(server, READ, {"id": id})
    assert not read.is_error
    assert read.content[-1] == TextContent(
        text=f"The generation {id} has FAILED and has no pictures. Change its prompt or settings first."
    )


def test_pictures_that_are_not_there_yet_are_an_error(stuck: Fake) -> None:
    """Nothing to show is not a success; the same call may succeed later."""
    server = in_process(stuck)
    id = created(server)
    error = error_content(call(server, READ, {"id": id, "include_images": True}))
    assert (error["message"], error["code"], error["retryable"]) == (
        f"The generation {id} is still PENDING",
        "pending",
        True,
    )


@pytest.fixture
def stuck() -> Iterator[Fake]:
    """A fake whose generations stay PENDING."""
    fake = Fake(jobs="manual")
    yield fake
    fake.close()


def test_wait_ends_when_its_time_is_over(stuck: Fake) -> None:
    """The answer is the last one that was read."""
    server = in_process(stuck)
    result = call(server, READ, {"id": created(server), "wait": 0.2})
    assert body_of(result)["generations_by_pk"]["status"] == "PENDING"
    assert len(stuck.requests) == 2


def test_cancelled_call_reads_no_more(stuck: Fake) -> None:
    """A client that gives up stops the waiting, though another one goes on."""
    server = in_process(stuck)
    given_up, kept = created(server), created(server)

    async def talking(client: Client) -> None:
        pending = asyncio.Event()

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            pending.set()

        async def wait() -> None:
            await client.call_tool(READ, {"id": given_up, "wait": 600}, progress_callback=hear)

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await pending.wait()
            group.cancel_scope.cancel()
        reads = [each.path for each in stuck.requests].count
        before = reads(f"/api/rest/v1/generations/{given_up}")
        await client.call_tool(READ, {"id": kept, "wait": 0.2})
        reads = [each.path for each in stuck.requests].count
        assert reads(f"/api/rest/v1/generations/{given_up}") == before

    talk(server, talking)


def images_of(result: CallToolResult) -> list[Image.Image]:
    """The pictures of a result, decoded."""
    found: list[Image.Image] = []
    for each in result.content:
        if isinstance(each, ImageContent):
            assert each.mime_type == "image/jpeg"
            image = Image.open(io.BytesIO(base64.b64decode(each.data)))
            image.load()
            found.append(image)
    return found


def test_pictures_are_shown_on_demand(fake: Fake) -> None:
    """Made smaller where they are large, in their proportions; at most four, and a word on the others."""
    server = in_process(fake)
    id = created(server, width=768, height=512, num_images=6)
    call(server, READ, {"id": id})
    plain = call(server, READ, {"id": id})
    assert [type(each) for each in plain.content] == [TextContent]
    shown = call(server, READ, {"id": id, "include_images": True})
    assert shown.structured_content == plain.structured_content
    assert [image.size for image in images_of(shown)] == [(512, 341)] * 4
    assert shown.content[-1] == TextContent(text="leomock: 2 more are not shown; their URLs are above")


@pytest.mark.parametrize("model", MODELS)
def test_vendors_tool_draws_and_shows(fake: Fake, model: str) -> None:
    """It creates, waits and answers with the URLs and the pictures."""
    result = call(in_process(fake), "generate-image", {"prompt": "a cat", "model": model, "num_images": 2})
    answer = body_of(result)
    assert [image.size for image in images_of(result)] == [(512, 512)] * 2
    row = fake.world.generations.get(answer["generationId"])
    assert row
    assert row["modelId"] == (MODELS[model] or LIGHTNING_XL)
    assert (row["imageWidth"], row["imageHeight"], row["num_images"]) == (1024, 1024, 2)
    assert len(answer["images"]) == 2
    for image in answer["images"]:
        assert image["url"].startswith(f"{fake.url}/cdn/")


def test_vendors_tool_where_the_generation_fails(fake: Fake) -> None:
    """A tool error says what became of it."""
    with fake.scenario("moderation_failed"):
        text = error_of(call(in_process(fake), "generate-image", {"prompt": "a cat"}))
    (row,) = fake.world.generations
    assert text == (
        f"The generation {row['id']} has FAILED and has no pictures. Change its prompt or settings first. "
        "Do not repeat the same call."
    )


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        (CREATE, {}, f"leomock: {CREATE} needs the argument 'body'. Do not repeat the same call."),
        (
            CREATE,
            {"prompt": "a"},
            f"leomock: {CREATE} takes no argument 'prompt'; it belongs in 'body'. "
            "Do not repeat the same call.",
        ),
        (READ, {"wait": 1}, f"leomock: {READ} needs the argument 'id'. Do not repeat the same call."),
        (
            READ,
            {"id": NOBODYS_ID, "wiat": 1},
            f"leomock: {READ} takes no argument 'wiat'; did you mean 'wait'? Do not repeat the same call.",
        ),
        (
            DELETE,
            {"nope": 1},
            f"leomock: {DELETE} takes no argument 'nope'; it takes id. Do not repeat the same call.",
        ),
        (
            READ,
            {"id": NOBODYS_ID, "wait": "1"},
            "leomock: wait must be a number of seconds from 0 to 600. Do not repeat the same call.",
        ),
        (
            READ,
            {"id": NOBODYS_ID, "wait": 601},
            "leomock: wait must be a number of seconds from 0 to 600. Do not repeat the same call.",
        ),
        (
            READ,
            {"id": NOBODYS_ID, "include_images": 1},
            "leomock: include_images must be true or false. Do not repeat the same call.",
        ),
        (
            READ,
            {"id": "x"},
            'The API answered 400: invalid input syntax for type uuid: "x". Correct the arguments '
            "(getGenerationById: 'id' must be a UUID). Do not repeat the same call.",
        ),
        (
            CREATE,
            {"body": {}},
            'The API answered 400: expecting a value for non-nullable variable: "prompt". Correct the '
            "arguments (createGeneration needs 'prompt' (specs/generations.json POST /generations)). "
            "Do not repeat the same call.",
        ),
        (
            CREATE,
            {"body": {"prompt": "a", "seed": 10**30}},
            "The API answered 400: seed must be between 0 and 9999999998. Correct the arguments "
            "(createGeneration: 'seed' is 1000000000000000019884624838656; "
            "it must be between 0 and 9999999998 "
            "(specs/generations.json POST /generations)). Do not repeat the same call.",
        ),
        (
            "generate-image",
            {"prompt": "a", "model": ["DALL-E"]},
            'leomock: generate-image: model: ["DALL-E"] is not of type "string". '
            "Do not repeat the same call.",
        ),
        (
            "generate-image",
            {"prompt": "a", "model": "DALL-E"},
            'leomock: generate-image: model: "DALL-E" is not one of "Lucid Origin", "Lucid Realism" or '
            '"Ideogram 3.0". Do not repeat the same call.',
        ),
        (
            "generate-image",
            {"prompt": "a", "num_images": 8},
            "leomock: generate-image: num_images: 8 is greater than the maximum of 4. "
            "Do not repeat the same call.",
        ),
    ],
)
def test_wrong_arguments(fake: Fake, tool: str, arguments: dict[str, Any], text: str) -> None:
    """A tool error names the argument; of values the API's own words tell."""
    assert error_of(call(in_process(fake), tool, arguments)) == text


def test_errors_of_blueprints_are_tool_errors(fake: Fake) -> None:
    """They come as a list with status 200; the status in the list counts."""
    error = error_content(call(in_process(fake), "leonardo-ai-get-blueprint-by-id", {"id": NOBODYS_ID}))
    assert error == {
        "message": "The API answered 404: Blueprint not found",
        "next_step": f"Check the id (getBlueprintById: no blueprint {NOBODYS_ID}; GET /blueprints lists all "
        "of them).",
        "status": 404,
        "code": "NOT_FOUND",
        "retryable": False,
    }


def test_unknown_tool(fake: Fake) -> None:
    """An error of the protocol, as it asks for, with the nearest name."""

    async def talking(client: Client) -> tuple[int, str]:
        with pytest.raises(MCPError) as raised:
            await client.call_tool("leonardo-ai-create-generations")
        return raised.value.code, raised.value.message

    assert talk(in_process(fake), talking) == (
        -32602,
        f"leomock: there is no tool 'leonardo-ai-create-generations'; did you mean '{CREATE}'?",
    )


def test_missing_key(fake: Fake) -> None:
    """The error says which header carries the key; with `plain` it is the API's own."""
    assert error_of(call(in_process(fake, key=""), LIST, {"userId": NOBODYS_ID})) == (
        "The API answered 401: Authentication hook unauthorized this request. Check the API key (send the "
        "header 'Authorization: Bearer <API key>'; it is missing). Do not repeat the same call."
    )
    assert error_of(call(in_process(fake, key="", plain=True), LIST, {"userId": NOBODYS_ID})) == (
        '401 {"error":"Authentication hook unauthorized this request","path":"$","code":"access-denied"}'
    )
