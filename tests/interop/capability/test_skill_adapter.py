"""The adapter that offers a file's skills."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from leomock import Fake
from leomock.interop.adapters import make_app
from leomock.interop.capability.files import CapabilityError, load
from tests.interop.capability.adapters import caller_of

FILE = """\
ikanos: 1.0.0-beta4
capability:
  exposes:
  - type: skill
    namespace: skills
    port: 8082
    description: What agents can learn.
    authentication: {type: bearer, token: secret}
    skills:
      draw:
        description: Draws images.
        license: MIT
        allowed-tools: me
        location: file://FOLDER
        tools:
          me: {description: Says who calls., from: {sourceNamespace: people, action: me}}
          guide: {description: How to draw., instruction: guide.md}
      plain:
        description: Only a text.
  - type: rest
    namespace: people
    port: 8080
    resources:
    - path: /me
      operations:
        me: {method: GET, call: api.me}
  consumes:
  - namespace: api
    type: http
    baseUri: https://cloud.leonardo.ai/api/rest/v1
    resources:
      me:
        path: me
        operations:
          me: {method: GET}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a skill, with a link that leads out of it."""
    skill = tmp_path / "draw"
    (skill / "parts").mkdir(parents=True)
    (skill / "SKILL.md").write_text("# Draw\n")
    (skill / "parts" / "brush.bin").write_bytes(b"\xff\xfe")
    (tmp_path / "secret.txt").write_text("not yours")
    (skill / "link.txt").symlink_to(tmp_path / "secret.txt")
    return skill


@pytest.fixture
def client(fake: Fake, folder: Path, tmp_path: Path) -> TestClient:
    """A client with the key of the adapter."""
    path = tmp_path / "a.yaml"
    path.write_text(FILE.replace("FOLDER", str(folder)), "utf-8")
    capability = load(path)
    assert capability.notes == ()
    app = make_app(capability.adapters[0], caller_of(capability, fake))
    return TestClient(app, "http://localhost", headers={"authorization": "Bearer secret"})


def test_catalogue(client: TestClient) -> None:
    """Of all skills, with the names of their tools."""
    assert client.get("/").json() == {
        "name": "skills",
        "description": "What agents can learn.",
        "skills": "/skills",
    }
    assert client.get("/skills").json() == {
        "count": 2,
        "skills": [
            {"name": "draw", "description": "Draws images.", "license": "MIT", "tools": ["me", "guide"]},
            {"name": "plain", "description": "Only a text.", "tools": []},
        ],
    }
    assert client.get("/skills", headers={"authorization": ""}).status_code == 401


def test_one_skill(client: TestClient) -> None:
    """With the adapter behind each tool."""
    assert client.get("/skills/draw").json() == {
        "name": "draw",
        "description": "Draws images.",
        "license": "MIT",
        "allowed-tools": "me",
        "tools": [
            {
                "name": "me",
                "description": "Says who calls.",
                "type": "derived",
                "invocationRef": {"targetNamespace": "people", "action": "me", "mode": "rest"},
            },
            {
                "name": "guide",
                "description": "How to draw.",
                "type": "instruction",
                "instruction": "guide.md",
            },
        ],
    }


def test_files_of_a_skill(client: TestClient) -> None:
    """Listed, one by one, and as a zip file; a link that leads out of the folder is no file of it."""
    assert client.get("/skills/draw/contents").json() == {
        "name": "draw",
        "files": [
            {"path": "SKILL.md", "size": 7, "type": "text/markdown"},
            {"path": "parts/brush.bin", "size": 2, "type": "application/octet-stream"},
        ],
    }
    assert client.get("/skills/draw/contents/SKILL.md").text == "# Draw\n"
    assert client.get("/skills/draw/contents/parts/brush.bin").content == b"\xff\xfe"
    with zipfile.ZipFile(io.BytesIO(client.get("/skills/draw/download").content)) as archive:
        assert archive.namelist() == ["SKILL.md", "parts/brush.bin"]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/skills/paint", "there is no skill 'paint'; there are draw, plain"),
        ("/skills/plain/contents", "the skill plain has no files: its entry has no location"),
        ("/skills/draw/contents/link.txt", "the skill draw has no file 'link.txt'"),
        ("/skills/draw/contents/..%2Fsecret.txt", "the skill draw has no file '../secret.txt'"),
    ],
)
def test_what_is_not_there(client: TestClient, path: str, error: str) -> None:
    """404, with a sentence."""
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": f"leomock: {error}"})


def test_folder_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    """The catalogue is served all the same."""
    path = tmp_path / "a.yaml"
    path.write_text(FILE.replace("FOLDER", "/nowhere/at/all"), "utf-8")
    assert [str(note) for note in load(path).notes] == [
        "14: location '/nowhere/at/all': there is no such folder, so there are no files"
    ]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (
            "sourceNamespace: people",
            "sourceNamespace: peple",
            "there is no adapter 'peple'; did you mean 'people'?",
        ),
        ("action: me", "action: you", "people has no 'you'"),
        (", from: {sourceNamespace: people, action: me}", "", "is missing; a tool has from or instruction"),
    ],
)
def test_tool_that_refers_to_nothing(tmp_path: Path, old: str, new: str, found: str) -> None:
    """One line for each, at the tool."""
    path = tmp_path / "a.yaml"
    path.write_text(FILE.replace("FOLDER", "/nowhere").replace(old, new, 1), "utf-8")
    with pytest.raises(CapabilityError) as refused:
        load(path)
    (finding,) = refused.value.findings
    assert finding.partition("a.yaml:")[2] == f"16: from: {found}"


def test_instruction_needs_a_location(tmp_path: Path) -> None:
    """It is a path in that folder."""
    path = tmp_path / "a.yaml"
    path.write_text(FILE.replace("        location: file://FOLDER\n", ""), "utf-8")
    with pytest.raises(CapabilityError) as refused:
        load(path)
    (finding,) = refused.value.findings
    assert finding.partition("a.yaml:")[2] == (
        "10: location: is missing; the skill has a tool with instruction"
    )
