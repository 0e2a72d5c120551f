"""Write the generated pages of docs/reference: `make reference`.

Each function of `PAGES` returns one page, made from the code itself. tests/package/test_reference.py fails
when a page on disk differs, and when something public is missing from the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from leomock.cli.main import CONTEXT, main

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
GENERATED = "<!-- Written by `make reference`; do not edit. -->"


def commands_page() -> str:
    """Every command with its help text, as `--help` prints it."""
    lines = ["# Commands", "", GENERATED, ""]
    lines += ["Every option can also be set by the environment variable that is named after it:"]
    lines += ["`leomock serve --port 9000` is `LEOMOCK_SERVE_PORT=9000 leomock serve`.", ""]
    for names, context in walk_commands(main, _context(main, "leomock")):
        lines += [f"{'#' * min(len(names) + 1, 3)} {' '.join(('leomock', *names))}", ""]
        lines += ["```text", context.get_help().rstrip(), "```", ""]
    return "\n".join(lines)


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """A context of a fixed width, so that the help text is the same on every terminal."""
    settings = {**CONTEXT, "terminal_width": 100}
    return click.Context(command, info_name=name, parent=parent, **settings)


def walk_commands(
    command: click.Command, context: click.Context, *names: str
) -> Iterator[tuple[tuple[str, ...], click.Context]]:
    """Yield each command below `command`, with the words that lead to it and a context of a fixed width."""
    if names:
        yield names, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            inner = _context(below, name, context)
            yield from walk_commands(below, inner, *names, name)


PAGES: dict[str, Callable[[], str]] = {"commands": commands_page}


def write() -> None:
    """Write every page into docs/reference."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page(), "utf-8")


if __name__ == "__main__":
    write()
