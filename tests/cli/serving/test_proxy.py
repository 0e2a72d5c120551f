"""What `leomock proxy --record` says when the disk fails it."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import click
import pytest

from leomock.cli.serving import proxy
from leomock.files.har import HarFile
from leomock.state.journal import Journal
from tests.files.disk import Disk
from tests.files.test_har_file import add, recorded


def record(journal: Journal, file: Path, *paths: str, disk: Disk | None = None) -> None:
    """Run a proxy that forwards calls to some paths; then the disk is full, if there is one."""

    async def run() -> None:
        async with proxy._recorded(journal, file, ""):
            for path in paths:
                add(journal, path)
            if disk:
                disk.fail(os, "fsync", errno.ENOSPC)

    asyncio.run(run())


def test_recording_on_a_disk_that_is_full_at_the_end_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "it.har"
    with pytest.raises(click.ClickException) as refused:
        record(Journal(), file, "/a", disk=Disk(monkeypatch))
    assert refused.value.message == f"cannot write {file}: No space left on device"
    assert recorded(file) == []
    assert list(tmp_path.iterdir()) == [file]


def test_recording_goes_on_after_a_save_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "it.har"
    journal = Journal()
    saved = HarFile.save
    outcomes: list[bool] = []

    def save(self: HarFile) -> None:
        """Fail at the second save, and end the run at the third."""
        outcomes.append(len(outcomes) != 1)
        if not outcomes[-1]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved(self)

    async def run() -> None:
        async with proxy._recorded(journal, file, ""):
            add(journal, "/a")
            while recorded(file) != ["a"]:
                await asyncio.sleep(0)

    monkeypatch.setattr(HarFile, "save", save)
    monkeypatch.setattr(proxy, "SECONDS_BETWEEN_SAVES", 0.01)
    asyncio.run(run())
    assert outcomes[:3] == [True, False, True]
    assert capsys.readouterr().err == "leomock: cannot save: [Errno 28] No space left on device\n"


def test_recording_that_became_too_long_says_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "it.har"
    record(Journal(size=2), file, "/a", "/b", "/c")
    assert recorded(file) == ["b", "c"]
    told = capsys.readouterr().err
    assert told == f"leomock: {file} lacks 1 of 3 exchanges, the oldest; --max-record keeps more\n"
