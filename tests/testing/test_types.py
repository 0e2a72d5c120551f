"""What type checkers complete and refuse in a user's file, by mypy and by pyright's engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from leomock.state.settings import Settings, SettingValues
from tools import write_names

RIGHT = """
import leomock


def test_it(leomock_fake: leomock.Tenant) -> None:
    leomock_fake.fail("createGeneration", call=2, status=502, json={"error": "bad gateway"})
    with leomock_fake.scenario("flaky", {"rules": []}):
        calls = leomock_fake.assert_called("createGeneration", times=1, body={"prompt": "x"})
    call: leomock.Exchange = calls[0]
    status: int = call.status
    header: str = call.headers["user-agent"]
    content: bytes = call.body
    leomock_fake.verdict().assert_clean(ignore=["polled-too-fast"])


with leomock.Fake(jobs="immediate", seed=3, limits="real", scenario=["flaky"]) as fake:
    tenant: leomock.Tenant = fake.new_tenant("a", credits=10)
"""
# Each line is one mistake.
WRONG = """import leomock
fake = leomock.Fake()
leomock.Fake(job="immediate")
leomock.Fake(limits="reel")
leomock.Fake(seed="3")
leomock.Fake(clock="stopped")
fake.new_tenant("a", credit=1)
fake.assert_called("createGenration")
fake.assert_called("createGeneration", time=1)
fake.fail("createGeneration", stat=502)
fake.advance("x")
"""
MISTAKES = set(range(3, 12))


def test_literals_are_those_of_the_documents() -> None:
    """`python tools/write_names.py` brings them up to date."""
    assert write_names.FILE.read_text("utf-8") == write_names.text()


def test_typed_settings_are_the_settings() -> None:
    assert list(SettingValues.__annotations__) == [field.name for field in fields(Settings)]


def written(folder: Path) -> tuple[Path, Path]:
    right, wrong = folder / "right.py", folder / "wrong.py"
    right.write_text(RIGHT, "utf-8")
    wrong.write_text(WRONG, "utf-8")
    return right, wrong


def test_mypy_accepts_a_users_file_and_refuses_each_mistake(tmp_path: Path) -> None:
    right, wrong = written(tmp_path)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--hide-error-context"]
    found = subprocess.run([*command, right, wrong], capture_output=True, text=True, check=False)
    assert "right.py" not in found.stdout, found.stdout
    assert {int(line) for line in re.findall(r"wrong\.py:(\d+): error", found.stdout)} == MISTAKES


def test_pyright_accepts_a_users_file_and_refuses_each_mistake(tmp_path: Path) -> None:
    """By basedpyright, which brings its engine along; pyright's own package would download it."""
    right, wrong = written(tmp_path)
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error"]
    found = subprocess.run([*command, right, wrong], capture_output=True, text=True, check=False)
    errors = [
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1)
        for each in json.loads(found.stdout)["generalDiagnostics"]
        if each["severity"] == "error"
    ]
    assert {file for file, _ in errors} == {"wrong.py"}, found.stdout
    assert {line for _, line in errors} == MISTAKES
