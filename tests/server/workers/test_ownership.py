from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leomock.server.workers.ownership import FIRST, MOST_REMEMBERED, Ownership
from leomock.state.settings import Settings
from leomock.state.world import World

WORKERS = 7
OWNERSHIP = Ownership(WORKERS, seed=0)
KEYS = [f"key-{number}" for number in range(2000)]


def scope(path: str, *headers: tuple[bytes, bytes], query: bytes = b"") -> dict[str, Any]:
    return {"path": path, "headers": list(headers), "query_string": query}


def authorization(key: str, form: str = "Bearer {}") -> tuple[bytes, bytes]:
    return b"authorization", form.format(key).encode()


def test_keys_are_spread_evenly() -> None:
    counts = [0] * WORKERS
    for key in KEYS:
        counts[OWNERSHIP.of_key(key)] += 1
    assert max(counts) < 1.2 * len(KEYS) / WORKERS
    assert min(counts) > 0.8 * len(KEYS) / WORKERS


@pytest.mark.parametrize("key", KEYS[:20])
@pytest.mark.parametrize("seed", [0, 5])
def test_all_that_a_key_has_belongs_to_its_worker(key: str, seed: int) -> None:
    ownership = Ownership(WORKERS, seed)
    world = World(key, Settings(seed=seed))
    owner = ownership.of_key(key)
    picture = f"users/{world.user_id}/generations/1/a.jpg"
    for found in (
        scope("/api/rest/v1/me", authorization(key)),
        scope("/_leomock/requests", authorization(key)),
        scope("/_leomock/requests", (b"x-leomock-tenant", world.user_id.encode())),
        scope(f"/cdn/{picture}"),
        scope(f"/{picture}"),  # under the real CDN's host
        scope(f"/cdn/{picture}", authorization(KEYS[50])),
        scope(f"/s3/{world.bucket.name}/"),
        scope(f"/s3/{world.bucket.name}/{picture}"),
        scope(f"/{world.bucket.name}/"),
        scope("/_leomock/thumbnail", query=f"key={picture}".encode()),
    ):
        assert ownership.of(found) == owner, found


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", " Bearer  {} "])
def test_key_decides_and_not_how_the_header_is_written(form: str) -> None:
    for key in KEYS[:20]:
        assert OWNERSHIP.of(scope("/api/rest/v1/me", authorization(key, form))) == OWNERSHIP.of_key(key)


@pytest.mark.parametrize("header", [b"Basic eDp5", b"Bearer", b"Bearer ", b"key-1", b"Bearer unknown"])
def test_refused_key_belongs_to_the_first_worker(header: bytes) -> None:
    ownership = Ownership(WORKERS, 0, ["known"])
    assert ownership.of(scope("/api/rest/v1/me", (b"authorization", header))) == FIRST
    assert ownership.of(scope("/api/rest/v1/me", authorization("known"))) == ownership.of_key("known")


@pytest.mark.parametrize(
    "path", ["/", "/api/rest/v1/me", "/_leomock/requests", "/metrics", "/cdn/x", "/s3/y/"]
)
def test_call_without_a_key_belongs_to_nobody(path: str) -> None:
    assert OWNERSHIP.of(scope(path)) is None


def test_tenant_that_is_not_a_user_belongs_to_the_first_worker() -> None:
    assert OWNERSHIP.of(scope("/_leomock/clock", (b"x-leomock-tenant", b"nonsense"))) == FIRST


def test_tenant_header_means_nothing_to_the_api() -> None:
    sent = scope("/api/rest/v1/me", (b"x-leomock-tenant", b"00000001-x"), authorization(KEYS[3]))
    assert OWNERSHIP.of(sent) == OWNERSHIP.of_key(KEYS[3])


def test_headers_are_not_remembered_without_end() -> None:
    ownership = Ownership(2, 0)
    for number in range(MOST_REMEMBERED + 5):
        ownership.of(scope("/api/rest/v1/me", authorization(str(number))))
    assert len(ownership._by_header) <= MOST_REMEMBERED


@pytest.mark.parametrize("name", [b"Authorization", b"authorization", b"AUTHORIZATION"])
def test_first_bytes_lead_to_the_owner(name: bytes) -> None:
    for key in KEYS[:20]:
        head = b"GET /api/rest/v1/me HTTP/1.1\r\nHost: x\r\n%s: Bearer %s\r\n" % (name, key.encode())
        assert OWNERSHIP.of_head(head) == OWNERSHIP.of_key(key)
    user = World(KEYS[0], Settings()).user_id
    head = b"GET /cdn/users/%s/a.jpg HTTP/1.1\r\nAuthorization: Bearer x\r\n" % user.encode()
    assert OWNERSHIP.of_head(head) == OWNERSHIP.of_key(KEYS[0])


def test_header_in_a_body_or_another_header_is_not_a_key() -> None:
    head = b"GET / HTTP/1.1\r\nX-Authorization: Bearer %s\r\n\r\n" % KEYS[1].encode()
    assert OWNERSHIP.of_head(head) == FIRST


@given(st.binary(max_size=200))
def test_any_first_bytes_have_a_worker(head: bytes) -> None:
    assert 0 <= OWNERSHIP.of_head(head) < WORKERS
    assert 0 <= OWNERSHIP.of_head(b"POST /x HTTP/1.1\r\nauthorization:" + head) < WORKERS
