"""The action, the hooks and the examples for CI call leomock as it is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from leomock.cli.main import Commands, main

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "action.yml", *sorted((ROOT / "examples" / "ci").glob("*.yml"))]


def commands_of(node: Any) -> list[str]:
    """Every command line of a file that calls leomock."""
    if isinstance(node, dict):
        return [line for part in node.values() for line in commands_of(part)]
    if isinstance(node, list):
        return [line for part in node for line in commands_of(part)]
    if not isinstance(node, str):
        return []
    lines = node.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if re.match(r"\s*leomock (check|serve|drift)\b", line)]


COMMANDS = [
    (file.name, line) for file in FILES for line in commands_of(yaml.safe_load(file.read_text("utf-8")))
]


def test_files_call_leomock() -> None:
    assert {name for name, _ in COMMANDS} == {file.name for file in FILES} - {"service-container.yml"}


@pytest.mark.parametrize(("name", "line"), COMMANDS)
def test_command_line_is_understood(name: str, line: str) -> None:
    """Variables of the shell stand for values that the option takes."""
    for variable, value in {"PROFILE": "quick", "WAIT": "30", "FAIL_ON": "error"}.items():
        line = re.sub(rf"\$(LEOMOCK_)?{variable}\b", value, line)
    line = re.sub(r"\$\{LEOMOCK_(URL|BASELINE):\+[^}]*\}|\$LEOMOCK_ARGUMENTS", "", line)
    _, name, *words = shlex.split(line.removesuffix("&"))
    context = click.Context(main)
    assert isinstance(main, Commands)
    command = main.get_command(context, name)
    assert command is not None
    command.make_context(name, words, parent=context)


def test_hooks_name_commands_that_exist() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    names = [re.search(r"leomock (\w+)", hook["entry"]) for hook in hooks]
    assert isinstance(main, Commands)
    assert {found[1] for found in names if found} <= set(main.list_commands(click.Context(main)))
    assert all(names)


def test_every_input_of_the_action_is_used() -> None:
    text = (ROOT / "action.yml").read_text("utf-8")
    assert all(f"inputs.{name} " in text for name in yaml.safe_load(text)["inputs"])


def test_image_has_the_contract_extra() -> None:
    assert '--constraint constraints.txt ".[contract,mcp]"' in (ROOT / "Dockerfile").read_text("utf-8")
