"""Who may call the admin API from where."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.server.guard import is_loopback

TOKEN = {"x-leomock-admin-token": "let-me-in"}
KEY = {"authorization": "Bearer mine"}
ONLY_HERE = (
    "leomock: without an API key, the admin API answers only on the machine it runs on; start the server "
    "with --admin-token TOKEN and send it in the header x-leomock-admin-token, or send your API key"
)
NEEDS_TOKEN = (
    "leomock: from another machine, send the admin token in the header x-leomock-admin-token, "
    "or your API key to affect only your own state"
)
WRONG_TOKEN = "leomock: x-leomock-admin-token is not the admin token of this server"


def call(
    fake: Fake, address: str | None, headers: dict[str, str], path: str = "/_leomock/requests"
) -> httpx.Response:
    """Call the admin API from an address."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(fake.app, client=(address or "", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def closed() -> Fake:
    """A fake without an admin token."""
    return Fake()


@pytest.fixture(scope="module")
def guarded() -> Fake:
    """A fake with an admin token."""
    return Fake(admin_token="let-me-in")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_loopback_needs_neither_key_nor_token(closed: Fake, guarded: Fake, address: str) -> None:
    assert call(closed, address, {}).status_code == 200
    assert call(guarded, address, {}).status_code == 200


@pytest.mark.parametrize(
    "address", ["10.0.0.5", "192.168.1.4", "172.17.0.1", "8.8.8.8", "fe80::1%eth0", "2001:db8::1", "", None]
)
def test_other_address_needs_a_key_or_the_token(closed: Fake, guarded: Fake, address: str | None) -> None:
    refused = call(closed, address, {})
    assert (refused.status_code, refused.json()["error"]) == (403, ONLY_HERE)
    refused = call(guarded, address, {})
    assert (refused.status_code, refused.json()["error"]) == (401, NEEDS_TOKEN)
    assert call(guarded, address, TOKEN).status_code == 200
    assert call(guarded, address, KEY).status_code == 200
    assert call(closed, address, KEY).status_code == 200


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_call_through_a_proxy_on_this_machine_is_not_local(closed: Fake, header: str) -> None:
    assert call(closed, "127.0.0.1", {header: "8.8.8.8"}).status_code == 403


@pytest.mark.parametrize("token", ["", "wrong", "let-me-in2"])
def test_wrong_token_is_refused_from_everywhere(closed: Fake, guarded: Fake, token: str) -> None:
    for fake, address in ((closed, "127.0.0.1"), (guarded, "127.0.0.1"), (guarded, "10.0.0.5")):
        refused = call(fake, address, {"x-leomock-admin-token": token})
        assert (refused.status_code, refused.json()["error"]) == (401, WRONG_TOKEN)


@pytest.mark.parametrize("path", ["/_leomock/health", "/_leomock/openapi.json", "/_leomock/scenarios"])
def test_what_tells_nothing_of_tenants_is_open(closed: Fake, path: str) -> None:
    assert call(closed, "8.8.8.8", {}, path).status_code == 200


def test_key_reads_and_steers_only_its_own_tenant() -> None:
    """Every route with an effect, called with one key, leaves the other tenant and the defaults alone."""
    fake = Fake(jobs="manual")
    theirs = fake.tenant("theirs")
    with httpx.Client(transport=fake.transport, base_url=fake.url) as client:
        created = client.post("/v1/generations", json={"prompt": "x"}, headers=_bearer("theirs")).json()
        before = _seen(fake, theirs)
        own = _bearer("mine")
        client.post("/v1/generations", json={"prompt": "mine"}, headers=own)
        job = created["sdGenerationJob"]["generationId"]
        statuses = [
            client.request(method, f"/_leomock{path}", json=body, headers=own).status_code
            for method, path, body in (
                ("POST", "/clock", {"freeze": True}),
                ("POST", "/clock", {"advance": 60}),
                ("POST", f"/jobs/{job}/finish", None),
                ("PUT", "/scenario", {"scenarios": ["flaky"]}),
                ("DELETE", "/scenario", None),
                ("PUT", "/webhook", {"url": "http://127.0.0.1:1/", "key": "k"}),
                ("DELETE", "/requests", None),
                ("POST", "/reset", None),
            )
        ]
        assert statuses == [200, 200, 404, 200, 200, 200, 200, 200]
        assert _seen(fake, theirs) == before
        requests = client.get("/_leomock/requests", headers=own).json()["requests"]
        assert requests == []


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def _seen(fake: Fake, tenant: Any) -> tuple[Any, ...]:
    world = tenant.world
    return (
        world.clock.rate,
        [row["status"] for row in world.generations],
        world.scenario_engine.scenarios,
        world.outbox.url,
        len(world.journal),
        fake.api.worlds.webhook,
        fake.api.worlds.scenarios,
    )


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *[(host, True) for host in ("localhost", "a.localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1")],
        *[(host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "example.com", "", "::ffff:10.0.0.1")],
    ],
)
def test_is_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local
