"""`leomock capability`, as a command and as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from mcp import StdioServerParameters

from leomock import Fake
from leomock.cli.main import main
from leomock.interop.capability.files import capabilities_folder
from leomock.server.listen import bind
from tests.interop.capability.adapters import changed
from tests.interop.mcp.servers import CREATE, body_of, call, environment

IMAGES = capabilities_folder() / "image_generation.yaml"
PORTS = ("--port", "image-generation-rest=0", "--port", "image-generation-mcp=0")
ID = "6163f776-ad40-47fc-acd4-c04b22590ada"


def said(*arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    done = CliRunner().invoke(main, ["capability", *arguments])
    return done.exit_code, done.output


@contextmanager
def served(
    *arguments: str, lines: int = 3, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A `leomock capability serve`, and the addresses that it tells."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEONARDO_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "leomock", "capability", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=kept | environment,
    )
    assert process.stdout
    try:
        told = []
        for _ in range(lines):
            line = process.stdout.readline()
            assert " listening on http://127.0.0.1:" in line, process.communicate(timeout=5)
            told.append(line.partition(" listening on ")[2].split(",")[0].strip())
        yield process, told
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


# --- serve -------------------------------------------------------------------------------------------


def test_serve_opens_every_adapter_over_a_fake() -> None:
    """The fake's own address has the pictures, and steers it; Ctrl-C stops it all."""
    with served(str(IMAGES), *PORTS, "--port", "fake=0", "--jobs", "immediate") as (process, told):
        fake, rest, mcp = told
        id = httpx.post(f"{rest}/v1/generations", json={"prompt": "a"}).json()["sdGenerationJob"][
            "generationId"
        ]
        row = httpx.get(f"{rest}/v1/generations/{id}").json()["generations_by_pk"]
        assert row["status"] == "COMPLETE"
        url = row["generated_images"][0]["url"]
        assert url.startswith(f"{fake}/cdn/")
        assert httpx.get(url).headers["content-type"] == "image/jpeg"
        assert httpx.get(f"{fake}/_leomock/health").json()["status"] == "ok"
        assert mcp.endswith("/mcp")
        assert httpx.get(mcp).status_code in (400, 501)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        assert process.stderr
        log = process.stderr.read()
        assert "Traceback" not in log
        assert f"GET /v1/generations/{id} image-generation.get-generation-by-id 200 " in log


def test_serve_calls_the_real_api_with_the_key_that_is_bound(tmp_path: Path) -> None:
    """Here a fake that lets one key in stands for it."""
    with Fake(auth="strict") as real:
        path = changed(tmp_path, ("https://cloud.leonardo.ai/api/rest/v1", real.base_url))
        for key, status in ((real.api_key, 200), ("wrong", 401)):
            arguments = (str(path), "--upstream", "real", *PORTS)
            with served(*arguments, lines=2, LEONARDO_AI_API_KEY=key) as (_, (rest, _mcp)):
                answer = httpx.post(f"{rest}/v1/generations", json={"prompt": "a"})
                assert answer.status_code == status
        real.assert_called("createGeneration", times=1)


def test_serve_plays_scenarios_and_takes_the_bound_key_as_tenant() -> None:
    """The key in the environment is a key of the fake as well."""
    arguments = (str(IMAGES), *PORTS, "--port", "fake=0", "--scenario", "out_of_credits", "--quiet")
    with served(*arguments, LEONARDO_AI_API_KEY="mine") as (_, (fake, rest, _mcp)):
        assert httpx.post(f"{rest}/v1/generations", json={"prompt": "a"}).status_code == 400
        headers = {"authorization": "Bearer mine"}
        journal = httpx.get(f"{fake}/_leomock/requests", headers=headers).json()
        assert [each["operation"] for each in journal["requests"]] == ["createGeneration"]


