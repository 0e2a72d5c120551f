"""The options for the destination of a command's report, and the code that writes it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import click


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """End the command with a clear error if a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None


def put(text: str, output: Path | None) -> None:
    """Write a report to a file or to stdout. If that fails, the file keeps its old content."""
    if output is None:
        sys.stdout.buffer.write(text.encode())
        return
    with writing(output):
        write_report(output, text)


def write_report(path: Path, text: str) -> None:
    """Write a text to a file atomically, or to a device such as /dev/stdout. Raises OSError."""
    if path.exists() and not path.is_file():
        path.write_text(text, "utf-8")
        return
    from leomock.files.whole import write_whole

    write_whole(path, text.encode("utf-8", "replace"), mode=0o666)


def writable(context: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file that cannot be written before the command does any work."""
    if path and (path.is_file() or not path.exists()):
        new = not path.exists()
        with writing(path), path.open("ab"):
            pass
        if new:
            path.unlink()
    return path


FORMAT = click.option(
    "--format",
    "written",
    default="text",
    type=click.Choice(["text", "json", "markdown", "sarif", "junit", "github", "html"]),
    help="Format of the report.",
)
OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=writable,
    metavar="FILE",
    help="Write to this file instead of stdout.",
)
