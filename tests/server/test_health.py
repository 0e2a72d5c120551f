"""Alive is not ready."""

from __future__ import annotations

import asyncio

import httpx

from leomock.operations.dispatch import Dispatcher
from leomock.server.app import make_app
from leomock.server.health import Health


async def _statuses(health: Health) -> tuple[list[int], dict[str, object]]:
    app = make_app(Dispatcher(), health=health)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/_leomock") as client:
        answers = [await client.get(path) for path in ("/health/live", "/health/ready", "/health")]
    return [answer.status_code for answer in answers], answers[2].json()


def _asked(health: Health) -> tuple[list[int], dict[str, object]]:
    return asyncio.run(_statuses(health))


def test_server_is_ready() -> None:
    statuses, report = _asked(Health())
    assert statuses == [200, 200, 200]
    assert (report["status"], report["ready"], report["problems"]) == ("ok", True, [])


def test_server_that_cannot_save_is_alive_and_not_ready() -> None:
    statuses, report = _asked(Health(lambda: "No space left on device"))
    assert statuses == [200, 503, 200]
    assert (report["status"], report["ready"]) == ("degraded", False)
    assert report["problems"] == ["the state cannot be saved: No space left on device"]


def test_server_that_stops_is_alive_and_not_ready() -> None:
    statuses, report = _asked(Health(stopping=lambda: True))
    assert statuses == [200, 503, 200]
    assert report["problems"] == ["the server is stopping"]
