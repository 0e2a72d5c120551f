"""The task-sized tools: flat arguments, one tool for a whole task."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from PIL import Image

from leomock.interop.mcp.session import McpSession
from leomock.testing.tenant import Tenant
from tests.interop.mcp.servers import body_of, error_content, error_of

NAMES = [
    *("generate_image", "get_generation", "list_models", "get_account"),
    *("upload_image", "upscale_image", "vary_image"),
]
NOBODYS_ID = "6163f776-ad40-47fc-acd4-c04b22590ada"


@pytest.fixture
def agent(leomock: Tenant) -> McpSession:
    """A session with these tools, which may fetch from this machine."""
    return McpSession(leomock, "tasks", fetch_from=["127.0.0.1"])


def picture(kind: str = "PNG") -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, kind)
    return file.getvalue()


def test_tools_are_flat_and_say_what_they_do(agent: McpSession) -> None:
    """No argument is an object, every one is described, and what costs credits says so."""
    tools = agent.list_tools()
    assert [tool.name for tool in tools] == NAMES
    for tool in tools:
        parts = tool.input_schema["properties"]
        assert all(part["type"] != "object" and part["description"] for part in parts.values())
        assert tool.annotations
        assert tool.annotations.read_only_hint is (tool.name.startswith(("get_", "list_")))
    assert [tool.name for tool in tools if "Costs credits." in str(tool.description)] == [
        *("generate_image", "upscale_image", "vary_image")
    ]


def test_read_only_session_has_the_reading_tools() -> None:
    """The others would spend or change something."""
    from leomock.interop.capability.upstream import Caller
    from leomock.interop.capability.whole import whole
    from leomock.interop.mcp.task_tools import task_tools
    from leomock.openapi.spec import shipped_versions

    capability = whole(shipped_versions(), "tasks", read_only=True)
    tools = task_tools(capability, Caller({}, {}), read_only=True)
    assert [tool.definition.name for tool in tools] == NAMES[1:4]


def test_image_is_generated_in_one_call(leomock: Tenant, agent: McpSession) -> None:
    """The tool waits as the API wants it, and shows what was drawn; the journal names the tool."""
    leomock.advance(0)
    made = agent.call_tool("generate_image", {"prompt": "a lighthouse", "num_images": 2, "width": 512})
    value = made.structured_content
    assert value
    assert (value["status"], len(value["images"]), value["credits"] > 0) == ("COMPLETE", 2, True)
    assert [each.type for each in made.content] == ["text", "image", "image"]
    assert {each.tool for each in leomock.requests} == {"generate_image"}
    assert not leomock.verdict().findings


def test_generation_that_is_not_waited_for_is_read_later(agent: McpSession) -> None:
    """The note names the tool that reads it."""
    arguments = {"prompt": "a cat", "wait": 0, "include_images": False}
    made = agent.call_tool("generate_image", arguments)
    assert made.structured_content
    id = made.structured_content["generation_id"]
    assert made.structured_content["status"] == "PENDING"
    assert made.content[1].text == (  # type: ignore[union-attr]  # a note is a text
        f"The generation {id} is still PENDING. Read it again with get_generation; do not create it again."
    )
    read = body_of(agent.call_tool("get_generation", {"generation_id": id, "wait": 60}))
    assert (read["status"], len(read["images"])) == ("COMPLETE", 1)


def test_models_and_account(leomock: Tenant, agent: McpSession) -> None:
    """Only what an agent needs of them."""
    before = body_of(agent.call_tool("get_account"))["credits"]
    models = body_of(agent.call_tool("list_models", {"contains": "lucid"}))["models"]
    assert models
    assert all("Lucid" in model["name"] for model in models)
    made = body_of(
        agent.call_tool(
            "generate_image", {"prompt": "a", "model_id": models[0]["id"], "include_images": False}
        )
    )
    account = body_of(agent.call_tool("get_account"))
    assert account["user_id"] == leomock.user_id
    assert account["credits"] == before - made["credits"]
    assert made["status"] == "COMPLETE"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_upload_as_base64_starts_a_generation(leomock: Tenant, agent: McpSession, kind: str) -> None:
    """The file goes through the presigned form."""
    data = base64.b64encode(picture(kind)).decode()
    given = f"data:image/{kind.lower()};base64,{data}" if kind == "PNG" else data
    id = body_of(agent.call_tool("upload_image", {"data": given}))["init_image_id"]
    arguments = {"prompt": "a", "init_image_id": id, "include_images": False}
    assert body_of(agent.call_tool("generate_image", arguments))["status"] == "COMPLETE"
    assert [each.channel for each in leomock.requests].count("upload") == 1


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer with a picture, or 404."""
        found = self.path == "/a.png"
        self.send_response(200 if found else 404)
        self.end_headers()
        if found:
            self.wfile.write(picture())

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""


