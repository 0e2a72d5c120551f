"""The recipes in examples/ run as they stand, where their runtime is present."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.main import main
from leomock.leonardo.hosts import REAL_HOSTS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NODE_MODULES = ROOT / "tests" / "clients" / "node" / "node_modules"
LEOMOCK = Path(sys.executable).with_name("leomock")


def needs(program: str) -> str:
    """Return the path of a program, or skip the test."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def run(command: list[str], **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload]  # passed on
    assert done.returncode == 0, done.stdout + done.stderr
    output: str = done.stdout
    return output


def test_node(tmp_path: Path) -> None:
    node = needs("node")
    if not (NODE_MODULES / "vitest").exists():
        pytest.skip("vitest is not installed")
    folder = tmp_path / "node"
    shutil.copytree(EXAMPLES / "node", folder)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    command = [node, str(folder / "node_modules" / "vitest" / "vitest.mjs"), "run"]
    output = run(command, cwd=folder, env={**os.environ, "LEOMOCK": str(LEOMOCK), "NO_COLOR": "1"})
    assert "Tests  3 passed (3)" in output


def test_java() -> None:
    java = needs("java")
    command = [str(LEOMOCK), "exec", "--jobs", "polls:1", "--", java, str(EXAMPLES / "java" / "Poster.java")]
    assert run(command) == "a picture\n"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Write nothing."""


@pytest.fixture
def page() -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(EXAMPLES / "browser"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("let_in", [True, False])
def test_browser(page: str, let_in: bool, tmp_path: Path) -> None:
    """Chromium shows the picture when the page is let in, and fails at the preflight when it is not."""
    chromium = needs("chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with Fake(cors=(page,) if let_in else (), jobs="immediate") as fake, playwright.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        tab = browser.new_page()
        tab.goto(f"{page}/?base={fake.base_url}")
        tab.get_by_role("button").click()
        status = tab.get_by_role("status")
        expected = r"^COMPLETE, \d+ bytes$" if let_in else "^Failed to fetch$"
        playwright.expect(status).to_have_text(re.compile(expected))
        browser.close()


def test_compose_names_the_real_hosts() -> None:
    """There is no Docker engine in the tests, so only what the file says is checked."""
    file = yaml.safe_load((EXAMPLES / "compose" / "compose.yaml").read_text("utf-8"))
    leomock = file["services"]["leomock"]
    assert set(leomock["networks"]["default"]["aliases"]) == set(REAL_HOSTS)
    words = leomock["command"].split()
    assert words[0] == "serve"
    help_text = CliRunner().invoke(main, ["serve", "--help"]).output
    assert [word for word in words if word.startswith("--") and word not in help_text] == []
