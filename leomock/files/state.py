"""Keep the state of all keys in a file: load it at the start, save it regularly and at the stop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from leomock.files.whole import write_whole
from leomock.state.snapshot import VERSION, SnapshotError, restore, take
from leomock.state.worlds import Worlds


def load(path: Path, worlds: Worlds) -> int:
    """Restore the worlds in a file and return how many; a missing file holds none.

    Raises SnapshotError, naming the file, if it is unusable; no world is changed then.
    """
    if not path.exists():
        return 0
    kept = read_state(path)
    webhooks = kept.get("webhooks", {})
    for key, snapshot in kept["worlds"].items():
        try:
            restore(worlds.of(key), snapshot)
        except SnapshotError as error:
            raise SnapshotError(f"{path}: {error}") from None
        if key in webhooks:
            worlds.of(key).set_webhook(*webhooks[key])
    return len(kept["worlds"])


def read_state(path: Path) -> dict[str, Any]:
    """Return the JSON of a state file. Raises SnapshotError, naming the file, if it is unusable."""
    try:
        text = path.read_bytes()
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
    webhooks = kept.get("webhooks", {})
    if not _are_webhooks(webhooks):
        raise SnapshotError(f"{path}: webhooks must map API keys to [url, key]")
    return kept


class Superseded(Exception):
    """A save that ended early because a later one replaces it."""


def save(path: Path, worlds: Worlds, superseded: Callable[[], bool] = lambda: False) -> None:
    """Save all worlds to a file atomically. It holds API keys, so only its owner may read it.

    Raises Superseded, and keeps the old content, once `superseded` returns True.
    """
    write_whole(path, _parts(worlds, superseded))


def _parts(worlds: Worlds, superseded: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the content of a state file, one world at a time, so that no other thread waits for long."""
    kept = list(worlds)
    yield b'{"leomock":%d,"worlds":{' % VERSION
    for number, world in enumerate(kept):
        if superseded():
            raise Superseded
        yield b"%b%b:%b" % (b"," if number else b"", orjson.dumps(world.key), orjson.dumps(take(world)))
    # Pending events need their target; a target for every key comes from the options.
    webhooks = {
        world.key: (world.outbox.url, world.outbox.key)
        for world in kept
        if (world.outbox.url, world.outbox.key) != (worlds.webhook.url, worlds.webhook.key)
    }
    yield b'},"webhooks":%b}' % orjson.dumps(webhooks)


def _are_webhooks(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in value.values()
    )


class StateFile:
    """The file of `leomock serve --state`, saved by one thread at a time.

    `failure` says why the last attempt to save failed, or is empty. `now` returns seconds, to tell the age of
    the last save.
    """

    def __init__(self, path: Path, worlds: Worlds, now: Callable[[], float] = lambda: 0.0) -> None:
        self._now = now
        self.path = path
        self.failure = ""
        self._saved: float | None = None
        self._worlds = worlds
        self._lock = threading.Lock()
        self._last = threading.Event()

    def save(self) -> None:
        """Save now, after any save in progress. Raises OSError."""
        with self._lock, contextlib.suppress(Superseded):
            self._save(self._last.is_set)

    def save_last(self) -> None:
        """Save for the last time; a save in progress ends early. Raises OSError.

        A server that is asked to stop has little time: Docker kills it after ten seconds.
        """
        self._last.set()
        with self._lock:
            self._save(lambda: False)

    def _save(self, superseded: Callable[[], bool]) -> None:
        try:
            save(self.path, self._worlds, superseded)
        except OSError as error:
            self.failure = error.strerror or str(error)
            raise
        self.failure = ""
        self._saved = self._now()

    def age(self) -> float | None:
        """Return the seconds since the last successful save; None before the first."""
        return None if self._saved is None else self._now() - self._saved
