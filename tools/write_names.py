"""Write leomock/testing/names.py: operation ids and scenario names as literals, for editors and checkers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from leomock.files.scenarios import scenarios_folder
from leomock.openapi.spec import Versions

FILE = Path(__file__).parents[1] / "leomock" / "testing" / "names.py"
HEAD = '''"""Operation ids and scenario names as literals, written by tools/write_names.py."""

from typing import Literal, TypeAlias

'''


def text() -> str:
    """Return the content that the file should have."""
    operations = Versions().operations
    scenarios = sorted(path.stem for path in scenarios_folder().glob("*.yaml"))
    return HEAD + _literal("OperationId", operations) + "\n" + _literal("ScenarioName", scenarios)


def _literal(name: str, values: Iterable[str]) -> str:
    lines = "".join(f'    "{value}",\n' for value in values)
    return f"{name}: TypeAlias = Literal[\n{lines}]\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
