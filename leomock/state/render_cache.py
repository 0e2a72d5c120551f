"""Cache rendered files up to a number of bytes, and render each only once at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future

# A page of a hundred pictures of 1024 x 1024 takes about 50 MB.
DEFAULT_BYTES = 64 * 2**20


class RenderCache:
    """Rendered files by their input; the least recently used ones are dropped first.

    `limit` is in bytes; a larger file is not kept. Any thread may call any method.
    """

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self.limit = limit
        self.size = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[bytes, str]] = OrderedDict()
        self._running: dict[Hashable, tuple[Future[bytes], str]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> bytes | None:
        """Return a cached file, or None."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            self._kept.move_to_end(key)
            return kept[0]

    def running(self, key: Hashable) -> Future[bytes] | None:
        """Return the future of a file that is being rendered now, or None."""
        with self._lock:
            found = self._running.get(key)
            return found[0] if found else None

    def render(self, key: Hashable, make: Callable[[], bytes], owner: str = "") -> bytes:
        """Return a file; render it with `make` if it is not cached.

        A second call for a file that is being rendered waits for the first one. `owner` is the id of the user
        for whom it is rendered: `forget` drops it.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept[0]
            running = self._running.get(key)
            if running is None:
                mine: Future[bytes] = Future()
                self._running[key] = mine, owner
        if running is not None:
            return running[0].result()
        try:
            content = make()
        except BaseException as error:
            self._end(key, mine)
            mine.set_exception(error)
            mine.exception()  # mark it as retrieved: perhaps no other thread waits for it
            raise
        self._end(key, mine, content, owner)
        mine.set_result(content)
        return content

    def forget(self, owner: str) -> None:
        """Drop the files of a user, including those still being rendered."""
        with self._lock:
            for key in [key for key, (_, user) in self._kept.items() if user == owner]:
                self._drop(key)
            for key in [key for key, (_, user) in self._running.items() if user == owner]:
                del self._running[key]

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()
            self._running.clear()
            self.size = 0

    def _end(self, key: Hashable, mine: Future[bytes], content: bytes | None = None, owner: str = "") -> None:
        with self._lock:
            running = self._running.get(key)
            if running is None or running[0] is not mine:
                return  # forgotten meanwhile
            del self._running[key]
            if content is None or len(content) > self.limit:
                return
            self._kept[key] = content, owner
            self.size += len(content)
            while self.size > self.limit:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        content, _ = self._kept.pop(key)
        self.size -= len(content)


# One cache per process: equal keys have equal bytes, whichever fake they belong to.
RENDERED = RenderCache()
