"""The table of captured situations in docs/reference/captures.md: every one is held by facts or tests.

`python -m tests.docs.test_captures` writes the page.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from leomock.leonardo.evidence import fact

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "captures.md"
DATA = Path(__file__).with_name("captures.yaml")


@cache
def cases() -> list[dict[str, Any]]:
    """Return the situations in the file."""
    found: list[dict[str, Any]] = yaml.safe_load(DATA.read_text("utf-8"))
    return found


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["case"])
def test_case_is_held(case: dict[str, Any]) -> None:
    """By facts that the fake follows (a test asks it about each), and by tests that there are."""
    for name in case["held_by"]:
        path, separator, test = name.partition("::")
        if separator:
            assert f"def {test}(" in (ROOT / path).read_text("utf-8"), name
        else:
            assert not fact(name).differs, name


def page() -> str:
    """Return the page with the table."""
    right = sum("differs" not in case for case in cases())
    lines = [
        "# Captured situations",
        "",
        "Situations that a fake once got wrong: what public programs sent, and how the real service "
        "responded",
        "or is documented to respond. *Verified by* names tests, or [facts](evidence.md), which a test "
        "compares",
        "with the fake.",
        "",
        f"leomock is right in {right} of {len(cases())}; the others say why not.",
        "",
        "| situation | leomock | verified by |",
        "|---|---|---|",
    ]
    for case in cases():
        now = f"{case['now']}. **Different:** {case['differs']}" if "differs" in case else case["now"]
        held = ", ".join(f"`{name.rpartition('::')[2]}`" for name in case["held_by"])
        lines.append(f"| {case['case']} | {now} | {held} |")
    return "\n".join([*lines, ""])


def test_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
