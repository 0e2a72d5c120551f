"""Keep the state of several workers in one file each, and redistribute it when their number changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from leomock.files.state import read_state
from leomock.files.whole import write_whole
from leomock.state.snapshot import VERSION

# The parts of a state file that have API keys as names.
_BY_KEY = ("worlds", "webhooks")


def part_of(path: Path, number: int) -> Path:
    """Return the file in which a worker keeps its part of the state."""
    return path.with_name(f"{path.name}.worker-{number}")


def share_out(path: Path, workers: int, owner_of: Callable[[str], int]) -> str:
    """Move the state of each API key to the file of the worker that owns it; one worker uses `path` itself.

    Files of a different number of workers are read and removed. Return a sentence about what was done, or ''.
    Raises SnapshotError if a file is unusable, and OSError if one cannot be written or removed; no state is
    lost then.
    """
    wanted = [path] if workers == 1 else [part_of(path, number) for number in range(workers)]
    found = [each for each in [path, *_parts(path)] if each.exists()]
    if not found or set(found) == set(wanted):
        return ""
    # `path` holds everything while other files are written and removed, so a crash loses nothing.
    everything = _joined(found)
    write_whole(path, orjson.dumps(everything))
    for each in set(found) - {path}:
        each.unlink()
    if workers > 1:
        for file, share in zip(wanted, _shares(everything, workers, owner_of), strict=True):
            write_whole(file, orjson.dumps(share))
        path.unlink()
    return f"the state of {_listed(found)} is now in {_listed(wanted)}"


def _joined(files: list[Path]) -> dict[str, Any]:
    """Merge the states in some files. A key that is in two of them has the same state in both."""
    joined = _nothing()
    for file in files:
        kept = read_state(file)
        for name in _BY_KEY:
            joined[name].update(kept.get(name, {}))
    return joined


def _shares(state: dict[str, Any], workers: int, owner_of: Callable[[str], int]) -> list[dict[str, Any]]:
    shares = [_nothing() for _ in range(workers)]
    for name in _BY_KEY:
        for key, value in state[name].items():
            shares[owner_of(key)][name][key] = value
    return shares


def _nothing() -> dict[str, Any]:
    return {"leomock": VERSION, **{name: {} for name in _BY_KEY}}


def _parts(path: Path) -> list[Path]:
    name = re.compile(re.escape(path.name) + r"\.worker-(\d+)")
    try:
        numbers = {int(m[1]): each for each in path.parent.iterdir() if (m := name.fullmatch(each.name))}
    except OSError:  # a missing folder, which writing reports
        return []
    return [numbers[number] for number in sorted(numbers)]


def _listed(paths: list[Path]) -> str:
    return ", ".join(each.name for each in paths)
