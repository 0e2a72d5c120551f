"""MCP over Streamable HTTP: `leomock serve --mcp`, `leomock mcp --http`, and adapters of capability files."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult
from starlette.testclient import TestClient

from leomock import Fake
from leomock.interop.capability.files import capabilities_folder
from leomock.interop.mcp.serve import http_app
from leomock.server.access_log import AccessLog
from tests.interop.mcp.servers import (
    CREATE,
    LIST,
    READ,
    body_of,
    call,
    error_content,
    error_of,
    in_process,
    served,
    talk,
)

KEY, OTHER = "4f6e7e7a-9c2b-4f7e-8a54-1f1f5f3a0001", "4f6e7e7a-9c2b-4f7e-8a54-1f1f5f3a0002"
STRICT = ("--auth", "strict", "--api-key", KEY, "--api-key", OTHER)
HEADERS = {"accept": "application/json, text/event-stream", "api-key": KEY}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "a test", "version": "1"},
    },
}
LISTING = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}


SERVE = ("serve", "--mcp", "--port", "0", "--quiet", "--jobs", "immediate")


@pytest.fixture(scope="module")
def mcp() -> Iterator[str]:
    """Where the MCP beside a fake is, as it tells; two keys are let in."""
    with served(*SERVE, *STRICT, lines=2) as mcp:
        yield mcp


@pytest.fixture
def url(mcp: str) -> str:
    """Where the fake is."""
    return mcp.removesuffix("/mcp")


def key(text: str) -> dict[str, str]:
    """A header with a key."""
    return {"authorization": f"Bearer {text}"}


# --- keys --------------------------------------------------------------------------------------------


def test_generation_made_by_a_tool_is_seen_over_the_api(url: str, mcp: str) -> None:
    """Both are the same fake; the URLs of the pictures lead to it."""
    id = body_of(call(mcp, CREATE, {"body": {"prompt": "a"}}, **key(KEY)))["sdGenerationJob"]["generationId"]
    row = body_of(call(mcp, READ, {"id": id}, **key(KEY)))["generations_by_pk"]
    picture = row["generated_images"][0]["url"]
    assert picture.startswith(f"{url}/cdn/")
    assert httpx.get(picture).headers["content-type"] == "image/jpeg"
    assert httpx.get(f"{url}/api/rest/v1/generations/{id}", headers=key(KEY)).json() == {
        "generations_by_pk": row
    }


def test_picture_of_the_fake_is_uploaded_under_each_name_of_the_fake() -> None:
    """The caller's name for the fake, and the public URL of its pictures, are not public addresses."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = ("serve", "--mcp", "--group", "tasks", "--port", str(port), "--quiet", "--jobs", "immediate")
    for more, host in (((), "localhost"), (("--public-url", f"http://localhost:{port}"), "127.0.0.1")):
        with served(*serve, *more, lines=2):
            mcp = f"http://{host}:{port}/mcp"
            made = call(mcp, "generate_image", {"prompt": "a", "include_images": False}, **key(KEY))
            url = body_of(made)["images"][0]["url"]
            assert url.startswith(f"http://localhost:{port}/cdn/")
            assert body_of(call(mcp, "upload_image", {"url": url}, **key(KEY)))["init_image_id"]
            other = {"url": f"http://127.0.0.2:{port}/cdn/a.png"}
            assert "not public" in error_of(call(mcp, "upload_image", other, **key(KEY)))


def test_every_key_is_a_tenant(mcp: str) -> None:
    """`API-Key` and `Authorization` name the same one; another key sees nothing of it."""
    made = call(mcp, CREATE, {"body": {"prompt": "a"}}, **{"api-key": KEY})
    id = body_of(made)["sdGenerationJob"]["generationId"]
    assert body_of(call(mcp, READ, {"id": id}, **key(KEY)))["generations_by_pk"]["id"] == id
    assert error_content(call(mcp, READ, {"id": id}, **key(OTHER)))["code"] == "not-found"


def test_wrong_key_is_answered_401(mcp: str) -> None:
    """In either header; the challenge says that the key is what is wrong."""
    text = "the API refuses this API key; send another one"
    for wrong in (key("wrong"), {"api-key": "wrong"}):
        answer = httpx.post(mcp, json=HELLO, headers={"accept": HEADERS["accept"], **wrong})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == (
            f'Bearer realm="leomock", error="invalid_token", error_description="{text}"'
        )
        assert answer.json()["error"] == {"code": -32600, "message": f"leomock: {text}"}