@pytest.fixture
def files() -> Iterator[str]:
    """The address of a server of files."""
    with HTTPServer(("127.0.0.1", 0), _Files) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_upload_from_an_address(agent: McpSession, files: str) -> None:
    """Of another server, and of a generated image."""
    assert body_of(agent.call_tool("upload_image", {"url": f"{files}/a.png"}))["init_image_id"]
    made = body_of(agent.call_tool("generate_image", {"prompt": "a", "include_images": False}))
    assert body_of(agent.call_tool("upload_image", {"url": made["images"][0]["url"]}))["init_image_id"]
    error = error_content(agent.call_tool("upload_image", {"url": f"{files}/b.png"}))
    assert error["message"].startswith(f"{files}/b.png cannot be fetched: Client error '404 Not Found'")
    assert error["next_step"] == "Check the URL, or send the file as `data`."


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("upload_image", {}, "leomock: give either url or data. Do not repeat the same call."),
        ("upload_image", {"data": "?"}, "leomock: data is not base64. Do not repeat the same call."),
        (
            "upload_image",
            {"data": "aGVsbG8="},
            "leomock: the file is not a PNG, JPEG or WebP. Convert it first. Do not repeat the same call.",
        ),
        (
            "upload_image",
            {"url": "file:///etc/passwd"},
            "leomock: url must begin with http:// or https://. Do not repeat the same call.",
        ),
        (
            "generate_image",
            {"prompt": "a", "width": 513},
            "leomock: generate_image: width: 513 is not a multiple of 8. Do not repeat the same call.",
        ),
        (
            "generate_image",
            {"promt": "a"},
            "leomock: generate_image takes no argument 'promt'; did you mean 'prompt'? "
            "Do not repeat the same call.",
        ),
        (
            "vary_image",
            {"image_id": NOBODYS_ID},
            "leomock: vary_image needs the argument 'kind'. Do not repeat the same call.",
        ),
    ],
)
def test_wrong_argument_is_a_sentence(
    agent: McpSession, tool: str, arguments: dict[str, Any], text: str
) -> None:
    """Nothing was called."""
    assert error_of(agent.call_tool(tool, arguments)) == text
    assert not agent.account.requests


@pytest.mark.parametrize(
    ("tool", "more"),
    [("upscale_image", {}), ("vary_image", {"kind": "no_background"}), ("vary_image", {"kind": "unzoom"})],
)
def test_variation_is_waited_for_and_shown(agent: McpSession, tool: str, more: dict[str, str]) -> None:
    """Its price is in the answer."""
    made = body_of(agent.call_tool("generate_image", {"prompt": "a", "include_images": False}))
    image = made["images"][0]["id"]
    result = agent.call_tool(tool, {"image_id": image, **more})
    value = result.structured_content
    assert value
    assert (value["status"], value["credits"]) == ("COMPLETE", 5)
    assert [each.type for each in result.content] == ["text", "image"]
    pending = agent.call_tool(tool, {"image_id": image, "wait": 0, **more})
    assert pending.structured_content
    assert pending.structured_content["status"] == "PENDING"
