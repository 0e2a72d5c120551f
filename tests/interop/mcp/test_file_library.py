"""Resources and prompts that a capability file declares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError

from leomock import Fake
from leomock.interop.capability.files import load
from leomock.interop.mcp.serve import make_adapter_server
from tests.fixtures import client_of, generate
from tests.interop.capability.adapters import caller_of
from tests.interop.mcp.servers import talk

FILE = """\
naftiko: 1.0.0-alpha2
capability:
  exposes:
  - type: mcp
    namespace: own
    port: 9090
    tools:
    - {name: me, description: Says who calls., call: api.me}
    resources:
    - name: account
      label: Account
      uri: leo://account
      description: Who calls.
      call: api.me
      outputParameters: [{type: string, mapping: '$.user_details[0].user.id'}]
    - name: generation
      uri: leo://generations/{id}
      description: One generation.
      mimeType: application/vnd.generation+json
      call: api.read
      with: {id: '{{id}}'}
    - name: guides
      uri: leo://guides
      description: Texts.
      location: file://FOLDER
    prompts:
    - name: draw
      label: Draw
      description: Draws.
      arguments:
      - {name: subject, description: What to draw.}
      - {name: style, description: How., required: false}
      template:
      - {role: user, content: 'Draw {{subject}} in {{style}}.'}
      - {role: assistant, content: Here it is.}
    - name: told
      description: From a file.
      location: file://FOLDER/told.md
  consumes:
  - namespace: api
    type: http
    baseUri: https://cloud.leonardo.ai/api/rest/v1
    resources:
    - name: me
      path: /me
      operations: [{name: me, method: GET}]
    - name: generation
      path: /generations/{{id}}
      operations: [{name: read, method: GET}]
"""


@pytest.fixture
def server(fake: Fake, tmp_path: Path) -> Any:
    """The server of the adapter."""
    folder = tmp_path / "guides"
    (folder / "more").mkdir(parents=True)
    (folder / "told.md").write_text("Tell {{subject}}.")
    (folder / "more" / "a b.bin").write_bytes(b"\xff")
    (tmp_path / "secret.txt").write_text("not yours")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    path = tmp_path / "a.yaml"
    path.write_text(FILE.replace("FOLDER", str(folder)), "utf-8")
    capability = load(path)
    assert capability.notes == ()
    return make_adapter_server(capability.adapters[0], caller_of(capability, fake))


def read(server: Any, uri: str) -> Any:
    """The content of a resource."""

    async def talking(client: Client) -> Any:
        (content,) = (await client.read_resource(uri)).contents
        return content

    return talk(server, talking)


def test_resources_are_listed(server: Any) -> None:
    """Those with one address, the files of folders, and the templates."""

    async def listed(client: Client) -> Any:
        resources = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        return (
            [(str(each.uri), each.title, each.mime_type) for each in resources],
            [each.uri_template for each in templates],
        )

    assert talk(server, listed) == (
        [
            ("leo://account", "Account", "application/json"),
            ("leo://guides/more/a%20b.bin", None, "application/octet-stream"),
            ("leo://guides/told.md", None, "text/markdown"),
        ],
        ["leo://generations/{id}"],
    )


def test_resource_is_read_by_a_call(fake: Fake, server: Any) -> None:
    """Mapped as the file says; a variable of the address is an input."""
    account = read(server, "leo://account")
    assert (account.text, account.mime_type) == (fake.user_id, "application/json")
    with client_of(fake) as client:
        id = generate(client)
    generation = read(server, f"leo://generations/{id}")
    assert f'"id":"{id}"' in generation.text
    assert generation.mime_type == "application/vnd.generation+json"


def test_file_of_a_folder_is_read(server: Any) -> None:
    """As a text if it is one."""
    assert read(server, "leo://guides/told.md").text == "Tell {{subject}}."
    assert read(server, "leo://guides/more/a%20b.bin").blob == "/w=="


@pytest.mark.parametrize(
    "uri",
    [
        "leo://guides/link.txt",
        "leo://guides/../secret.txt",
        "leo://guides",
        "leo://generations/a/b",
        "leo://generations/6163f776-ad40-47fc-acd4-c04b22590ada",
    ],
)
def test_resource_that_is_not_there(server: Any, uri: str) -> None:
    """An error of the protocol."""

    async def asked(client: Client) -> None:
        with pytest.raises(MCPError):
            await client.read_resource(uri)

    talk(server, asked)


def test_prompts(server: Any) -> None:
    """Their messages have the arguments; what is not given stays as it stands."""

    async def got(client: Client) -> Any:
        (draw, told) = (await client.list_prompts()).prompts
        messages = (await client.get_prompt("draw", {"subject": "{{style}}"})).messages
        more = (await client.get_prompt("told")).messages
        arguments = [(each.name, each.required) for each in draw.arguments or ()]
        texts = [(each.role, getattr(each.content, "text", "")) for each in [*messages, *more]]
        return arguments, told.arguments, texts

    arguments, none, messages = talk(server, got)
    assert (arguments, none) == ([("subject", True), ("style", False)], [])
    assert messages == [
        ("user", "Draw {{style}} in {{style}}."),
        ("assistant", "Here it is."),
        ("user", "Tell {{subject}}."),
    ]


def test_prompt_without_its_argument(server: Any) -> None:
    """An error of the protocol that names it; so is a prompt that is not there."""

    async def asked(client: Client) -> list[str]:
        texts = []
        for name in ("draw", "drew"):
            with pytest.raises(MCPError) as refused:
                await client.get_prompt(name)
            texts.append(str(refused.value))
        return texts

    without, unknown = talk(server, asked)
    assert "The prompt draw needs the argument 'subject'" in without
    assert "There is no prompt 'drew'; did you mean 'draw'?" in unknown