def test_serve_of_the_real_api_without_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says which variable is not set."""
    monkeypatch.delenv("LEONARDO_AI_API_KEY", raising=False)
    code, output = said("serve", str(IMAGES), "--upstream", "real")
    assert code == 2
    assert output.endswith(
        "Error: https://cloud.leonardo.ai/api/rest/v1 is called with the key in LEONARDO_AI_API_KEY, which "
        "is not set in the environment; set it, or take --upstream fake\n"
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--port", "image-generation=1"],
            "--port image-generation=1: use image-generation-rest=N or image-generation-mcp=N or fake=N, "
            "with N from 0 to 65535",
        ),
        (
            ["--upstream", "real", "--port", "fake=1"],
            "--port fake=1: use image-generation-rest=N or image-generation-mcp=N, with N from 0 to 65535",
        ),
        (
            ["--port-offset", "60000"],
            "image-generation-rest would have the port 68080; ports go from 0 to 65535",
        ),
        (
            ["--upstream", "real", "--jobs", "immediate"],
            "--jobs is for the fake; it has no effect on the real API",
        ),
        (
            ["--upstream", "real", "--scenario", "flaky"],
            "--scenario is for the fake; it has no effect on the real API",
        ),
        (
            ["--jobs", "soon"],
            "jobs='soon': use seconds:S (e.g. seconds:2), polls:N, polls:N,seconds:S, immediate or manual",
        ),
    ],
)
def test_serve_refuses_what_cannot_be_meant(arguments: list[str], error: str) -> None:
    """A usage error, exit code 2, no traceback."""
    code, output = said("serve", str(IMAGES), *arguments)
    assert code == 2
    assert output.endswith(f"Error: {error}\n")


def test_serve_on_a_port_in_use() -> None:
    """Says so, and what would work; the fake's port is asked for first."""
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        for taken, free in (("fake", "image-generation-rest"), ("image-generation-rest", "fake")):
            code, output = said("serve", str(IMAGES), "--port", f"{taken}={port}", "--port", f"{free}=0")
            assert code == 2
            assert output.endswith(
                f"Error: cannot listen on 127.0.0.1:{port}: Address already in use; "
                "--port NAME=N or --port-offset N takes another\n"
            )


def test_adapters_listen_on_their_addresses_in_the_file(tmp_path: Path) -> None:
    """Unless --host says otherwise."""
    path = changed(tmp_path, ("    port: 8080", "    port: 8080\n    address: 127.0.0.2"))
    ports = (*PORTS, "--port", "fake=0")
    with served(str(path), *ports, lines=1) as (process, _):
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("image-generation-rest: rest listening on http://127.0.0.2:"), line
    with served(str(path), *ports, "--host", "127.0.0.1") as (_, addresses):
        assert all(address.startswith("http://127.0.0.1:") for address in addresses)


def test_adapter_behind_stdin_and_stdout(tmp_path: Path) -> None:
    """Its client has both to itself; what the command says goes to stderr."""
    path = changed(tmp_path, ("    port: 9090\n    transport: http", "    transport: stdio"))
    assert "image-generation-mcp: mcp on stdin and stdout" in said("check", str(path))[1].splitlines()
    ports = ("--port", "image-generation-rest=0", "--port", "fake=0")
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "leomock", "capability", "serve", str(path), *ports],
        env=environment(),
    )
    made = call(server, CREATE, {"body": {"prompt": "a"}})
    assert body_of(made)["sdGenerationJob"]["generationId"]


def test_two_adapters_cannot_share_stdin(tmp_path: Path) -> None:
    """One line says so."""
    path = changed(tmp_path, ("    port: 9090\n    transport: http", "    transport: stdio"))
    text = path.read_text("utf-8")
    adapter = text[text.index("  - type: mcp") :]
    path.write_text(text + adapter.replace("image-generation-mcp", "another"), "utf-8")
    code, output = said("check", str(path))
    assert (code, output.partition(": capability.exposes: ")[2]) == (
        2,
        "two adapters have the transport stdio, and a process has one stdin\n",
    )


# --- check, export, skill ----------------------------------------------------------------------------


LACKS = "(the fake has no such operation; --upstream real calls the real one)"


def test_check_tells_what_would_be_exposed(tmp_path: Path) -> None:
    """And what the fake does not know."""
    path = changed(tmp_path, ("path: /generations\n", "path: /paintings\n"))
    assert said("check", str(path)) == (
        0,
        f"""\
{path}: Leonardo.AI Image Generation, 4 operations, served
calls https://cloud.leonardo.ai/api/rest/v1 (key in LEONARDO_AI_API_KEY)
image-generation-rest: rest on port 8080
  POST   /v1/generations                image-generation.create-generation  {LACKS}
  GET    /v1/generations/{{id}}           image-generation.get-generation-by-id
  DELETE /v1/generations/{{id}}           image-generation.delete-generation-by-id
  GET    /v1/generations/user/{{userId}}  image-generation.get-generations-by-user-id
image-generation-mcp: mcp on port 9090
  leonardo-ai-create-generation           image-generation.create-generation  {LACKS}
  leonardo-ai-get-generation-by-id        image-generation.get-generation-by-id
  leonardo-ai-delete-generation-by-id     image-generation.delete-generation-by-id
  leonardo-ai-get-generations-by-user-id  image-generation.get-generations-by-user-id
""",
    )


