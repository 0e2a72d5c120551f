"""A pytest plugin that writes `times.json`: what each setup and teardown took, and the whole run."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from pathlib import Path

import pytest

# Seconds of every test: by the clock, and of CPU.
_took: dict[str, list[tuple[float, float]]] = {"setup": [], "teardown": []}


def _timed(phase: str) -> Generator[None]:
    began, used = time.perf_counter(), time.process_time()
    yield
    _took[phase].append((time.perf_counter() - began, time.process_time() - used))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    yield from _timed("setup")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    yield from _timed("teardown")


def pytest_unconfigure() -> None:
    Path("times.json").write_text(json.dumps({**_took, "cpu": time.process_time()}))
