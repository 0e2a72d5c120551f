"""The skill keeps to the format's rules and tells what the documents hold."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.main import main
from leomock.interop.capability.files import load
from leomock.interop.capability.leonardo import parser
from leomock.interop.capability.model import Capability
from leomock.interop.capability.skill import LONGEST_DESCRIPTION, skill
from leomock.openapi.spec import shipped_versions
from tests.interop.capability.adapters import changed, shipped
from tests.interop.capability.test_files import SMALL
from tests.interop.capability.test_rest_adapter import OFFERS

with warnings.catch_warnings():
    # What the validator reads YAML with uses names that Python is about to drop.
    warnings.simplefilter("ignore")
    from skills_ref import validate  # type: ignore[import-untyped]

VERSIONS = shipped_versions()
FILES = sorted({file for file, _ in OFFERS})


def written(capability: Capability, folder: Path) -> Path:
    """The folder of the skill."""
    for name, text in skill(capability, VERSIONS).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    (made,) = (path for path in folder.iterdir() if path.is_dir())
    return made


@pytest.mark.parametrize("file", FILES)
def test_skill_keeps_to_the_format(file: str, tmp_path: Path) -> None:
    """By the format's own validator (skills-ref), and what its specification recommends besides."""
    folder = written(shipped(file), tmp_path)
    assert validate(folder) == []
    text = (folder / "SKILL.md").read_text("utf-8")
    assert text.count("\n") < 500
    linked = re.findall(r"\]\((references/[^)]+)\)", text)
    assert sorted(linked) == sorted(f"references/{path.name}" for path in (folder / "references").iterdir())
    assert len(linked) == len(shipped(file).operations)


def test_skill_of_the_image_generations(tmp_path: Path) -> None:
    """Its name, and the description that decides when it is read."""
    text = (written(shipped("image_generation"), tmp_path) / "SKILL.md").read_text("utf-8")
    _, front, _ = text.split("---\n", 2)
    assert " ".join(front.split()).startswith("name: leonardo-ai-image-generation description: 'Image gen")
    assert "Use it when a task needs Leonardo.AI Image Generation: create generation, get" in " ".join(
        front.split()
    )
    assert "## Generate images" in text
    assert "## Generate images" not in skill(shipped("datasets"), VERSIONS)["leonardo-ai-datasets/SKILL.md"]


@pytest.mark.parametrize(
    ("file", "headings"),
    [
        ("image_generation", ["Generate images"]),
        ("video_generation", ["Fetch what comes of it"]),
        ("blueprints", ["Fetch what comes of it"]),
        ("init_images", ["Upload a file"]),
        ("datasets", ["Upload a file"]),
        ("media", ["Upload a file"]),
        ("models_3d", ["Upload a file"]),
        ("prompt", []),
    ],
)
def test_instructions_say_what_follows_a_call(file: str, headings: list[str]) -> None:
    """Where a job is to be waited for, or a file to be sent; the examples are commands of the script."""
    (text,) = (text for path, text in skill(shipped(file), VERSIONS).items() if path.endswith("/SKILL.md"))
    usual = {"Before the first call", "Operations", "When a call fails"}
    assert [each for each in re.findall(r"^## (.*)$", text, re.MULTILINE) if each not in usual] == headings
    for line in re.findall(r"^python3 scripts/leonardo\.py (.*)$", text, re.MULTILINE):
        parser().parse_args(shlex.split(line))


@pytest.mark.parametrize("file", FILES)
def test_examples_are_calls_that_the_script_takes(file: str) -> None:
    """Each reference has one, and it is the operation's own."""
    for operation in shipped(file).operations:
        name = operation.id.partition(".")[2]
        (text,) = (
            text for path, text in skill(shipped(file), VERSIONS).items() if path.endswith(f"/{name}.md")
        )
        (line,) = re.findall(r"^python3 scripts/leonardo\.py (.*)$", text, re.MULTILINE)
        options = parser().parse_args(shlex.split(line))
        segments = options.path.strip("/").split("/")
        found, _ = VERSIONS["v1"].route(options.method, segments)
        assert (found.method, found.path) == (operation.method, operation.path)


