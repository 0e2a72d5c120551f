"""Facts made of a recording: `leomock evidence`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.main import main
from leomock.contract.recorded_facts import recorded_facts
from leomock.files.har import to_har
from leomock.files.recordings.model import RecordedExchange, Recording
from leomock.files.recordings.read import from_journal
from leomock.leonardo.evidence import parse_fact, read_facts
from tests.fixtures import upload

PHOENIX = "de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3"
PROMPT = "Zebulon's birthday, zebulon@example.com"


def recording(calls: Callable[[httpx.Client], object], **settings: Any) -> Recording:
    """What another fake was asked."""
    with Fake(seed=7, jobs="polls:1", **settings) as fake:
        headers = {"authorization": f"Bearer {fake.api_key}"}
        with httpx.Client(transport=fake.transport, base_url=fake.base_url, headers=headers) as client:
            calls(client)
        return from_journal([exchange.as_json() for exchange in fake.requests], "it.har")


def journey(client: httpx.Client) -> None:
    """An upload, a generation from it until its end, the account, and refusals."""
    form = client.post("/init-image", json={"extension": "png"}).json()["uploadInitImage"]
    upload(client, form["url"], form["fields"], b"\x89PNG\r\n\x1a\n")
    body = {"prompt": PROMPT, "modelId": PHOENIX, "num_images": 1, "init_image_id": form["id"]}
    id = client.post("/generations", json=body).json()["sdGenerationJob"]["generationId"]
    for _ in range(3):
        client.get(f"/generations/{id}")
    client.get("/me")
    client.post("/generations", json={"prompt": PROMPT, "modelId": "7b1f4a43-3c1b-4f1e-9e0a-3c8d8a1c9a55"})
    client.post("/generations", json={"prompt": PROMPT, "mood": "sad"})


def edited(recorded: Recording, number: int, edit: Callable[[Any], Any]) -> Recording:
    exchanges = []
    for each in recorded.exchanges:
        if each.number == number:
            body = json.loads(each.response_body)
            edit(body)
            each = replace(each, response_body=json.dumps(body).encode())
        exchanges.append(each)
    return Recording("it.har", tuple(exchanges))


def test_facts_of_a_journey_are_followed_by_another_fake() -> None:
    """A second poll with the same answer makes no second fact."""
    facts = recorded_facts([recording(journey)])
    assert [fact.get("differs") for fact in facts] == [None] * len(facts)
    assert [fact["request"] for fact in facts] == [
        "POST /api/rest/v1/init-image",
        "POST /api/rest/v1/generations",
        "GET /api/rest/v1/generations/${id1}",
        "GET /api/rest/v1/generations/${id1}",
        "GET /api/rest/v1/me",
        "POST /api/rest/v1/generations",
        "POST /api/rest/v1/generations",
    ]
    assert [facts[0]["id"], facts[2]["id"]] == [
        "recorded-1-post-v1-init-image",
        "recorded-4-get-v1-generations",
    ]


def test_fact_has_the_steps_that_it_needs() -> None:
    facts = recorded_facts([recording(journey)])
    assert facts[3]["before"] == [
        {
            "request": "POST /api/rest/v1/init-image",
            "body": {"extension": "png"},
            "keep": {"id2": "uploadInitImage.id"},
        },
        {"upload": "uploadInitImage"},
        {
            "request": "POST /api/rest/v1/generations",
            "body": {
                "prompt": "xxxxxxx'x xxxxxxxx, xxxxxxx@xxxxxxx.xxx",
                "modelId": PHOENIX,
                "num_images": 1,
                "init_image_id": "${id2}",
            },
            "keep": {"id1": "sdGenerationJob.generationId"},
        },
        {"finish": True},
    ]
    answer = facts[3]["answer"]
    assert answer["status"] == 200
    assert answer["fields"]["generations_by_pk.status"] == "COMPLETE"
    assert answer["types"]["generations_by_pk.createdAt"] == "local time"
    assert answer["types"]["generations_by_pk.generated_images[0].url"] == "URL"
    assert "generations_by_pk.presetStyle" in answer["nulls"]
    assert "status" in answer["order"]["generations_by_pk"]


def test_error_keeps_its_words() -> None:
    unsupported, unexpected = recorded_facts([recording(journey)])[-2:]
    assert unsupported["body"]["modelId"] == "00000000-0000-4000-8000-000000000000"
    assert unsupported["answer"]["matches"] == {
        "error": "^.+ is not supported within the Production API\\. "
        "Please try again with a different model ID\\.$"
    }
    assert unexpected["answer"] == {
        "status": 400,
        "fields": {"path": "$", "code": "bad-request"},
        "words": {"error": "Unexpected variable mood"},
        "order": {"$": ["error", "path", "code"]},
    }


def test_nothing_personal_is_left() -> None:
    """No key, id, address, prompt or name of the account."""
    recorded = recording(journey)
    personal = {"Zebulon", "zebulon", "birthday", "example.com", "7b1f4a43"}
    for each in recorded.exchanges:
        personal.add(each.request_headers.get("authorization", "Bearer -none-").removeprefix("Bearer "))
        answer = json.loads(each.response_body) if each.response_body.startswith(b"{") else {}
        details = answer.get("user_details", [{"user": {"id": "-none-", "username": "-none-"}}])[0]["user"]
        personal |= {details["id"], details["username"]}
        personal.add(answer.get("sdGenerationJob", {}).get("generationId", "-none-"))
    text = json.dumps(recorded_facts([recorded]))
    assert [word for word in personal if word in text] == []


def test_long_prompt_keeps_its_length() -> None:
    """Also the words of a filter that name a word of the prompt are replaced."""
    [too_long, filtered] = recorded_facts(
        [
            recording(
                lambda client: (
                    client.post("/generations", json={"prompt": "secret " * 300}),
                    client.post("/generations", json={"prompt": "a nude [leomock:moderation_blocked_400]"}),
                )
            )
        ]
    )
    assert too_long["body"] == {"prompt": {"repeat": "x", "times": 2100}}
    assert filtered["answer"]["matches"] == {"error": "^content moderation filter: .+$"}


def test_values_of_a_closed_list_are_kept() -> None:
    """Also unknown ones: these are what a report is about."""
    [fact] = recorded_facts(
        [
            recording(
                lambda client: client.post(
                    f"{str(client.base_url).removesuffix('/v1/')}/v2/generations",
                    json={
                        "model": "flux-9",
                        "parameters": {"prompt": "a cat", "quality": "HUGE", "user": "Zoe"},
                    },
                )
            )
        ]
    )
    assert fact["body"] == {
        "model": "flux-9",
        "parameters": {"prompt": "x xxx", "quality": "HUGE", "user": "xxx"},
    }


def test_key_that_was_refused_is_refused_again() -> None:
    error = {"error": "Authentication hook unauthorized this request", "path": "$", "code": "access-denied"}
    refused = RecordedExchange(
        "GET",
        "https://cloud.leonardo.ai/api/rest/v1/me",
        {"authorization": "Bearer 7b1f4a43-3c1b-4f1e-9e0a-3c8d8a1c9a55"},
        status=401,
        response_body=json.dumps(error).encode(),
    )
    [fact] = recorded_facts([Recording("it.har", (refused,))])
    assert fact["headers"] == {"authorization": "Bearer 00000000-0000-4000-8000-000000000001"}
    assert fact["answer"]["status"] == 401
    assert "differs" not in fact


def test_prices_in_dollars_are_asked_of_an_account_in_dollars() -> None:
    facts = recorded_facts(
        [recording(lambda client: client.post("/generations", json={"prompt": "x"}), unit="DOLLARS")]
    )
    assert facts[0]["settings"] == {"unit": "DOLLARS"}
    assert "differs" not in facts[0]


def test_difference_is_written_beside_the_fact() -> None:
    recorded = recording(lambda client: client.get("/me"))

    def change(body: Any) -> None:
        body["user_details"][0]["mood"] = None

    [fact] = recorded_facts([edited(recorded, 1, change)])
    assert fact["differs"].startswith(
        "The fake responds differently. user_details[0].mood: None expected, found nothing; "
    )
    assert parse_fact(fact).differs


# --- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def har(tmp_path: Path) -> Path:
    with Fake(seed=7, jobs="polls:1") as fake:
        headers = {"authorization": f"Bearer {fake.api_key}"}
        with httpx.Client(transport=fake.transport, base_url=fake.base_url, headers=headers) as client:
            client.get("/me")
            client.post("/generations", json={"prompt": PROMPT, "mood": "sad"})
        tree = to_har(fake.requests, "0")
    text = tree["log"]["entries"][1]["response"]["content"]["text"]
    tree["log"]["entries"][1]["response"]["content"]["text"] = text.replace("Unexpected", "Unknown")
    path = tmp_path / "it.har"
    path.write_text(json.dumps(tree), "utf-8")
    return path


def test_command_writes_a_file_that_can_be_read_again(har: Path, tmp_path: Path) -> None:
    file = tmp_path / "facts.yaml"
    done = CliRunner().invoke(main, ["evidence", str(har), "--output", str(file)])
    assert (done.exit_code, done.stderr) == (0, "2 facts: the fake follows 1, and differs in 1\n")
    me, unexpected = read_facts(file)
    assert me.differs == ""
    assert unexpected.differs == (
        "The fake responds differently. "
        "error: 'Unknown variable mood' expected, found 'Unexpected variable mood'"
    )


def test_command_writes_differences_only(har: Path) -> None:
    done = CliRunner().invoke(main, ["evidence", str(har), "--different-only"])
    assert done.exit_code == 0
    assert done.stdout.count("---\n") == 1
    assert "error: Unknown variable mood\n" in done.stdout


def test_command_without_anything_of_the_api(tmp_path: Path) -> None:
    path = tmp_path / "it.har"
    path.write_text('{"log": {"entries": []}}', "utf-8")
    done = CliRunner().invoke(main, ["evidence", str(path)])
    assert done.exit_code == 2
    assert done.output.endswith(f"Error: no exchange in {path} is of this API; --base-url says where it is\n")


def test_command_without_a_recording(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["evidence", str(tmp_path / "none.har")])
    assert done.exit_code == 2
    assert done.output.endswith(f"Error: {tmp_path / 'none.har'}: No such file or directory\n")
