"""The CI examples load, and every leomock command in them is one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from leomock.cli.main import main

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "ci").glob("*.yml"))


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for part in node.values():
            yield from texts(part)
    elif isinstance(node, list):
        for part in node:
            yield from texts(part)
    elif isinstance(node, str):
        yield node


def commands(path: Path) -> list[list[str]]:
    lines = [line for text in texts(yaml.safe_load(path.read_text("utf-8"))) for line in text.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if re.match(r"\s*leomock ", line)]


COMMANDS = [
    pytest.param(words, id=f"{path.stem}: {' '.join(words)}") for path in EXAMPLES for words in commands(path)
]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_checks_and_looks_for_drift(path: Path) -> None:
    """Both jobs are there, and leomock is installed with what they need."""
    assert {words[0] for words in commands(path)} == {"check", "drift"}
    assert 'pip install "leomock[contract]"' in list(texts(yaml.safe_load(path.read_text("utf-8"))))


@pytest.mark.parametrize("words", COMMANDS)
def test_command_parses(words: list[str]) -> None:
    """Every option is one that the command has."""
    name, *arguments = words
    context = click.Context(main, info_name="leomock")
    command = main.get_command(context, name)
    if command is None and name == "drift":
        pytest.skip("this build has no `leomock drift`")
    assert command is not None, name
    # What a command asks of files is for the place where it runs.
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            parameter.type = click.Path(path_type=Path)
    command.make_context(name, arguments, parent=context)
