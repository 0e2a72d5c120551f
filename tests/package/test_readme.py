"""The README is short, and what it links to exists."""

from __future__ import annotations

import re

import pytest

from tests.package.doc_blocks import ROOT

README = (ROOT / "README.md").read_text("utf-8")
LINKS = sorted(set(re.findall(r"\]\(([^)#:]+)\)", README)))


def test_readme_is_at_most_ten_kilobytes() -> None:
    assert len(README.encode()) <= 10_240


@pytest.mark.parametrize("link", LINKS)
def test_link_of_the_readme_exists(link: str) -> None:
    assert (ROOT / link).exists()
