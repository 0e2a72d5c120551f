"""The generated pages of docs/reference are up to date."""

from __future__ import annotations

import pytest

from tools.reference import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_reference_page_is_up_to_date(name: str) -> None:
    """`make reference` writes it."""
    assert (FOLDER / f"{name}.md").read_text("utf-8") == PAGES[name]()
