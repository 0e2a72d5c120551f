"""Webhook bodies against the AsyncAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner, Result

from leomock import Fake
from leomock.cli.main import main
from leomock.openapi.documents import read, specs_folder
from tests.fixtures import client_of

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


def test_captured_bodies_are_clean(tmp_path: Path) -> None:
    """Of a picture, a video and a variation, as a fake sends them."""
    with Fake(jobs="manual", clock="frozen") as fake, client_of(fake) as client:
        bodies = []
        image = completed_image(fake, client)
        bodies.append(fake.event())
        client.post("/generations-text-to-video", json={"prompt": "a cat"})
        bodies.append(fake.event())
        id = client.post("/variations/nobg", json={"id": image}).json()["sdNobgJob"]["id"]
        bodies.append(fake.event(id))
    assert [body["type"] for body in bodies] == [
        "image_generation.complete",
        "video_generation.complete",
        "post_processing.complete",
    ]
    done = ran(tmp_path / "it.json", bodies)
    assert done.exit_code == 0, done.output
    assert "Webhook bodies judged: 3\n" in done.output


def completed_image(fake: Fake, client: httpx.Client) -> str:
    id = client.post("/generations", json={"prompt": "a cat"}).json()["sdGenerationJob"]["generationId"]
    fake.finish()
    row = client.get(f"/generations/{id}").json()["generations_by_pk"]
    found: str = row["generated_images"][0]["id"]
    return found


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
