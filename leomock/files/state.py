"""Keeps the worlds of a server in a file: read at the start, written at the stop and now and then between."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from leomock.state.snapshot import VERSION, SnapshotError, restore, take
from leomock.state.worlds import Worlds


def load(path: Path, worlds: Worlds) -> int:
    """Restore the worlds that a file holds and return how many; a file that is not there holds none.

    Raises SnapshotError, naming the file, where it cannot be used; no world is changed then.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror}") from None
    try:
        kept = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SnapshotError(f"{path}: not JSON: {error}") from None
    if (
        not isinstance(kept, dict)
        or kept.get("leomock") != VERSION
        or not isinstance(kept.get("worlds"), dict)
    ):
        raise SnapshotError(f"{path}: not a state file of leomock (version {VERSION})")
    for key, snapshot in kept["worlds"].items():
        try:
            restore(worlds.of(key), snapshot)
        except SnapshotError as error:
            raise SnapshotError(f"{path}: {error}") from None
    return len(kept["worlds"])


def save(path: Path, worlds: Worlds) -> None:
    """Write all worlds to a file: whole or not at all. It holds API keys, so only its owner may read it."""
    kept: dict[str, Any] = {"leomock": VERSION, "worlds": {world.key: take(world) for world in worlds}}
    write_whole(path, orjson.dumps(kept))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read: whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    # Of its owner alone; what a killed server left half written is written anew.
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
