"""Files are written whole, on disks that are full, read-only, slow or mounted in pieces."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leomock import Fake
from leomock.files import state
from leomock.files.state import StateFile, Superseded, save
from leomock.files.whole import write_whole
from tests.files.disk import Disk


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "state.json"
    path.write_bytes(b"the old content, which is long")
    yield path
    assert not (tmp_path / ".state.json.new").exists()


def test_file_is_replaced(file: Path) -> None:
    before = file.stat().st_ino
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"
    assert file.stat().st_ino != before


def test_content_may_come_in_parts(disk: Disk, file: Path) -> None:
    write_whole(file, (part for part in (b"one, ", b"two")))
    assert file.read_bytes() == b"one, two"
    disk.fail(Path, "replace", errno.EBUSY)
    write_whole(file, (part for part in (b"one, ", b"three")))
    assert file.read_bytes() == b"one, three"
    disk.fail_to_create(errno.EROFS)
    write_whole(file, (part for part in (b"one, ", b"four")))
    assert file.read_bytes() == b"one, four"


def test_part_that_cannot_be_made_keeps_the_old_content(file: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield b"new"
        raise RuntimeError("no second part")

    with pytest.raises(RuntimeError, match="no second part"):
        write_whole(file, parts())
    assert file.read_bytes() == b"the old content, which is long"


def test_symbolic_link_is_followed(tmp_path: Path, file: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(file)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


def test_dangling_symbolic_link_makes_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "target.json")
    write_whole(link, b"new")
    assert (tmp_path / "target.json").read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV, errno.EPERM])
def test_file_that_is_mounted_by_itself_is_written_in_place(disk: Disk, file: Path, number: int) -> None:
    """As `docker run -v ./state.json:/data/state.json`: rename answers EBUSY."""
    before = file.stat().st_ino
    disk.fail(Path, "replace", number)
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"
    assert file.stat().st_ino == before


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_file_in_a_folder_that_is_read_only_is_written_in_place(disk: Disk, file: Path, number: int) -> None:
    disk.fail_to_create(number)
    write_whole(file, b"a new content that is longer than the old one was")
    assert file.read_bytes() == b"a new content that is longer than the old one was"


def test_full_disk_keeps_the_old_content(disk: Disk, file: Path) -> None:
    disk.fail(os, "fsync", errno.ENOSPC)
    with pytest.raises(OSError, match="No space left on device"):
        write_whole(file, b"new")
    assert file.read_bytes() == b"the old content, which is long"


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system cannot reserve space")
def test_full_disk_keeps_the_old_content_of_a_mounted_file(disk: Disk, file: Path) -> None:
    disk.fail(Path, "replace", errno.EBUSY)
    disk.fail(os, "posix_fallocate", errno.ENOSPC)
    with pytest.raises(OSError, match="No space left on device"):
        write_whole(file, b"new")
    assert file.read_bytes() == b"the old content, which is long"


def test_file_that_cannot_be_made_is_an_error(disk: Disk, tmp_path: Path) -> None:
    disk.fail_to_create(errno.EACCES)
    with pytest.raises(OSError, match="Permission denied"):
        write_whole(tmp_path / "none.json", b"new")


def test_failure_to_save_is_kept_until_a_save_succeeds(disk: Disk, file: Path) -> None:
    kept = StateFile(file, Fake().api.worlds)
    with pytest.MonkeyPatch.context() as patch:
        Disk(patch).fail(os, "fsync", errno.ENOSPC)
        with pytest.raises(OSError, match="No space"):
            kept.save()
    assert kept.failure == "No space left on device"
    kept.save()
    assert kept.failure == ""


def test_slow_disk_is_written_by_one_thread_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save waits for the one in progress."""
    entered, go_on = threading.Event(), threading.Event()
    saving: list[int] = []

    def slowly(path: Path, worlds: Any, superseded: Any) -> None:
        saving.append(1)
        assert len(saving) == 1
        entered.set()
        assert go_on.wait(10)
        saving.pop()

    monkeypatch.setattr(state, "save", slowly)
    kept = StateFile(tmp_path / "state.json", Fake().api.worlds)
    savers = [threading.Thread(target=kept.save) for _ in range(3)]
    for saver in savers:
        saver.start()
    assert entered.wait(10)
    go_on.set()
    for saver in savers:
        saver.join(10)
    assert saving == []


def test_superseded_save_keeps_the_old_content(file: Path) -> None:
    fake = Fake()
    for key in "abc":
        fake.api.worlds.of(key)
    asked = iter((False, False, True))
    with pytest.raises(Superseded):
        save(file, fake.api.worlds, lambda: next(asked))
    assert file.read_bytes() == b"the old content, which is long"
    assert next(asked, None) is None


def test_last_save_ends_a_save_in_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stops does not finish one save and then make another."""
    entered = threading.Event()
    saving: list[bool] = []

    def slowly(path: Path, worlds: Any, superseded: Callable[[], bool]) -> None:
        saving.append(superseded())
        entered.set()
        late = time.monotonic() + 10
        while len(saving) == 1:
            assert time.monotonic() < late
            if superseded():
                raise Superseded
            time.sleep(0.001)

    monkeypatch.setattr(state, "save", slowly)
    kept = StateFile(tmp_path / "state.json", Fake().api.worlds, lambda: 0)
    regular = threading.Thread(target=kept.save)
    regular.start()
    assert entered.wait(10)
    assert kept.age() is None
    kept.save_last()
    regular.join(10)
    assert saving == [False, False]
    assert kept.failure == ""
    assert kept.age() == 0
