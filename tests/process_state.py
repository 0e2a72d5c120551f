"""What all tests of a process share: a test that leaves it changed can fail another, in some order."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

# pytest keeps the name of the current test here.
_OF_PYTEST = ("PYTEST_CURRENT_TEST",)
# Loggers of libraries that some tests load and others read.
_NAMES = ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "httpx", "httpcore")


def process_state() -> dict[str, object]:
    """Return the environment, the working directory, signal handlers and the settings of loggers."""
    for name in _NAMES:
        logging.getLogger(name)
    loggers = {"root": logging.root, **logging.root.manager.loggerDict}
    return {
        **{f"${name}": value for name, value in os.environ.items() if name not in _OF_PYTEST},
        "working directory": Path.cwd(),
        **{f"handler of {each.name}": signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)},
        **{
            f"logger {name}": (each.level, each.disabled, each.propagate)
            for name, each in loggers.items()
            if isinstance(each, logging.Logger)
        },
    }


def changes(before: dict[str, object], after: dict[str, object]) -> list[str]:
    """Return a line for each change. Loggers that are new belong to a module that was just imported."""
    names = [name for name in before if before[name] != after.get(name)]
    names += [name for name in after if name not in before and not name.startswith("logger ")]
    return [f"{name}: {before.get(name)!r} became {after.get(name)!r}" for name in names]


@pytest.fixture(autouse=True)
def unchanged_process() -> Iterator[None]:
    """Fail a test that leaves the process changed."""
    before = process_state()
    yield
    if found := changes(before, process_state()):
        pytest.fail("\n".join(["the test leaves the process changed:", *found]), pytrace=False)
