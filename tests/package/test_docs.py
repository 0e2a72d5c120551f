"""The documentation's code runs as it stands, its commands exist, and its site builds without a warning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from leomock.cli.main import CONTEXT, main
from tests.package.doc_blocks import ROOT, Block, blocks, leomock_commands, pages

# A page becomes one folder and one run of pytest: a block with tests is collected as it is, any other runs as
# a script inside a test.
RUN_SCRIPTS = """
import runpy
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", {names})
def test_script(name):
    runpy.run_path(str(Path(__file__).with_name(name)), run_name="__main__")
"""


def runnable(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language == "python" and not block.not_run]


def all_blocks(*languages: str) -> list[Block]:
    return [
        block
        for page in (*pages(), ROOT / "README.md")
        for block in blocks(page)
        if block.language in languages and not block.not_run
    ]


@pytest.mark.parametrize(
    "page", [page for page in pages() if runnable(page)], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """In a folder of its own, with warnings as errors and no plugin but leomock's."""
    scripts = []
    for block in runnable(page):
        (tmp_path / block.file_name).write_text(block.text, "utf-8")
        if not block.holds_tests:
            scripts.append(block.file_name)
    if scripts:
        (tmp_path / "test_scripts.py").write_text(RUN_SCRIPTS.format(names=scripts), "utf-8")
    files = [block.file_name for block in runnable(page) if block.holds_tests]
    options = ["-p", "leomock.pytest_plugin"]
    if "asyncio" in page.read_text("utf-8"):
        options += ["-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"),
            *options,
            *(["test_scripts.py"] if scripts else []),
            *files,
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", all_blocks("console"), ids=str)
def test_commands_of_a_block_exist(block: Block) -> None:
    """With each option that the page shows."""
    for words in leomock_commands(block):
        parse(main, words)


def parse(command: click.Command, words: list[str]) -> None:
    """Parse words as the command would. Raises click.UsageError for an option that does not exist."""
    # A command keeps the names of its help option from the first context that asks for them.
    context = click.Context(command, info_name="leomock", **CONTEXT)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        below = command.get_command(context, words[0])
        assert below is not None, f"leomock {' '.join(words)}: there is no command {words[0]!r}"
        command, words = below, words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    if isinstance(command, click.Group) or "--help" in words:
        return
    parser = command.make_parser(context)
    parser.parse_args(args=list(words))


@pytest.mark.parametrize("block", all_blocks("json"), ids=str)
def test_json_of_a_block_parses(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", all_blocks("yaml"), ids=str)
def test_yaml_of_a_block_parses(block: Block) -> None:
    yaml.safe_load(block.text)


def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Broken links, missing headings and pages outside the navigation are warnings, and fail the build."""
    pytest.importorskip("mkdocs", reason="MkDocs is not installed: `make dev` installs it")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--quiet",
            "--site-dir",
            str(tmp_path / "site"),
        ],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
