"""Disks that are full, read-only, or mounted in pieces."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Disk:
    """Injects faults into what `write_whole` asks of the operating system."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def fail(self, target: Any, name: str, number: int) -> None:
        """Let a function fail with an error number, as a disk would."""

        def failing(*arguments: Any, **named: Any) -> Any:
            raise OSError(number, os.strerror(number))

        self._patch.setattr(target, name, failing)

    def fail_to_create(self, number: int) -> None:
        """Let new files fail, and existing ones open."""
        opened: Callable[..., int] = os.open

        def creating(path: Any, flags: int, *more: Any, **named: Any) -> int:
            if flags & os.O_CREAT and not Path(path).exists():
                raise OSError(number, os.strerror(number))
            return opened(path, flags, *more, **named)

        self._patch.setattr(os, "open", creating)
