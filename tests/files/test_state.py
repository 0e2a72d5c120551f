"""`leomock serve --state FILE`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.main import main
from leomock.files.state import load, save
from leomock.state.snapshot import SnapshotError
from tests.cli.test_main import served
from tests.fixtures import client_of, generate

HEADERS = {"authorization": "Bearer my-key"}


def test_state_survives_a_restart(tmp_path: Path) -> None:
    """Saved when the server stops, loaded when it starts."""
    file = tmp_path / "state.json"
    with served("--state", str(file)) as (process, url):
        made = httpx.post(f"{url}/v1/generations", json={"prompt": "a"}, headers=HEADERS).json()
        id = made["sdGenerationJob"]["generationId"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    with served("--state", str(file)) as (_, url):
        row = httpx.get(f"{url}/v1/generations/{id}", headers=HEADERS).json()["generations_by_pk"]
        assert row["prompt"] == "a"
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0  # it holds API keys
    assert list(tmp_path.iterdir()) == [file]


def test_state_of_every_key_is_kept(tmp_path: Path) -> None:
    """What one fake saved another one loads."""
    file = tmp_path / "state.json"
    fake, other = Fake(clock="frozen"), Fake(clock="frozen")
    with client_of(fake, "one") as one, client_of(fake, "two") as two:
        ids = [generate(one), generate(two)]
    save(file, fake.api.worlds)
    assert load(file, other.api.worlds) == 2
    for key, id in zip(("one", "two"), ids, strict=True):
        assert other.api.worlds.of(key).generations.get(id) is not None
    fake.close()


def test_state_file_that_is_missing_is_an_empty_one(tmp_path: Path) -> None:
    """The first start has none."""
    assert load(tmp_path / "none.json", Fake().api.worlds) == 0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "not JSON: "),
        ("[]", "not a state file of leomock (version 1)"),
        ('{"leomock": 2, "worlds": {}}', "not a state file of leomock (version 1)"),
        ('{"leomock": 1, "worlds": {"k": {}}}', "not a snapshot of leomock (version 1)"),
    ],
)
def test_state_file_that_is_none_stops_the_start(tmp_path: Path, text: str, error: str) -> None:
    """The file is named, and left as it is."""
    file = tmp_path / "state.json"
    file.write_text(text, "utf-8")
    with pytest.raises(SnapshotError) as refused:
        load(file, Fake().api.worlds)
    assert str(refused.value).startswith(f"{file}: {error}")
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--state", str(file)])
    assert done.exit_code == 2
    assert str(error) in done.output.replace("\n", " ")
    assert file.read_text("utf-8") == text


def test_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole or not at all, and no rubbish beside it."""
    file = tmp_path / "state.json"
    fake = Fake(clock="frozen")
    with client_of(fake) as client:
        generate(client)
    save(file, fake.api.worlds)
    before = file.read_bytes()

    def fail(number: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save(file, fake.api.worlds)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
    fake.close()
