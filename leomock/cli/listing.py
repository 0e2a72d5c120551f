"""Print a list of rows as text, JSON or Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from leomock.cli.output import put

LIST_FORMAT = click.option(
    "--format",
    "written",
    default="text",
    type=click.Choice(["text", "json", "markdown"]),
    help="Format of the list.",
)


def put_rows(rows: Sequence[Mapping[str, str]], written: str, output: Path | None) -> None:
    """Print rows that have the same columns, or write them to a file."""
    put(_WRITERS[written](rows), output)


def _as_text(rows: Sequence[Mapping[str, str]]) -> str:
    widths = {name: max(len(row[name]) for row in rows) for name in rows[0]}
    lines = ["  ".join(f"{text:{widths[name]}}" for name, text in row.items()).rstrip() for row in rows]
    return "".join(f"{line}\n" for line in lines)


def _as_json(rows: Sequence[Mapping[str, str]]) -> str:
    import orjson

    return orjson.dumps(list(rows), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _as_markdown(rows: Sequence[Mapping[str, str]]) -> str:
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *(list(row.values()) for row in rows)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


_WRITERS = {"text": _as_text, "json": _as_json, "markdown": _as_markdown}
