"""A recorded journey against the fake: `leomock.contract.compare` and `leomock compare`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.main import main
from leomock.contract.compare import compare
from leomock.files.har import to_har
from leomock.files.recordings.model import Recording, Unreadable
from leomock.files.recordings.read import from_journal


@cache
def journey() -> Recording:
    """What another fake was asked: an upload, a generation until its end, a list and a refusal."""
    with Fake(seed=7, jobs="polls:1") as fake:
        headers = {"authorization": f"Bearer {fake.api_key}"}
        with httpx.Client(transport=fake.transport, base_url=fake.base_url, headers=headers) as client:
            made = client.post("/generations", json={"prompt": "a cat", "num_images": 2}).json()
            id = made["sdGenerationJob"]["generationId"]
            user = client.get("/me").json()["user_details"][0]["user"]["id"]
            client.get(f"/generations/{id}")
            client.get(f"/generations/{id}")
            second = client.post("/generations", json={"prompt": "a dog", "num_images": 1}).json()
            id = second["sdGenerationJob"]["generationId"]
            client.get(f"/generations/{id}")
            client.get(f"/generations/{id}")
            client.get(f"/generations/user/{user}")
            client.post("/generations", json={"num_images": 1})
        return from_journal([exchange.as_json() for exchange in fake.requests], "it.har")


def edited(number: int, edit: Callable[[Any], Any], status: int = 0) -> Recording:
    """The journey with another answer to one request."""
    exchanges = []
    for each in journey().exchanges:
        if each.number == number:
            body = json.loads(each.response_body)
            edit(body)
            each = replace(each, response_body=json.dumps(body).encode(), status=status or each.status)
        exchanges.append(each)
    return Recording("it.har", tuple(exchanges))


def found(recording: Recording) -> list[tuple[str, str]]:
    return [(finding.rule, finding.message) for finding in compare([recording]).findings]


def test_journey_of_another_fake_is_the_same() -> None:
    """Other ids, other addresses, another seed: no difference."""
    report = compare([journey()])
    assert report.findings == []
    assert len(report.checked) == len(journey().exchanges) == 9


def row(body: Any) -> Any:
    return body["generations_by_pk"]


ROW = "generations_by_pk"


@pytest.mark.parametrize(
    ("number", "edit", "rule", "message"),
    [
        (4, lambda b: row(b).pop("seed"), "field-extra", f"{ROW}.seed: recorded nothing, the fake "),
        (4, lambda b: row(b).update(x=1), "field-missing", f"{ROW}.x: recorded 1, the fake nothing"),
        (4, lambda b: row(b).update(prompt=None), "null", f'{ROW}.prompt: recorded null, the fake "a cat"'),
        (4, lambda b: row(b).update(public=1), "type", f"{ROW}.public: recorded 1, the fake false"),
        (4, lambda b: row(b).update(sdVersion="OLD"), "value", f'{ROW}.sdVersion: recorded "OLD", '),
        (4, lambda b: row(b)["generated_images"].pop(), "length", f"{ROW}.generated_images: recorded 1, "),
        (8, lambda b: b["generations"].reverse(), "order", "generations: recorded ["),
        (9, lambda b: b.update(error="Other words"), "words", 'error: recorded "Other words", the fake "'),
    ],
)
def test_difference_is_listed(number: int, edit: Callable[[Any], Any], rule: str, message: str) -> None:
    """With what was recorded and what the fake answers."""
    [(is_rule, is_message)] = found(edited(number, edit))
    assert is_rule == rule
    assert is_message.startswith(message)


def test_unreadable_entry_of_another_host_is_not_a_difference() -> None:
    unreadable = (
        Unreadable("it.har", 98, "response is missing", "https://x.test/font"),
        Unreadable("it.har", 99, "response is missing"),
    )
    report = compare([replace(journey(), unreadable=unreadable)])
    assert [(finding.rule, finding.where) for finding in report.findings] == [("unreadable", "it.har #99")]
    assert report.facts["Not sent"].startswith("1 (not of this API")


def test_other_status_is_listed_with_its_basis() -> None:
    """And with what to do."""
    (finding,) = compare([edited(9, lambda body: None, 422)]).findings
    assert (finding.rule, finding.message) == ("status", "recorded 422, the fake 400")
    assert finding.where == "#9 POST /api/rest/v1/generations"
    assert finding.details[0].startswith("basis of the fake's behaviour: ")
    assert "not stated" not in finding.details[0]
    assert finding.suggestion.startswith("If the recording shows today's service, report it")


def har(tmp_path: Path) -> Path:
    with Fake(seed=3) as fake:
        httpx.Client(transport=fake.transport).get(
            f"{fake.base_url}/me", headers={"authorization": f"Bearer {fake.api_key}"}
        )
        tree = to_har(fake.requests, "0")
    body = json.loads(tree["log"]["entries"][0]["response"]["content"]["text"])
    body["user_details"][0]["mood"] = "x"
    tree["log"]["entries"][0]["response"]["content"]["text"] = json.dumps(body)
    path = tmp_path / "it.har"
    path.write_text(json.dumps(tree), "utf-8")
    return path


def test_command_accepts_known_differences(tmp_path: Path) -> None:
    """Exit code 1 for a difference, 0 once a file accepts it with a reason."""
    path = har(tmp_path)
    done = CliRunner().invoke(main, ["compare", str(path)])
    assert done.exit_code == 1, done.output
    lines = " ".join(done.output.split())
    assert 'user_details[0].mood: recorded "x", the fake nothing [field-missing]' in lines
    assert "Compared: 1 of 1 exchanges\n" in done.output
    known = tmp_path / "known.yaml"
    known.write_text('- {rule: field-missing, message: "*mood*", reason: Not built yet}\n', "utf-8")
    done = CliRunner().invoke(main, ["compare", str(path), "--baseline", str(known)])
    assert done.exit_code == 0, done.output


def test_command_without_anything_to_compare(tmp_path: Path) -> None:
    """Exit code 2 and one sentence."""
    path = tmp_path / "it.har"
    path.write_text('{"log": {"entries": []}}', "utf-8")
    done = CliRunner().invoke(main, ["compare", str(path)])
    assert done.exit_code == 2
    assert done.output.endswith(
        f"Error: nothing was compared: no exchange in {path} is of this API; --base-url says where it is\n"
    )
