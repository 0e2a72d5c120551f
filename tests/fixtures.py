"""What the tests share: a fake whose time stands still, and a client that needs no port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from leomock import Fake


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A fake with settled time; nothing listens on a port."""
    fake = Fake(clock="frozen")
    yield fake
    fake.close()


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