def test_reference_tells_parameters_and_limits(tmp_path: Path) -> None:
    """Those of the documents with our corrections."""
    folder = written(shipped("image_generation"), tmp_path)
    text = (folder / "references" / "create-generation.md").read_text("utf-8")
    assert (
        "| `num_images` | body | no | integer; at least 1; at most 8; 4 unless given | How many images to "
        "make: 1 to 8, but at most 4 once the width or the height is above 768. |"
    ) in text
    assert "| `controlnets` | body | no | array |" in text
    assert "| `controlnets[].initImageId` | body | yes | string |" in text
    assert '"sdGenerationJob": {' in text


def test_skill_of_a_file_of_ones_own(tmp_path: Path) -> None:
    """A long text is cut where what it is ends, not where it says when to use it."""
    path = changed(
        tmp_path,
        ("label: Leonardo.AI Image Generation", "label: Ünser *Bild* (1)"),
        ("description: 'Image generations", f"description: '{'very ' * 300}"),
        ("path: /generations\n", "path: /paintings\n"),
    )
    folder = written(load(path), tmp_path)
    assert folder.name == "nser-bild-1"
    assert validate(folder) == []
    text = " ".join((folder / "SKILL.md").read_text("utf-8").split("---")[1].split())
    assert "very... Use it when a task needs Ünser *Bild* (1): create generation" in text
    assert len(text) < LONGEST_DESCRIPTION + 200
    reference = (folder / "references" / "create-generation.md").read_text("utf-8")
    assert "| `body` | body | no | object |" in reference
    assert "python3 scripts/leonardo.py call POST /paintings\n" in reference


# --- following it ------------------------------------------------------------------------------------


def followed(folder: Path, fake: Fake, **places: str) -> list[str]:
    """Run every command of the instructions in their order, and return what each printed.

    `places` are the words that a reader replaces; the id of a generation is the one that was created last.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "LEONARDO_API_KEY": fake.api_key,
        "LEONARDO_BASE_URL": fake.base_url,
    }
    text = (folder / "SKILL.md").read_text("utf-8")
    printed = []
    for block in re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            for word, value in places.items():
                line = line.replace(word, value)
            command = [sys.executable, *shlex.split(line)[1:]]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (line, done.stderr)
            printed.append(done.stdout)
            if "generationId" in done.stdout:
                found = re.search(r'"generationId": "([^"]+)"', done.stdout)
                assert found
                places["GENERATION_ID"] = found[1]
    return printed


def test_instructions_of_the_image_generations_are_followed_step_by_step(tmp_path: Path) -> None:
    """Each command in them is run, against a fake as they say: at the end there is a picture."""
    folder = written(shipped("image_generation"), tmp_path)
    with Fake(jobs="immediate") as fake:
        printed = followed(folder, fake)
        assert len(printed) == 4
        assert '"status": "COMPLETE"' in printed[2]
    (picture,) = (folder / "pictures").iterdir()
    assert picture.read_bytes().startswith(b"\xff\xd8")


def test_instructions_of_uploads_are_followed_step_by_step(tmp_path: Path) -> None:
    """The file is at the fake afterwards."""
    folder = written(shipped("init_images"), tmp_path)
    (folder / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0 a picture")
    with Fake() as fake:
        assert len(followed(folder, fake, FILE="picture.jpg")) == 2
        assert [each.status for each in fake.requests if each.channel == "upload"] == [204]


def test_skill_of_another_api_names_its_variable_and_no_fake(tmp_path: Path) -> None:
    """Neither the instructions nor the script know of Leonardo.AI, and the script calls that API."""
    path = tmp_path / "a.yaml"
    path.write_text(SMALL, "utf-8")
    folder = written(load(path), tmp_path)
    assert validate(folder) == []
    for file in folder.rglob("*"):
        text = file.read_text("utf-8").lower() if file.is_file() else ""
        assert "leonardo" not in text
        assert "leomock" not in text
        assert "fake" not in text
    text = (folder / "SKILL.md").read_text("utf-8")
    assert "* `PICTURES_KEY`: the API key." in text
    assert "* `PICTURES_BASE_URL`: the address of the API, if it is not https://pictures.example/v1." in text
    command = [sys.executable, "scripts/call.py", "call", "GET", "/generations"]
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "call: there is no API key; set PICTURES_KEY\n")
    with Fake(jobs="immediate") as fake:
        known = {**bare, "PICTURES_KEY": fake.api_key, "PICTURES_BASE_URL": fake.base_url}
        done = subprocess.run(
            [*command[:-1], "/me"], cwd=folder, env=known, capture_output=True, text=True, check=False
        )
        assert fake.user_id in done.stdout


TWO_APIS = """\
naftiko: 1.0.0-alpha2
info: {label: Two, description: Two APIs.}
binds: [{namespace: env, keys: {ONE: ONE_KEY, TWO: TWO_KEY}}]
capability:
  exposes:
  - type: mcp
    namespace: own
    port: 9090
    tools:
    - name: both
      description: Asks both.
      steps: [{name: a, call: one.me}, {name: b, call: two.me}]
  consumes:
  - namespace: one
    type: http
    baseUri: https://one.example/v1
    authentication: {type: apikey, key: X-Own, value: '{{ONE}}'}
    resources: [{name: me, path: /me, operations: [{name: me, method: GET}]}]
  - namespace: two
    type: http
    baseUri: https://two.example/v1
    authentication: {type: basic, username: ada, password: '{{TWO}}'}
    resources: [{name: me, path: /me, operations: [{name: me, method: GET}]}]
