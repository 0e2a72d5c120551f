"""Each of the 45 mistakes is explained, and the table of them in the docs is what leomock says today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.package.mistakes import MISTAKES, page, report

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mistakes.md"


def test_page_of_mistakes_is_up_to_date() -> None:
    """`python -m tests.package.mistakes` writes it."""
    assert len(MISTAKES) == 45
    assert PAGE.read_text("utf-8") == page()


@pytest.mark.parametrize("what", MISTAKES)
def test_mistake_is_explained(what: str) -> None:
    said = report(MISTAKES[what])
    assert len(said) > 20, said
    assert "Traceback" not in said
