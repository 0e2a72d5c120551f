"""What ARCHITECTURE.md and CONTRIBUTING.md say is true, and the package exports what they promise."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import leomock
from tests.package.doc_blocks import ROOT

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_tree_of_the_architecture_names_every_folder() -> None:
    """And no folder that does not exist."""
    tree = ARCHITECTURE.partition("```\n")[2].partition("```")[0]
    inside = re.findall(r"^  (\w+)(?:/| )", tree, re.MULTILINE)
    folders = {path.name for path in (ROOT / "leomock").iterdir() if (path / "__init__.py").is_file()}
    assert {name for name in inside if name != "pytest_plugin"} == folders
    for name in re.findall(r"^(\w+)/", tree, re.MULTILINE):
        assert (ROOT / name).is_dir()


def test_modules_of_the_request_path_exist() -> None:
    path = ARCHITECTURE.partition("## The path of a request")[2].partition("\n## ")[0]
    modules = re.findall(r"\b((?:server|operations|state|openapi)/\w+)", path)
    assert len(modules) > 12
    for module in modules:
        assert (ROOT / "leomock" / f"{module}.py").is_file() or (ROOT / "leomock" / module).is_dir(), module


def test_import_rule_of_the_architecture_is_the_one_that_is_checked() -> None:
    shown = ARCHITECTURE.partition("## What may import what")[2].partition("```\n")[2].partition("\n```")[0]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    [layers] = [each["layers"] for each in contracts["contracts"] if each["type"] == "layers"]
    assert re.findall(r"\w+", shown) == [name for layer in layers for name in re.findall(r"\w+", layer)]


def test_top_of_the_package_has_at_most_eight_modules() -> None:
    assert len(list((ROOT / "leomock").glob("*.py"))) <= 8


def diffs() -> list[tuple[str, str]]:
    """The added lines that CONTRIBUTING shows for each file."""
    found = []
    for block in re.findall(r"```diff\n(.*?)```", CONTRIBUTING, re.DOTALL):
        for part in block.split("--- ")[1:]:
            name, _, lines = part.partition("\n")
            found.append((name, "".join(line.removeprefix("+") for line in lines.splitlines(keepends=True))))
    return found


@pytest.mark.parametrize(("name", "added"), diffs())
def test_diff_that_contributing_shows_is_real(name: str, added: str) -> None:
    """Letter by letter; JSON may be indented in another way."""

    def squeezed(text: str) -> str:
        return " ".join(text.split())

    assert squeezed(added)
    assert squeezed(added) in squeezed((ROOT / name).read_text("utf-8"))


@pytest.mark.parametrize("name", leomock.__all__)
def test_public_name_is_there(name: str) -> None:
    assert getattr(leomock, name) is not None


def test_name_that_is_not_public_is_refused() -> None:
    with pytest.raises(AttributeError, match=r"^module 'leomock' has no attribute 'Fkae'$"):
        leomock.Fkae  # noqa: B018  # reading it is the test


def test_every_decision_is_numbered_once() -> None:
    numbers = [path.name[:4] for path in sorted(Path(ROOT / "decisions").glob("*.md"))]
    assert len(set(numbers)) == len(numbers)