"""


def test_skill_of_several_apis_has_a_script_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the address and the header of its API; a path that Leonardo.AI's API has too is no matter."""
    path = tmp_path / "a.yaml"
    path.write_text(TWO_APIS, "utf-8")
    folder = written(load(path), tmp_path)
    assert validate(folder) == []
    assert sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*.*")) == [
        "SKILL.md",
        "references/one-me.md",
        "references/two-me.md",
        "scripts/one.py",
        "scripts/two.py",
    ]
    text = (folder / "SKILL.md").read_text("utf-8")
    assert "The script `scripts/one.py` reads from the environment:\n\n* `ONE_KEY`: the API key." in text
    assert "* `TWO_BASE_URL`: the address of the API, if it is not https://two.example/v1." in text
    assert "to call it by other means, send the header 'Authorization: Basic" in text
    assert "leonardo" not in text.lower()
    assert "python3 scripts/two.py call GET /me\n" in (folder / "references" / "two-me.md").read_text("utf-8")
    sent: list[urllib.request.Request] = []

    def opened(_: object, request: urllib.request.Request, timeout: float) -> None:
        sent.append(request)
        raise urllib.error.URLError("nobody is there")

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", opened)
    monkeypatch.setenv("ONE_KEY", "7")
    script = runpy.run_path(str(folder / "scripts" / "one.py"))
    assert script["main"](["call", "GET", "/me"]) == 1
    assert (sent[0].full_url, sent[0].get_header("X-own")) == ("https://one.example/v1/me", "7")
    assert not sent[0].has_header("Authorization")


def test_skill_of_a_file_of_version_2_calls_version_2(tmp_path: Path) -> None:
    """The address in its script is that of the file."""
    path = changed(tmp_path, ("api/rest/v1", "api/rest/v2"))
    script = (written(load(path), tmp_path) / "scripts" / "leonardo.py").read_text("utf-8")
    assert '\nREAL = "https://cloud.leonardo.ai/api/rest/v2"\n' in script


def test_file_that_calls_nothing_has_no_skill(tmp_path: Path) -> None:
    """The command says so."""
    path = tmp_path / "a.yaml"
    path.write_text(
        "naftiko: 1.0.0-alpha2\ncapability: {exposes: [{type: mcp, namespace: own, port: 1, tools: "
        "[{name: a, description: A., outputParameters: [{type: string, value: x}]}]}]}\n"
    )
    done = CliRunner().invoke(main, ["capability", "skill", str(path), "-o", str(tmp_path)])
    assert (done.exit_code, done.output) == (
        2,
        f"Error: {path}: no adapter calls an operation of an API, so a skill would have nothing to call\n",
    )
