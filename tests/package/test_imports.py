"""Imports point one way, and time comes from the clock."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "leomock"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Who may import whom: a part of leomock, and the parts that it may know.
LEAVES = {"errors", "settings", "addresses"}
MAY_IMPORT = {
    "errors": set(),
    "settings": set(),
    "addresses": set(),
    "basis": {"errors"},
    "recordings": LEAVES,
    "reports": {"__version__"},
    "spec": LEAVES | {"recordings", "spec"},
    "state": LEAVES | {"state"},
    "catalogue": LEAVES | {"catalogue"},
    "rendering": {"rendering"},
    "media_files": set(),
    "results": {"rendering", "state"},
    "pictures": LEAVES | {"catalogue", "rendering", "results", "state"},
    "uploads": {"spec", "state"},
    "operations": LEAVES | {"basis", "spec", "state", "resources"},
    "resources": LEAVES
    | {"catalogue", "media_files", "operations", "pictures", "rendering", "resources", "results"}
    | {"spec", "state", "uploads"},
    "yaml_lines": {"spec"},
    "scenario_files": LEAVES | {"spec", "state", "yaml_lines"},
    "capability": LEAVES | {"capability", "spec", "yaml_lines"},
    "answer": LEAVES | {"operations", "resources", "scenario_files", "spec", "state"},
    "har": {"recordings", "state"},
    "referee": LEAVES | {"recordings", "reports", "spec", "state"},
    "behaviours": LEAVES
    | {"basis", "catalogue", "operations", "resources", "scenario_files", "spec", "state"},
    "assertions": {"spec", "state"},
    "server": LEAVES
    | {"answer", "capability", "har", "recordings", "results", "scenario_files", "server", "spec", "state"}
    | {"__version__"},
    "state_file": {"state"},
    "transport": {"server"},
    "mcp_server": LEAVES | {"capability", "mcp_server", "rendering", "server", "spec"} | {"__version__"},
    "webhook_receiver": set(),
    "verdict": {"state"},
    "interception": {"addresses", "fake", "interception"},
    "fast_polling": set(),
    "tenant": {"assertions", "fake", "fast_polling", "interception", "server", "state", "transport"}
    | {"verdict"},
    "pytest_plugin": {"fake", "settings", "state", "tenant", "webhook_receiver"},
    "fake": LEAVES | {"answer", "server", "state", "tenant", "transport"},
    "contract": LEAVES | {"catalogue", "contract", "fake", "reports", "spec"},
    "commands": LEAVES
    | {"answer", "behaviours", "capability", "commands", "contract", "drift", "fake", "mcp_server"}
    | {"operations", "output", "recordings", "referee", "reports", "scenario_files", "server", "serving"}
    | {"spec"}
    | {"state", "state_file", "__version__"},
    "output": set(),
    "serving": {"output"}
    | {"answer", "capability", "har", "mcp_server", "recordings", "referee", "server"}
    | {"state_file", "transport", "__version__"},
    "drift": LEAVES | {"drift", "operations", "reports", "scenario_files", "spec", "state"},
    "cli": {"commands", "__version__"},
    "__main__": {"cli"},
    "__init__": {"fake", "interception"},
}
# Packages that only one part may know.
HOME = {
    "starlette": {"server", "transport", "mcp_server/serve"},
    "mcp": {"mcp_server"},
    "mcp_types": {"mcp_server"},
    "uvicorn": {"server"},
    "python_multipart": {"server"},
    "openapi_core": {"spec/referee"},
    "werkzeug": {"spec/referee"},
    "schemathesis": {"contract"},
    "jsonschema_rs": {"spec", "yaml_lines", "mcp_server/vendor"},
    "yaml": {"capability/export", "contract", "drift/sources", "recordings", "yaml_lines"},
    "leonardo_ai_sdk": {"drift/sdk"},
    "PIL": {"rendering"},
    "httpx": {
        *("transport", "server/forwarding", "server/webhook_sender", "pytest_plugin"),
        *("capability/upstream", "contract"),
    },
    "click": {"cli", "commands", "output", "serving"},
    "uvloop": {"serving"},
}
# Handed out with a skill, to run far from here.
SCRIPT = PACKAGE / "capability" / "leonardo.py"
WALL_CLOCK = {"time", "now", "utcnow", "today", "monotonic", "perf_counter", "sleep"}


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports(path: Path) -> set[tuple[str, ...]]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            assert node.module
            found |= {(*node.module.split("."), alias.name) for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    """A part knows only the parts below it, and each foreign package has one home."""
    part = part_of(path)
    for name in imports(path):
        if name[0] == "leomock":
            assert name[1] in MAY_IMPORT[part], f"{part} imports leomock.{name[1]}"
        if name[0] in HOME:
            homes = HOME[name[0]]
            where = str(path.relative_to(PACKAGE).with_suffix(""))
            assert part in homes or where in homes, f"{where} imports {name[0]}, which lives in {homes}"


@pytest.mark.parametrize(
    "path",
    [
        p
        for p in MODULES
        if part_of(p) not in ("server", "fake", "commands", "webhook_receiver", "fast_polling", "contract")
        and p != SCRIPT
    ],
    ids=lambda p: p.stem,
)
def test_nothing_below_the_server_reads_the_wall_clock(path: Path) -> None:
    """Time is a value that `server` and `fake` hand in."""
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
    heavy = {"starlette", "uvicorn", "jsonschema_rs", "orjson", "PIL", "httpx", "faker", "click", "asyncio"}
    assert loaded_by("import leomock") & heavy == set()


def test_naming_what_can_be_rendered_loads_no_pillow() -> None:
    """Callers type against `Renderable` before anything is drawn."""
    assert "PIL" not in loaded_by("from leomock.rendering import Renderable")


def test_start_of_the_server_loads_only_what_it_needs() -> None:
    """Pillow waits for the first picture, the contract tools for a check."""
    code = "from leomock.answer import Api\nfrom leomock.server.app import make_app\nmake_app(Api())"
    heavy = {"PIL", "httpx", "faker", "openapi_core", "schemathesis", "hypothesis", "mcp", "jsonpath_rfc9535"}
    assert loaded_by(code) & heavy == set()
