"""The objects of a bucket by key, with a limit on their total size."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from typing import NamedTuple


class StoredObject(NamedTuple):
    """One object: `etag` is the quoted MD5 of `body`, `metadata` maps x-amz-meta-* names to values.

    `headers` are additional response headers, such as Cache-Control. The object is unavailable after
    `expires`, in seconds since 1970.
    """

    body: bytes
    content_type: str
    etag: str
    metadata: dict[str, str]
    modified: float
    expires: float | None = None
    headers: Mapping[str, str] = {}


class Objects(UserDict[str, StoredObject]):
    """Objects by key. `size` is the total size of their bodies in bytes."""

    def __init__(self) -> None:
        self.size = 0
        super().__init__()

    def __setitem__(self, key: str, stored: StoredObject) -> None:
        self.size += len(stored.body) - self._size_of(key)
        super().__setitem__(key, stored)

    def __delitem__(self, key: str) -> None:
        size = self._size_of(key)
        super().__delitem__(key)
        self.size -= size

    def make_room(self, key: str, size: int, most: int) -> bool:
        """Return True if an object of `size` bytes can be stored as `key` with `most` bytes in total.

        If there is not enough room, delete objects that expire, the earliest first.
        """
        least = most - size + self._size_of(key)
        if self.size > least >= 0:
            temporary = [
                (stored.expires, other) for other, stored in self.items() if stored.expires is not None
            ]
            for _, other in sorted(temporary):
                if other != key and self.size > least:
                    del self[other]
        return self.size <= least

    def _size_of(self, key: str) -> int:
        stored = self.data.get(key)
        return len(stored.body) if stored else 0
