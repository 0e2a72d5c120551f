"""Where callers have their keys, and who judges them."""

from __future__ import annotations

import asyncio

import pytest

from leomock import Fake
from leomock.interop.capability.upstream import Caller, client_of
from leomock.interop.capability.whole import whole
from leomock.interop.mcp import keys
from leomock.interop.mcp.keys import authorization_of, keys_of_fake, keys_of_server
from tests.interop.mcp.servers import VERSIONS

KEYS = tuple(f"{n}f6e7e7a-9c2b-4f7e-8a54-1f1f5f3a0001" for n in range(3))


@pytest.mark.parametrize(
    ("headers", "authorization"),
    [
        ({"authorization": "Bearer a"}, "Bearer a"),
        ({"api-key": "a"}, "Bearer a"),
        ({"authorization": "Bearer a", "api-key": "b"}, "Bearer a"),
        ({"authorization": "Bearer ", "api-key": "b"}, "Bearer b"),
        ({"authorization": "Bearer"}, ""),
        ({}, ""),
    ],
)
def test_key_is_in_one_of_two_headers(headers: dict[str, str], authorization: str) -> None:
    assert authorization_of(headers) == authorization


def asking(fake: Fake) -> keys.IsRefused:
    """A check that asks the fake as it would ask a server."""
    capability = whole(VERSIONS, "basic")
    clients = {
        each.namespace: client_of(f"{fake.url}/api/rest/v1", "", fake.transport)
        for each in capability.upstreams
    }
    return keys_of_server(Caller({}, clients), capability.adapters[0].offers[0])


def verdicts(is_refused: keys.IsRefused, *given: str) -> list[bool]:
    """What a check says of some keys, one after the other."""

    async def ask() -> list[bool]:
        return [await is_refused(f"Bearer {key}") for key in given]

    return asyncio.run(ask())


def test_fake_judges_keys_without_a_call() -> None:
    with Fake(auth="strict", api_keys=KEYS[:1]) as fake:
        assert verdicts(keys_of_fake(fake.api.worlds), KEYS[0], "wrong") == [False, True]
        assert not fake.requests


def test_key_that_the_real_service_answers_500_is_not_refused() -> None:
    """The call itself gets that answer."""
    with Fake(auth="real", api_keys=KEYS[:1]) as fake:
        assert verdicts(keys_of_fake(fake.api.worlds), "no UUID") == [False]


def test_server_is_asked_once_for_an_accepted_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused one is asked for again, and of many accepted ones the oldest."""
    monkeypatch.setattr(keys, "MOST_KEYS", 1)
    with Fake(auth="strict", api_keys=KEYS[:2]) as fake:
        is_refused = asking(fake)
        given = (KEYS[0], KEYS[0], KEYS[2], KEYS[1], KEYS[0])
        assert verdicts(is_refused, *given) == [False, False, True, False, False]
        calls = sum(len(fake.tenant(key).requests) for key in KEYS[:2])
        assert calls == 3


def test_server_that_cannot_tell_refuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers 503, or nothing in time."""
    with Fake() as fake:
        fake.fail("getUserSelf", status=503)
        is_refused = asking(fake)
        assert verdicts(is_refused, fake.api_key) == [False]
        monkeypatch.setattr(keys, "PATIENCE", 0.0)
        assert verdicts(is_refused, fake.api_key) == [False]
