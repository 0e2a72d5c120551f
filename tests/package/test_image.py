"""The container image, as far as it can be tested without an engine."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from leomock.cli.main import main
from leomock.version import __version__

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
CONSTRAINTS = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line[:1] != "#"]


def instructions(name: str) -> list[str]:
    """Return the arguments of every instruction with a name."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def sources() -> list[str]:
    """Return what the Dockerfile copies into the image that builds."""
    copied = [line.split()[:-1] for line in instructions("COPY") if not line.startswith("--from")]
    return [name for names in copied for name in names]


def test_user_is_a_number_that_is_not_root() -> None:
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_state_is_kept_on_a_volume() -> None:
    assert instructions("VOLUME") == ["/data"]
    command = json.loads(instructions("CMD")[-1])
    assert command[command.index("--state") + 1].startswith("/data/")


def test_command_is_understood() -> None:
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["leomock"]
    name, *arguments = json.loads(instructions("CMD")[-1])
    assert isinstance(main, click.Group)
    command = main.get_command(click.Context(main), name)
    assert command
    context = command.make_context(name, arguments)
    assert (context.params["host"], context.params["port"]) == ("0.0.0.0", 8090)


def test_health_check_asks_whether_the_server_is_ready() -> None:
    (check,) = instructions("HEALTHCHECK")
    assert "http://127.0.0.1:8090/_leomock/health/ready" in check
    assert instructions("EXPOSE") == ["8090"]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for source in sources():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored


def test_base_is_named_once() -> None:
    assert instructions("ARG") == ["PYTHON=3.13-slim-bookworm"]
    assert instructions("FROM") == ["python:${PYTHON} AS build", "python:${PYTHON}"]


def test_constraints_pin_versions_and_name_no_registry() -> None:
    for line in CONSTRAINTS:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][A-Za-z0-9.]*", line), line
    assert [line.partition("==")[0] for line in CONSTRAINTS] == sorted(
        line.partition("==")[0] for line in CONSTRAINTS
    )


@pytest.mark.parametrize("extra", ["", "contract", "mcp"])
def test_constraints_satisfy_the_requirements(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = dict(line.split("==") for line in CONSTRAINTS)
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    for text in wanted:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), text


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from nothing but what the Dockerfile copies."""
    folder = tmp_path_factory.mktemp("image")
    source = folder / "src"
    source.mkdir()
    for name in sources():
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    subprocess.run([*build, "--outdir", folder, source], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_image_has_every_package_in_a_pinned_version(wheel: Path, tmp_path: Path) -> None:
    """By a dry run of the command that installs leomock."""
    (install,) = [line for line in instructions("RUN") if "pip install" in line]
    assert '--constraint constraints.txt ".[contract,mcp]"' in install
    report = tmp_path / "report.json"
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    options = ["--constraint", str(ROOT / "constraints.txt"), "--report", str(report)]
    subprocess.run([*pip, *options, f"{wheel}[contract,mcp]"], check=True, capture_output=True)
    found = [package["metadata"] for package in json.loads(report.read_text("utf-8"))["install"]]
    installed = {f"{canonicalize_name(each['name'])}=={each['version']}" for each in found}
    assert installed - set(CONSTRAINTS) == {f"leomock=={__version__}"}


def test_command_serves_what_the_health_check_asks_for(tmp_path: Path) -> None:
    """With the image's own words, except for the port and the volume."""
    (check,) = instructions("HEALTHCHECK")
    asked = json.loads(check[check.index("CMD ") + 4 :])
    command = json.loads(instructions("CMD")[-1])
    changed = [str(tmp_path / "state.json") if each.startswith("/data/") else each for each in command]
    changed[changed.index("8090")] = "0"
    process = subprocess.Popen(
        [sys.executable, "-m", "leomock", *changed],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout
        port = process.stdout.readline().rpartition(":")[2].strip()
        program = asked[-1].replace(":8090/", f":{port}/")
        assert subprocess.run([sys.executable, *asked[1:-1], program]).returncode == 0
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 0
        assert (tmp_path / "state.json").exists()
    finally:
        process.kill()
        process.wait()


def test_nothing_in_a_pattern_hides_a_source() -> None:
    """The patterns after the exceptions hide compiled files only."""
    lines = [
        line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"
    ]
    after = lines[max(number for number, line in enumerate(lines) if line[0] == "!") + 1 :]
    assert after == ["**/__pycache__"]
    assert fnmatch.fnmatch("leomock/state/__pycache__", after[0])
