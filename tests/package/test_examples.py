"""The README's examples run as they stand, and the README shows them as they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
PRINTS = {
    "sdk_journey.py": ["PENDING", "COMPLETE", "(1024, 768)", "(1024, 768)", "1", "True"],
    "script_intercept.py": [r"b'\xff\xd8'", "1"],
}
# How many tests each has.
PASSES = {
    "test_poster.py": 1,
    "test_scenarios.py": 2,
    "test_webhooks.py": 1,
    "test_fast_polling.py": 1,
    "test_verdict.py": 2,
    "migration_before.py": 1,
    "migration_after.py": 1,
}
# Those that need the plugin of schemathesis.
CONTRACT = {"test_contract.py": 2}
NO_EXAMPLES = {"conftest.py", "poster.py"}


def test_every_example_is_run() -> None:
    """None is forgotten here."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*PRINTS, *PASSES, *CONTRACT, *NO_EXAMPLES}


@pytest.mark.parametrize("name", PRINTS)
def test_example_prints_what_it_should(name: str) -> None:
    """Run as a script, from anywhere."""
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == PRINTS[name]


@pytest.mark.parametrize(
    ("plugin", "passes"), [("leomock.pytest_plugin", PASSES), ("schemathesis.pytest.plugin", CONTRACT)]
)
def test_examples_of_tests_pass(tmp_path: Path, plugin: str, passes: dict[str, int]) -> None:
    """In a folder with no settings but that warnings are errors, and no other plugin."""
    for name in (*passes, "poster.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-W", "error", "-p", plugin, *passes],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    passed = re.findall(r"^(\w+\.py)::\S+ PASSED", done.stdout.replace(" /", "/"), re.MULTILINE)
    assert {name: passed.count(name) for name in passes} == passes


def shown() -> list[str]:
    """The Python blocks of the README."""
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_readme_shows_examples() -> None:
    assert len(shown()) >= 3


@pytest.mark.parametrize("block", shown(), ids=lambda block: block.partition("(")[0].split()[-1])
def test_readme_shows_the_examples(block: str) -> None:
    """Letter by letter, so that what it shows has run."""
    assert any(block in path.read_text("utf-8") for path in EXAMPLES.glob("*.py")), block
