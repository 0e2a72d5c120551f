"""The official SDK through `leomock proxy`, and again from what was recorded."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from click.testing import CliRunner
from leonardo_ai_sdk import LeonardoAiSDK

from leomock import Fake
from leomock.cli.main import main
from leomock.contract.traffic import judge
from tests.cli.test_main import served

KEY = "a-very-secret-key"


def journey(url: str, user_id: str) -> list[Any]:
    """Generate, poll, list and delete; what a user would keep of it."""
    told: list[Any] = []
    with LeonardoAiSDK(bearer_auth=KEY, server_url=f"{url}/api/rest/v1") as sdk:
        made = sdk.image.create_generation(request={"prompt": "a lighthouse", "num_images": 2})
        id = made.object.sd_generation_job.generation_id
        for _ in range(2):
            row = sdk.image.get_generation_by_id(id=id).object.generations_by_pk
            told.append((row.status, [image.url for image in row.generated_images]))
        listed = sdk.image.get_generations_by_user_id(user_id=user_id).object.generations
        told.append([each.id for each in listed])
        told.append(sdk.image.delete_generation_by_id(id=id).object.delete_generations_by_pk.id)
    headers = {"authorization": f"Bearer {KEY}"}
    told.append(requests.get(f"{url}/v1/me", headers=headers, timeout=5).json())
    told.append(httpx.post(f"{url}/v1/generations", json={"promt": "x"}, headers=headers).json())
    return told


def ended(process: subprocess.Popen[str]) -> str:
    """What a server wrote to stderr until its end."""
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=10)
    assert process.returncode == 0, log
    return log


def test_journey_forwarded_recorded_judged_and_replayed(tmp_path: Path) -> None:
    """The same answers from the recording, which has nothing against it and no key in it."""
    har = tmp_path / "it.har"
    with Fake(clock="frozen") as fake:
        user_id = fake.tenant(KEY).user_id
        with served(fake.url, "--judge", "--record", str(har), command="proxy") as (process, url):
            forwarded = journey(url, user_id)
            log = ended(process)
    assert log.startswith(
        f"leomock forwards every call to {fake_url(log)}: it answers, and may charge credits\n"
    )
    judged = [line for line in log.splitlines() if line.startswith("leomock referee: ")]
    assert [line.partition(": ")[2] for line in judged] == [
        "POST /api/rest/v1/generations (createGeneration): request body: prompt is missing",
        "POST /api/rest/v1/generations (createGeneration): request body: promt is not in the document",
    ]
    assert KEY not in har.read_text("utf-8")
    assert {finding.rule for finding in judge(har)} == {"request-body"}
    entries = json.loads(har.read_text("utf-8"))["log"]["entries"]
    assert len(entries) == 7

    with served(str(har), command="replay") as (process, url):
        assert journey(url, user_id) == forwarded
        missing = httpx.get(f"{url}/v1/pricing")
        assert missing.status_code == 404
        log = ended(process)
    assert "recorded as #1 of" in log


def fake_url(log: str) -> str:
    """The address in the first line of a log."""
    return log.partition("\n")[0].split()[5].rstrip(":")


def test_recording_of_a_clean_journey_is_clean(tmp_path: Path) -> None:
    """`leomock referee` says so, with exit code 0."""
    har = tmp_path / "it.har"
    record = ("--record", str(har), "--quiet")
    with Fake() as fake, served(fake.url, *record, command="proxy") as (process, url):
        headers = {"authorization": f"Bearer {KEY}"}
        httpx.post(f"{url}/v1/generations", json={"prompt": "a"}, headers=headers)
        requests.get(f"{url}/v1/generations/user/{fake.user_id}", headers=headers, timeout=5)
        ended(process)
    done = CliRunner().invoke(main, ["referee", str(har)])
    assert (done.exit_code, done.output) == (
        0,
        "Documents: published, with leomock's corrections\n"
        "Judged: 2 of 2 exchanges\n"
        "leomock referee: nothing found\n",
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["replay", "x.har"], "x.har: No such file or directory"),
        (["proxy", "here"], "URL='here': use a full address such as http://localhost:8090"),
    ],
)
def test_proxy_and_replay_reject_what_they_cannot_use(arguments: list[str], error: str) -> None:
    done = CliRunner().invoke(main, [*arguments, "--port", "0"])
    assert done.exit_code == 2
    assert done.output.endswith(f"Error: {error}\n")


def test_recording_that_holds_nothing(tmp_path: Path) -> None:
    """There would be nothing but 404 to answer."""
    path = tmp_path / "empty.har"
    path.write_text('{"log": {"version": "1.2", "creator": {"name": "a", "version": "1"}, "entries": []}}')
    done = CliRunner().invoke(main, ["replay", "--port", "0", str(path)])
    assert done.exit_code == 2
    assert done.output.endswith(f"Error: {path}: no exchange in there can be replayed\n")


def test_recording_that_cannot_be_written(tmp_path: Path) -> None:
    """Said before the first call, not after the last."""
    path = tmp_path / "nowhere" / "it.har"
    done = CliRunner().invoke(main, ["proxy", "--port", "0", "http://x.test", "--record", str(path)])
    assert done.exit_code == 2
    assert done.output == f"Error: cannot write {path}: No such file or directory\n"