def test_scenario_that_a_caller_asks_for(mcp: str) -> None:
    """The header goes on to the fake."""
    headers = {**key(KEY), "x-leomock-scenario": "out_of_credits"}
    assert "not enough api tokens" in error_of(call(mcp, CREATE, {"body": {"prompt": "a"}}, **headers))


def test_call_without_a_key_is_answered_401(mcp: str) -> None:
    """The answer names both headers, in the challenge and in a JSON-RPC error."""
    accept = {"accept": HEADERS["accept"]}
    answer = httpx.post(mcp, json=HELLO, headers=accept)
    said = "send the API key as 'Authorization: Bearer <key>' or as 'API-Key: <key>'"
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == f'Bearer realm="leomock", error_description="{said}"'
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32600, "message": f"leomock: {said}"},
    }
    for empty in ({"authorization": "Bearer"}, {"api-key": ""}):
        assert httpx.post(mcp, json=HELLO, headers=accept | empty).status_code == 401
    assert httpx.post(mcp, json=HELLO, headers=accept | key(KEY)).status_code == 200


# --- the protocol ------------------------------------------------------------------------------------


def opened(mcp: str) -> dict[str, str]:
    """The headers of a new session."""
    hello = httpx.post(mcp, json=HELLO, headers=HEADERS)
    assert hello.status_code == 200
    session = {**HEADERS, "mcp-session-id": hello.headers["mcp-session-id"]}
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert httpx.post(mcp, json=ready, headers=session).status_code == 202
    return session


def test_session_that_was_ended(mcp: str) -> None:
    """DELETE ends it; then, and under a name that never was, the answer is 404."""
    session = opened(mcp)
    assert httpx.post(mcp, json=LISTING, headers=session).status_code == 200
    assert httpx.delete(mcp, headers=session).status_code == 200
    assert httpx.post(mcp, json=LISTING, headers=session).status_code == 404
    nobodys = {**HEADERS, "mcp-session-id": "nobodys"}
    assert httpx.post(mcp, json=LISTING, headers=nobodys).status_code == 404


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (
            {"host": "evil.example"},
            "MCP is not called under the name 'evil.example'; --allow-host evil.example allows it",
        ),
        (
            {"origin": "https://evil.example"},
            "MCP does not accept calls from pages of 'https://evil.example'",
        ),
        ({"sec-fetch-site": "cross-site"}, "MCP does not accept calls from pages of another site"),
    ],
)
def test_calls_of_pages_of_other_sites(mcp: str, headers: dict[str, str], text: str) -> None:
    """Refused, whatever they say, as a name is that leads here."""
    answer = httpx.post(mcp, json=HELLO, headers=HEADERS | headers)
    assert (answer.status_code, answer.json()) == (403, {"error": f"leomock: {text}"})


def test_name_that_was_allowed() -> None:
    """It is the one that the pictures' URLs begin with."""
    with served(*SERVE, "--allow-host", "leo.example", lines=2) as mcp:
        headers = {"host": "leo.example", **key(KEY)}
        made = call(mcp, CREATE, {"body": {"prompt": "a"}}, **headers)
        id = body_of(made)["sdGenerationJob"]["generationId"]
        shown = call(mcp, READ, {"id": id, "include_images": True}, **headers)
        row = body_of(shown)["generations_by_pk"]
        assert row["generated_images"][0]["url"].startswith("http://leo.example/cdn/")
        assert [each.type for each in shown.content] == ["text", *["image"] * 4]


def test_path_that_is_not_the_one(mcp: str) -> None:
    """The answer tells it; a slash at its end does no harm."""
    with served("mcp", "--http", "0", "--quiet") as alone:
        answer = httpx.post(f"{alone.removesuffix('/mcp')}/mpc", json=HELLO, headers=HEADERS)
        text = "leomock: there is nothing at /mpc; MCP is at /mcp"
        assert (answer.status_code, answer.json()) == (404, {"error": text})
        for address in (alone, mcp):
            hello = httpx.post(f"{address}/", json=HELLO, headers=HEADERS, follow_redirects=True)
            assert hello.status_code == 200


def test_log_line_names_the_tool(fake: Fake) -> None:
    """As it names the operation of any other call."""
    lines: list[str] = []
    app = http_app(in_process(fake))
    with TestClient(AccessLog(app, lines.append), "http://localhost", headers=HEADERS) as client:
        session = {"mcp-session-id": client.post("/mcp", json=HELLO).headers["mcp-session-id"]}
        asked = {"name": LIST, "arguments": {"userId": fake.user_id}}
        calling = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": asked}
        assert client.post("/mcp", json=calling, headers=session).status_code == 200
    assert f" POST /mcp {LIST} 200 " in lines[-1]


