"""What the import rules in pyproject.toml cannot say: time comes from the clock, and imports stay cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "leomock"
# Below the server, time is a value that callers pass in.
WITHOUT_A_WALL_CLOCK = ("files", "leonardo", "media", "openapi", "operations", "state")
MODULES = sorted(path for folder in WITHOUT_A_WALL_CLOCK for path in (PACKAGE / folder).rglob("*.py"))
WALL_CLOCK = {"time", "now", "utcnow", "today", "monotonic", "perf_counter", "sleep"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_below_the_server_reads_the_wall_clock(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in ("time", "datetime", "date"):
                assert node.func.attr not in WALL_CLOCK, f"{path.name}:{node.lineno}"


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_of_the_package_loads_nothing_heavy() -> None:
    """Every pytest run that has leomock installed imports it."""
    heavy = {"starlette", "uvicorn", "jsonschema_rs", "orjson", "PIL", "httpx", "click", "asyncio"}
    assert loaded_by("import leomock") & heavy == set()


def test_naming_what_can_be_rendered_loads_no_pillow() -> None:
    """Callers type against `Renderable` before anything is drawn."""
    assert "PIL" not in loaded_by("from leomock.media import Renderable")


def test_start_of_the_server_loads_only_what_it_needs() -> None:
    """Pillow waits for the first picture, the contract tools for a check."""
    code = """
from leomock.operations.dispatch import Dispatcher
from leomock.server.app import make_app

make_app(Dispatcher())
"""
    heavy = {"PIL", "httpx", "openapi_core", "schemathesis", "hypothesis", "mcp", "jsonpath_rfc9535"}
    assert loaded_by(code) & heavy == set()
