"""The file of `leomock proxy --record`, on disks that are full, read-only or slow."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from leomock.files import har
from leomock.files.har import HarFile
from leomock.state.journal import Journal
from tests.files.disk import Disk


def add(journal: Journal, path: str) -> None:
    journal.add(
        moment=0.0,
        channel="api",
        operation="",
        method="GET",
        path=path,
        query="",
        request_headers=[],
        request_body=b"",
        status=200,
        response_headers=[],
        response_body=b"{}",
    )


def recorded(file: Path) -> list[str]:
    entries = json.loads(file.read_text("utf-8"))["log"]["entries"]
    return [entry["request"]["url"].rpartition("/")[2] for entry in entries]


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def kept(tmp_path: Path, journal: Journal) -> HarFile:
    return HarFile(tmp_path / "it.har", journal, "1", "")


def test_file_is_written_again_only_after_new_exchanges(journal: Journal, kept: HarFile) -> None:
    kept.save()
    assert recorded(kept.path) == []
    before = kept.path.stat().st_mtime_ns
    kept.save()
    assert kept.path.stat().st_mtime_ns == before
    add(journal, "/a")
    kept.save()
    assert recorded(kept.path) == ["a"]


def test_exchanges_go_on_being_saved_when_the_oldest_are_dropped(kept: HarFile, tmp_path: Path) -> None:
    journal = Journal(size=2)
    kept = HarFile(tmp_path / "it.har", journal, "1", "")
    for name in ("/a", "/b", "/c"):
        add(journal, name)
        kept.save()
    assert recorded(kept.path) == ["b", "c"]


def test_full_disk_keeps_the_old_recording_and_the_next_save_has_everything(
    journal: Journal, kept: HarFile
) -> None:
    add(journal, "/a")
    kept.save()
    add(journal, "/b")
    with pytest.MonkeyPatch.context() as patch:
        Disk(patch).fail(os, "fsync", errno.ENOSPC)
        with pytest.raises(OSError, match="No space left on device"):
            kept.save()
    assert recorded(kept.path) == ["a"]
    kept.save()
    assert recorded(kept.path) == ["a", "b"]


def test_recording_in_a_folder_that_is_read_only_is_written_in_place(
    journal: Journal, kept: HarFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.save()
    add(journal, "/a")
    Disk(monkeypatch).fail_to_create(errno.EROFS)
    kept.save()
    assert recorded(kept.path) == ["a"]


def test_slow_disk_is_written_by_one_thread_at_a_time(
    journal: Journal, kept: HarFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last save of a proxy that stops waits for the one that is under way, and has what came since."""
    entered, go_on = threading.Event(), threading.Event()
    written: list[int] = []
    writing = threading.Lock()

    def slowly(path: Path, content: bytes, *more: Any) -> None:
        assert writing.acquire(blocking=False)
        entered.set()
        assert go_on.wait(10)
        written.append(len(json.loads(content)["log"]["entries"]))
        writing.release()

    monkeypatch.setattr(har, "write_whole", slowly)
    add(journal, "/a")
    first = threading.Thread(target=kept.save)
    first.start()
    assert entered.wait(10)
    add(journal, "/b")
    last = threading.Thread(target=kept.save)
    last.start()
    go_on.set()
    for saver in (first, last):
        saver.join(10)
    assert written == [1, 2]
