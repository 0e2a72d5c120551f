"""What the tests share: a fake whose time stands still, and a client that needs no port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.testing.runner import Runner


@pytest.fixture(autouse=True)
def close_fakes(unchanged_process: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close at the end of a test the fakes that it started and left open.

    `unchanged_process` looks at the process after this and after `monkeypatch`.
    """
    started: dict[int, Fake] = {}
    loop_of = Fake._loop

    def keep(self: Fake) -> Runner:
        if self._runner is None:  # not one that a wider fixture has started
            started[id(self)] = self
        return loop_of(self)

    monkeypatch.setattr(Fake, "_loop", keep)
    yield
    for fake in started.values():
        fake.close()


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A fake whose time stands still; nothing listens on a port."""
    with closing(Fake(clock="frozen")) as fake:
        yield fake


# A day on which everything that the vendor has retired since still worked.
BEFORE_RETIREMENTS = "2026-05-01"


@pytest.fixture
def client(fake: Fake) -> Iterator[httpx.Client]:
    """An httpx client with the fake's key."""
    with client_of(fake) as client:
        yield client


def client_of(fake: Fake, key: str | None = None) -> httpx.Client:
    """A client of a fake, with its own key or another."""
    return httpx.Client(
        transport=fake.transport,
        base_url=fake.base_url,
        headers={"authorization": f"Bearer {key or fake.api_key}"},
    )


def generate(client: httpx.Client, prompt: str = "a cat", **body: Any) -> str:
    """Create a generation and return its id."""
    answer = client.post("/generations", json={"prompt": prompt, **body})
    assert answer.status_code == 200, answer.text
    id: str = answer.json()["sdGenerationJob"]["generationId"]
    return id


def completed(client: httpx.Client, prompt: str = "a cat", **body: Any) -> dict[str, Any]:
    """Create a generation and read it until it is COMPLETE (the fake's default is one PENDING read)."""
    id = generate(client, prompt, **body)
    for _ in range(3):
        row: dict[str, Any] = client.get(f"/generations/{id}").json()["generations_by_pk"]
        if row["status"] == "COMPLETE":
            return row
    raise AssertionError(f"still {row['status']} after three reads")


def inside(answer: httpx.Response) -> Any:
    """What is inside the envelope of a success."""
    assert answer.status_code == 200, answer.text
    [value] = answer.json().values()
    return value


def refused(answer: httpx.Response) -> tuple[str, str]:
    """The text of a refusal with status 400, and our explanation of it."""
    assert answer.status_code == 400, answer.text
    return answer.json()["error"], answer.headers["x-leomock-explain"]


def upload(client: httpx.Client, url: str, fields: str, content: bytes) -> httpx.Response:
    """Send a presigned form with a file; without the API key, as S3 wants it."""
    request = client.build_request("POST", url, data=json.loads(fields), files={"file": content})
    del request.headers["authorization"]
    return client.send(request)


def init_image(client: httpx.Client, content: bytes, extension: str = "png") -> str:
    """Upload an init image and return its id."""
    form = inside(client.post("/init-image", json={"extension": extension}))
    assert upload(client, form["url"], form["fields"], content).status_code == 204
    id: str = form["id"]
    return id


def failing(folder: Path, group: str) -> Path:
    """A scenario in which every job that a document's operations start is going to fail."""
    file = folder / "failing.yaml"
    rules = f"rules:\n  - when: {{group: {group}}}\n    then: {{job: {{status: FAILED}}}}\n"
    file.write_text(f"description: Jobs fail.\n{rules}", "utf-8")
    return file
