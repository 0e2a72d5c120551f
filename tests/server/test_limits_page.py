"""docs/reference/limits.md agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from leomock.cli.main import main
from leomock.openapi.bounds import DEEPEST, LONGEST_LIST
from leomock.operations.handlers.generations import MOST_ANSWERS
from leomock.server.admin.requests import LONGEST_BODY
from leomock.server.bucket_routes import LONGEST_PREAMBLE
from leomock.server.head_limit import LONGEST_FRAMING, LONGEST_HEAD, MOST_HEADERS
from leomock.server.rendering import RENDERERS
from leomock.state.outbox import MOST_EVENTS
from leomock.state.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "limits.md").read_text("utf-8")


def _serve() -> click.Command:
    command = main.get_command(click.Context(main), "serve")
    assert command
    return command


def _row(beginning: str) -> list[str]:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {beginning} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def _number(text: str) -> int:
    number, unit = re.fullmatch(r"([\d,]+) ?(MiB|bytes|levels|s)?", text).groups()  # type: ignore[union-attr]  # fails loudly
    return int(number.replace(",", "")) * (2**20 if unit == "MiB" else 1)


@pytest.mark.parametrize(
    ("beginning", "value"),
    [
        ("request line and headers", LONGEST_HEAD),
        ("number of headers in a request", MOST_HEADERS),
        ("consecutive sizes, extensions and trailers of a chunked body", LONGEST_FRAMING),
        ("nesting of a JSON body", DEEPEST),
        ("items of a list in a body", LONGEST_LIST),
        ("form fields before an uploaded file", LONGEST_PREAMBLE),
        ("body of the admin API", LONGEST_BODY),
        ("concurrent renderings", RENDERERS),
        ("webhook events of a key", MOST_EVENTS),
        ("cached responses about finished generations, of all keys", MOST_ANSWERS),
    ],
)
def test_page_states_the_bound(beginning: str, value: int) -> None:
    assert _number(_row(beginning)[1]) == value


def test_page_states_the_default_of_every_option_it_names() -> None:
    command = _serve()
    options = {option.opts[0]: option for option in command.params}
    seen = 0
    for line in PAGE.splitlines():
        if found := re.search(r"\| `(--[a-z-]+)` \|", line):
            assert _number(line.strip("|").split("|")[1].strip()) == options[found[1]].default, line
            seen += 1
    assert seen == 13


def test_options_and_keywords_have_the_same_defaults() -> None:
    command = _serve()
    for option in command.params:
        if option.name in (
            "max_head",
            "max_body",
            "max_upload",
            "max_state",
            "journal",
            "journal_bytes",
            "journals_bytes",
            "max_stored",
            "max_stored_all",
            "max_rows",
            "request_timeout",
        ):
            assert option.default == getattr(Settings(), option.name)
