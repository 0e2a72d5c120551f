"""Webhook bodies against the AsyncAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from leomock.cli.main import main
from leomock.openapi.documents import read, specs_folder

SAMPLE: Any = read(specs_folder() / "webhooks.asyncapi.json")["components"]["messages"][
    "ImageGenerationComplete"
]["examples"][0]["payload"]


def ran(path: Path, tree: Any) -> Result:
    path.write_text(json.dumps(tree), "utf-8")
    return CliRunner().invoke(main, ["referee", "--webhooks", str(path)])


def test_documented_body_is_clean(tmp_path: Path) -> None:
    """As a body, and in a list."""
    for tree, count in ((SAMPLE, 1), ([SAMPLE, SAMPLE], 2)):
        done = ran(tmp_path / "it.json", tree)
        assert done.exit_code == 0, done.output
        assert f"Webhook bodies judged: {count}\n" in done.output


def test_other_body_is_a_finding(tmp_path: Path) -> None:
    """With its place."""
    done = ran(tmp_path / "it.json", {**SAMPLE, "timestamp": "today"})
    assert done.exit_code == 1
    assert "webhook body timestamp:" in " ".join(done.output.split())


def test_recording_of_a_receiver(tmp_path: Path) -> None:
    """What is posted to it; other requests do not count."""

    def call(body: Any) -> Any:
        request = {"method": "POST", "uri": "https://app.example/hook", "body": json.dumps(body)}
        return {"request": request, "response": {"status": {"code": 200}}}

    done = ran(tmp_path / "it.json", {"interactions": [call(SAMPLE), call({"other": 1})]})
    assert (done.exit_code, "Webhook bodies judged: 1\n" in done.output) == (0, True)


def test_nothing_to_judge() -> None:
    """Exit code 2."""
    done = CliRunner().invoke(main, ["referee"])
    assert done.exit_code == 2
    assert done.output.endswith("Error: give a FILE to judge, or --webhooks FILE\n")