def test_hundred_calls_at_once(mcp: str) -> None:
    """Each gets its own answer."""

    async def talking(client: Client) -> list[CallToolResult]:
        return await asyncio.gather(
            *(client.call_tool(CREATE, {"body": {"prompt": f"number {n}"}}) for n in range(100))
        )

    made = [body_of(result)["sdGenerationJob"]["generationId"] for result in talk(mcp, talking, **key(KEY))]
    assert len(set(made)) == 100


def test_server_stops_though_a_client_listens() -> None:
    """An open stream is closed, not waited for."""
    with served("mcp", "--http", "0", "--quiet") as mcp:
        session = opened(mcp)
        stream = httpx.Client(timeout=20)
        response = stream.send(stream.build_request("GET", mcp, headers=session), stream=True)
        assert response.status_code == 200
    assert b"".join(response.iter_raw()) == b""
    stream.close()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_progress_and_a_call_that_is_given_up(mode: str) -> None:
    """In both eras of the protocol: notifications arrive, and the server reads no more afterwards."""
    with Fake(jobs="manual") as fake, served("mcp", "--http", "0", "--quiet", "--upstream", fake.url) as mcp:

        async def talking() -> None:
            pending = asyncio.Event()

            async def hear(progress: float, total: float | None, message: str | None) -> None:
                assert (total, message) == (600, "the generation is PENDING")
                pending.set()

            async with (
                httpx2.AsyncClient(headers=key(fake.api_key), timeout=30) as http,
                Client(streamable_http_client(mcp, http_client=http), mode=mode) as client,
            ):
                ids = []
                for _ in range(2):
                    made = body_of(await client.call_tool(CREATE, {"body": {"prompt": "a"}}))
                    ids.append(made["sdGenerationJob"]["generationId"])
                arguments = {"id": ids[0], "wait": 600}
                given_up = asyncio.create_task(client.call_tool(READ, arguments, progress_callback=hear))
                await pending.wait()
                given_up.cancel()
                # By when this was answered, the server has been told.
                await client.call_tool(READ, {"id": ids[1], "wait": 0.1})
                before = [each.path for each in fake.requests]
                await client.call_tool(READ, {"id": ids[1], "wait": 1})
                after = [each.path for each in fake.requests]
                path = "/api/rest/v1/generations/"
                assert after.count(path + ids[1]) > before.count(path + ids[1])
                assert after.count(path + ids[0]) == before.count(path + ids[0])

        asyncio.run(talking())


# --- who else serves MCP -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/api/rest/v1/"])
def test_upstream_at_an_address(url: str, path: str) -> None:
    """`leomock mcp` calls it with the key of the environment, and of a caller who sends one."""
    arguments = ("mcp", "--http", "0", "--all", "--quiet", "--upstream", f"{url}{path}")
    with served(*arguments, LEONARDO_API_KEY=KEY) as mcp:
        made = call(mcp, CREATE, {"body": {"prompt": "a"}})
        id = body_of(made)["sdGenerationJob"]["generationId"]
        assert body_of(call(mcp, READ, {"id": id}))["generations_by_pk"]["id"] == id
        assert error_content(call(mcp, READ, {"id": id}, **key(OTHER)))["code"] == "not-found"
        assert body_of(call(mcp, "leonardo-ai-list-models-v2"))["productionApiAvailableModels"]
        accept = {"accept": HEADERS["accept"]}
        assert httpx.post(mcp, json=HELLO, headers=accept | key("wrong")).status_code == 401
        shown = call(mcp, READ, {"id": id, "include_images": True})
        assert [each.type for each in shown.content] == ["text", *["image"] * 4]


def test_adapter_of_a_capability_file() -> None:
    """The tools of the file, and no key is needed."""
    file = str(capabilities_folder() / "image_generation.yaml")
    ports = ("image-generation-rest=0", "image-generation-mcp=0", "fake=0")
    options = [option for port in ports for option in ("--port", port)]
    with served("capability", "serve", file, *options, "--quiet", lines=3) as mcp:
        made = call(mcp, CREATE, {"body": {"prompt": "a"}})
        assert body_of(made)["sdGenerationJob"]["generationId"]
