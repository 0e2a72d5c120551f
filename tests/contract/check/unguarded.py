"""List the promises of the check that no mutant breaks: sentences that no finding ever said.

python -m tests.contract.check.unguarded
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from leomock.contract.check import probes, probing, properties
from tests.contract.check.promises import PROBE_MUTANTS, RESOURCE_MUTANTS
from tests.contract.check.test_mutants import journey

PROBES = sorted(Path(probing.__file__).parent.glob("*.py"))
PROPERTIES = Path(properties.__file__)
Place = tuple[str, int]


def executed() -> set[Place]:
    """The lines that yield findings of properties, and those that tell one of a probe."""
    lines: set[Place] = set()

    def in_properties(frame: FrameType, event: str, _: Any) -> Any:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return in_properties

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        code, caller = frame.f_code, frame.f_back
        if code.co_filename == str(PROPERTIES):
            return in_properties
        if code.co_filename == probes.__file__ and code.co_name == "tell" and not frame.f_locals["holds"]:
            assert caller is not None
            lines.add((caller.f_code.co_filename, caller.f_lineno))
        return None

    sys.settrace(trace)
    try:
        for mutant in (*RESOURCE_MUTANTS, *PROBE_MUTANTS):
            journey(mutant)
    finally:
        sys.settrace(None)
    return lines


def statements(path: Path) -> Iterator[ast.expr]:
    """The expressions of a module that yield a finding or tell one."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        tells = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tell"
        if isinstance(node, ast.expr) and (tells or (path == PROPERTIES and isinstance(node, ast.Yield))):
            yield node


def unguarded() -> list[str]:
    """Each promise that no mutant breaks, with its place."""
    lines = executed()
    return [
        f"{path.name}:{node.lineno}: {ast.unparse(node)}"
        for path in (PROPERTIES, *PROBES)
        for node in statements(path)
        if not any((str(path), line) in lines for line in range(node.lineno, (node.end_lineno or 0) + 1))
    ]


if __name__ == "__main__":
    found = unguarded()
    sys.exit("\n".join(found) if found else 0)
