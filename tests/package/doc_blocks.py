"""Read the code blocks of the documentation, so that tests can run them.

CONTRIBUTING.md explains the rules to those who write pages.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]+)(?P<attributes>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_TITLE = re.compile(r'title="([^"]+)"')
_NOT_RUN = re.compile(r"<!-- not run: (\S[^>]*) -->\s*\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced code block. `title` is a file name or empty; `not_run` is the reason, or empty."""

    page: Path
    line: int
    language: str
    title: str
    text: str
    not_run: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def file_name(self) -> str:
        """The name of the file that the block becomes when its page is run."""
        if self.title:
            return self.title
        return f"{'test' if self.holds_tests else 'script'}_line_{self.line}.py"

    @property
    def holds_tests(self) -> bool:
        """Whether pytest collects anything from the block."""
        return re.search(r"^ *(async )?def test_", self.text, re.MULTILINE) is not None


def pages() -> list[Path]:
    """Return every page of the site, and the files beside it that show code."""
    return sorted((ROOT / "docs").rglob("*.md"))


def blocks(page: Path) -> Iterator[Block]:
    """Yield the code blocks of a page in their order."""
    whole = page.read_text("utf-8")
    for found in _BLOCK.finditer(whole):
        reason = _NOT_RUN.search(whole[: found.start()])
        title = _TITLE.search(found["attributes"])
        indent = found["indent"]
        yield Block(
            page=page,
            line=whole.count("\n", 0, found.start()) + 1,
            language=found["language"],
            title=title[1] if title else "",
            text="".join(line.removeprefix(indent) for line in found["text"].splitlines(keepends=True)),
            not_run=reason[1].strip() if reason else "",
        )


def leomock_commands(block: Block) -> Iterator[list[str]]:
    """Yield the words of each `leomock` command that a console block shows."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if found := re.match(r"\$ (?:\w+=\S+ )*leomock (.*)", line):
            yield shlex.split(found[1].rstrip("& "), comments=True)