def test_file_of_version_2(tmp_path: Path) -> None:
    """What its baseUri names is what is checked, and what the fake answers with."""
    path = changed(tmp_path, ("api/rest/v1", "api/rest/v2"))
    unknown = [line for line in said("check", str(path))[1].splitlines() if "no such operation" in line]
    assert len(unknown) == 6  # all but the first, for both adapters
    with served(str(path), *PORTS, "--port", "fake=0") as (_, (_fake, rest, _mcp)):
        answer = httpx.post(
            f"{rest}/v1/generations", json={"model": "gpt-image-1.5", "parameters": {"prompt": "a"}}
        )
        assert answer.json()["generate"]["generationId"]


@pytest.mark.parametrize("command", [["check"], ["serve"], ["skill", "-o", "x"]])
def test_file_that_is_wrong(command: list[str], tmp_path: Path) -> None:
    """Every command says what, and where."""
    path = changed(tmp_path, ("  label:", "  lable:"))
    code, output = said(*command, str(path))
    assert (code, output) == (
        2,
        f"Error: {path}:2: info.label: is missing\n"
        f"{path}:3: info.lable: not known here; did you mean 'label'?\n",
    )


def test_check_tells_what_is_not_served(tmp_path: Path) -> None:
    """Exit code 3, after what is served; 2 is for invalid files."""
    path = changed(
        tmp_path,
        ("  keys:", "  location: file:///keys\n  keys:"),
        ("  - type: mcp", "  - type: control"),
    )
    code, output = said("check", str(path))
    lines = [
        line.partition(": ")[2]
        for line in output.splitlines()
        if line.startswith(f"{path}:") and "4 operations, " not in line
    ]
    assert (code, lines) == (
        3,
        [
            "binds.location: keys are read from the environment: ignored",
            "adapters of type control: part of the format, not served by leomock",
        ],
    )
    later = changed(tmp_path, ("1.0.0-alpha2", "1.0.0-beta9"))
    assert said("check", str(later)) == (
        3,
        f"Error: {later}:1: naftiko: the version is '1.0.0-beta9', which is not known here; leomock reads "
        "1.0.0-alpha1 to 1.0.0-beta4\n",
    )


def test_export_writes_one_or_all(tmp_path: Path) -> None:
    """To stdout, into a file, or into a folder."""
    assert said("export", "image-generation") == (0, IMAGES.read_text("utf-8"))
    assert said("export", "image-generation", "-o", str(tmp_path / "a.yaml")) == (0, "")
    assert (tmp_path / "a.yaml").read_text("utf-8") == IMAGES.read_text("utf-8")
    assert said("export", "--all", "-o", str(tmp_path / "all")) == (0, f"{tmp_path / 'all'}: 14 files\n")
    assert len(list((tmp_path / "all").iterdir())) == 14


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "give either a group, or --all and the folder --output"),
        (["user", "--all", "-o", "x"], "give either a group, or --all and the folder --output"),
        (["--all"], "give either a group, or --all and the folder --output"),
        (
            ["init-image"],
            "there is no group 'init-image'; use one of blueprints, datasets, "
            "elements, image-generation, init-images, media, models, models-3d, pricing-calculator, prompt, "
            "realtime-canvas, user, variation, video-generation; did you mean 'init-images'?",
        ),
    ],
)
def test_export_refuses_what_cannot_be_meant(arguments: list[str], error: str) -> None:
    """A usage error."""
    code, output = said("export", *arguments)
    assert code == 2
    assert output.endswith(f"Error: {error}\n")


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    """Says where, and why."""
    place = tmp_path / "missing" / "a.yaml"
    assert said("export", "user", "-o", str(place)) == (
        2,
        f"Error: cannot write {place}: No such file or directory\n",
    )
    (tmp_path / "leonardo-ai-image-generation").write_text("")
    assert said("skill", str(IMAGES), "-o", str(tmp_path)) == (
        2,
        f"Error: cannot write {tmp_path / 'leonardo-ai-image-generation'}: File exists\n",
    )


def test_skill_is_written(tmp_path: Path) -> None:
    """Into a folder of its own name."""
    folder = tmp_path / "leonardo-ai-image-generation"
    assert said("skill", str(IMAGES), "-o", str(tmp_path)) == (0, f"{folder}: 6 files\n")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")) == [
        "SKILL.md",
        "references/create-generation.md",
        "references/delete-generation-by-id.md",
        "references/get-generation-by-id.md",
        "references/get-generations-by-user-id.md",
        "scripts/leonardo.py",
    ]
