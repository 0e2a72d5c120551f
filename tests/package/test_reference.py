"""The generated pages of docs/reference are up to date, and nothing public is missing from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from leomock import pytest_plugin
from leomock.cli.behaviours import behaviours
from leomock.cli.main import main
from leomock.files.project_settings import shared_names
from leomock.files.scenarios import scenarios_folder
from leomock.leonardo.catalogue import platform_models, seen_models
from leomock.leonardo.catalogue.retirements import retired_models
from leomock.leonardo.catalogue.v2 import models_on
from leomock.openapi.spec import Versions
from leomock.server import admin
from leomock.testing import pytest_options
from leomock.verdict.registry import RULES
from tools.reference import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_reference_page_is_up_to_date(name: str) -> None:
    """`make reference` writes it."""
    assert page(name) == PAGES[name]()


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text("utf-8")


def command_names(command: click.Command, *names: str) -> Iterator[str]:
    if names:
        yield " ".join(("leomock", *names))
    if isinstance(command, click.Group):
        for name in command.list_commands(context := click.Context(command)):
            below = command.get_command(context, name)
            assert below
            yield from command_names(below, *names, name)


def source(module: object) -> str:
    return Path(str(vars(module)["__file__"])).read_text("utf-8")


def sources(package: object) -> str:
    folder = Path(str(vars(package)["__file__"])).parent
    return "".join(path.read_text("utf-8") for path in sorted(folder.glob("*.py")))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("commands", sorted(command_names(main))),
        ("operations", sorted(Versions().operations)),
        ("pytest", re.findall(r"@pytest\.fixture.*?\ndef (\w+)", source(pytest_plugin))),
        ("pytest", [*pytest_options.MARKS, *(f"--leomock-{name}" for name in pytest_options.OPTIONS)]),
        ("settings", sorted(shared_names())),
        ("scenarios", sorted(path.stem for path in scenarios_folder().glob("*.yaml"))),
        ("verdict", sorted(RULES)),
        ("models", [*models_on(""), *(row["slug"] for row in retired_models())]),
        ("models", [*platform_models(), *seen_models()]),
        ("admin", re.findall(r'\("(?:GET|PUT|POST|DELETE)", "(/\w[^"]*)"', sources(admin))),
        ("../behaviours", [each.id.partition(":")[2] for each in behaviours()]),
    ],
    ids=[
        *(
            "commands",
            "operations",
            "fixtures",
            "marker and options",
            "settings",
            "scenarios",
            "verdict rules",
            "models of version 2",
            "models of version 1",
        ),
        *("admin addresses", "behaviours"),
    ],
)
def test_nothing_public_is_undocumented(name: str, words: list[str]) -> None:
    text = page(name)
    assert words
    assert [word for word in words if word not in text] == []


def test_no_model_with_a_guide_is_open() -> None:
    """Every model that a guide describes has parameters, so that a misspelt one is refused."""
    assert [model.slug for model in models_on("").values() if model.is_open] == []
    assert len(models_on("")) >= 66
