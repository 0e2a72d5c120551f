from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from leomock.files import state_parts
from leomock.files.state import load, save
from leomock.files.state_parts import part_of, share_out
from leomock.files.whole import write_whole
from leomock.state.settings import Settings
from leomock.state.snapshot import SnapshotError
from leomock.state.worlds import Worlds

KEYS = ["a", "b", "c", "d", "e"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state of five keys, one with a webhook."""
    worlds = Worlds(Settings())
    for key in KEYS:
        worlds.of(key)
    worlds.of("c").set_webhook("http://127.0.0.1:1/hook", "secret")
    save(tmp_path / "state.json", worlds)
    return tmp_path / "state.json"


def kept(path: Path) -> dict[str, str]:
    """Load a file, and return the URL of the webhook of each key in it."""
    worlds = Worlds(Settings())
    load(path, worlds)
    return {world.key: world.outbox.url for world in worlds}


def test_state_is_shared_out_and_put_together(path: Path) -> None:
    said = share_out(path, 2, lambda key: ord(key) % 2)
    assert said == "the state of state.json is now in state.json.worker-0, state.json.worker-1"
    assert names(path.parent) == ["state.json.worker-0", "state.json.worker-1"]
    assert kept(part_of(path, 0)) == {"b": "", "d": ""}
    assert kept(part_of(path, 1)) == {"a": "", "c": "http://127.0.0.1:1/hook", "e": ""}
    said = share_out(path, 3, lambda key: ord(key) % 3)
    assert said.endswith("is now in state.json.worker-0, state.json.worker-1, state.json.worker-2")
    assert [list(kept(part_of(path, number))) for number in range(3)] == [["c"], ["d", "a"], ["b", "e"]]
    share_out(path, 1, lambda key: 0)
    assert names(path.parent) == ["state.json"]
    assert sorted(kept(path)) == KEYS
    assert kept(path)["c"] == "http://127.0.0.1:1/hook"


@pytest.mark.parametrize("workers", [1, 2])
def test_files_of_the_same_number_of_workers_stay(path: Path, workers: int) -> None:
    share_out(path, workers, lambda key: ord(key) % workers)
    before = {each: each.stat().st_mtime_ns for each in path.parent.iterdir()}
    assert share_out(path, workers, lambda key: ord(key) % workers) == ""
    assert {each: each.stat().st_mtime_ns for each in path.parent.iterdir()} == before


def test_nothing_is_kept_yet(tmp_path: Path) -> None:
    assert share_out(tmp_path / "state.json", 2, lambda key: 0) == ""
    assert share_out(tmp_path / "missing" / "state.json", 2, lambda key: 0) == ""
    assert names(tmp_path) == []


def test_other_files_in_the_folder_are_left_alone(path: Path) -> None:
    for name in ("state.json.worker-x", "other.json.worker-0", "state.json.worker-0.bak"):
        (path.parent / name).write_text("mine")
    share_out(path, 1, lambda key: 0)
    assert len(names(path.parent)) == 4
    assert (path.parent / "other.json.worker-0").read_text() == "mine"


def test_unusable_file_changes_nothing(path: Path) -> None:
    part_of(path, 0).write_text(json.dumps({"leomock": 99}))
    before = names(path.parent)
    with pytest.raises(SnapshotError, match=r"state\.json\.worker-0: not a state file of leomock"):
        share_out(path, 1, lambda key: 0)
    assert names(path.parent) == before
    assert sorted(kept(path)) == KEYS


def test_crash_between_two_steps_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If any of the steps fails, the next start finds the state of every key."""
    share_out(path, 2, lambda key: ord(key) % 2)
    for steps in range(6):
        with monkeypatch.context() as patch:
            left = [steps]

            def write(file: Path, content: bytes, left: list[int] = left) -> None:
                if not left[0]:
                    raise OSError("disk full")
                left[0] -= 1
                write_whole(file, content)

            patch.setattr(state_parts, "write_whole", write)
            workers = 3 if (path.parent / "state.json.worker-0").exists() else 2
            with contextlib.suppress(OSError):
                share_out(path, workers, lambda key, workers=workers: ord(key) % workers)  # type: ignore[misc]
        worlds = Worlds(Settings())
        for each in path.parent.iterdir():
            load(each, worlds)
        assert sorted(world.key for world in worlds) == KEYS
