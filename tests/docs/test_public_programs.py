"""What public programs send, call by call; docs/reference/programs.md has the table.

`python -m tests.docs.test_public_programs` writes the page.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import httpx
import pytest
import yaml

from leomock import Fake
from leomock.leonardo.evidence import at_path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "programs.md"
DATA = Path(__file__).with_name("public_programs.yaml")
HEAD = """\
# What public programs send

Programs that were found in public repositories in November 2026, and that no other test uses. A test sends
their requests to leomock; `tests/docs/public_programs.yaml` has them. These are facts about the requests, and
none of the programs' code. Those without a name are in repositories that the search did not name. None of the
programs was run.

| program | calls | accepted | refused with | what it needed |
|---|---|---|---|---|
"""
Call = dict[str, Any]


@cache
def programs() -> list[dict[str, Any]]:
    """Return the programs in the file."""
    found: list[dict[str, Any]] = yaml.safe_load(DATA.read_text("utf-8"))
    return found


def status_of(answer: httpx.Response) -> str:
    """Return the status, for a refusal with its text; version 2 refuses on HTTP 200."""
    body = answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None
    if isinstance(body, list):
        extensions = body[0]["extensions"]
        return f"{extensions['statusCode']} {extensions['details']['message']}"
    return (
        f"{answer.status_code} {body['error']}"
        if answer.status_code >= 400 and body
        else str(answer.status_code)
    )


def send(client: httpx.Client, call: Call, kept: dict[str, str]) -> httpx.Response:
    """Send a call with the values that were kept before."""
    if "upload" in call:
        form = json.loads(kept["fields"])
        return httpx.Client(transport=client._transport).post(
            kept["url"], data=form, files={"file": b"\xff\xd8"}
        )
    method, path = Template(call["send"]).substitute(kept).split(" ", 1)
    content = Template(json.dumps(call["body"])).substitute(kept) if "body" in call else None
    answer = client.request(method, path, content=content, headers={"content-type": "application/json"})
    kept |= {name: at_path(answer.json(), place) for name, place in call.get("keep", {}).items()}
    return answer


@pytest.mark.parametrize("program", programs(), ids=lambda program: program["program"])
def test_program_is_answered_as_the_table_says(program: dict[str, Any]) -> None:
    with Fake(clock="frozen", jobs="immediate", has=program.get("has", {})) as fake:
        headers = {"authorization": f"Bearer {fake.api_key}"}
        url = fake.base_url.removesuffix("/v1")
        with httpx.Client(transport=fake.transport, base_url=url, headers=headers) as client:
            kept: dict[str, str] = {}
            for call in program["calls"]:
                answer = send(client, call, kept)
                assert status_of(answer) == str(call["answer"]), call


def page() -> str:
    """Return the page with the table."""
    rows = []
    for program in programs():
        refused = [str(call["answer"]) for call in program["calls"] if int(str(call["answer"])[:3]) >= 400]
        calls = len(program["calls"])
        texts = "; ".join(f"`{text}`" for text in refused)
        name = f"{program['program']} ({program['what']})"
        needed = " ".join(program["needed"].split())
        rows.append(f"| {name} | {calls} | {calls - len(refused)} | {texts} | {needed} |")
    return HEAD + "\n".join(rows) + "\n"


def test_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page()
    assert len(programs()) >= 10


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
