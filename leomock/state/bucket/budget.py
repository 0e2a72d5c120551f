"""Limit the total size of the files of all keys."""

from __future__ import annotations

import threading
import weakref
from typing import Protocol


class Sized(Protocol):
    """A bucket: its files have a total size in bytes."""

    @property
    def size(self) -> int:
        """The size of the files in bytes."""
        ...


class FileBudget:
    """The `most` bytes that the files of several buckets may take together.

    Buckets that nobody uses any more do not count. Any thread may call any method.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._buckets: weakref.WeakSet[Sized] = weakref.WeakSet()
        self._lock = threading.Lock()

    def add(self, bucket: Sized) -> None:
        """Count a bucket from now on."""
        with self._lock:
            self._buckets.add(bucket)

    def left_for(self, bucket: Sized) -> int:
        """Return how many bytes the files of a bucket may take, in addition to those of the others."""
        with self._lock:
            return self.most - sum(each.size for each in self._buckets if each is not bucket)
