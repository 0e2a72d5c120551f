"""The documented limits, with `limits="real"`."""

from __future__ import annotations

import httpx

from leomock import Fake
from tests.fixtures import client_of, generate


def test_create_takes_a_hundred_calls_a_minute() -> None:
    """The 101st is 429, and a minute later all is well.

    Holds code:Limits.
    """
    fake = Fake(limits="real", jobs="immediate", clock="frozen")
    with client_of(fake) as client:
        for _ in range(100):
            generate(client)
        refused = client.post("/generations", json={"prompt": "a"})
        assert refused.status_code == 429
        assert refused.json() == {"error": "rate limit exceeded", "path": "$", "code": "unexpected"}
        assert refused.headers["retry-after"] == "60"
        assert refused.headers["x-leomock-explain"] == (
            "createGeneration takes 100 calls a minute (--limits real); try again in 60 s"
        )
        fake.advance(59.9)
        assert client.post("/generations", json={"prompt": "a"}).status_code == 429
        fake.advance(0.1)
        generate(client)
    fake.close()


def test_all_calls_together_are_limited() -> None:
    """2000 a minute."""
    fake = Fake(limits="real", clock="frozen")
    path = "/generations/6163f776-ad40-47fc-acd4-c04b22590ada"
    with client_of(fake) as client:
        statuses = [client.get(path).status_code for _ in range(2001)]
    fake.close()
    assert statuses == [200] * 2000 + [429]


def test_ten_jobs_run_at_a_time() -> None:
    """The eleventh waits for a slot."""
    fake = Fake(limits="real", jobs="seconds:10", clock="frozen")
    with client_of(fake) as client:
        ids = [generate(client) for _ in range(21)]
        done = []
        for _ in range(3):
            fake.advance(10)
            done.append(sum(_status(client, id) == "COMPLETE" for id in ids))
    fake.close()
    assert done == [10, 20, 21]


def _status(client: httpx.Client, id: str) -> str:
    status: str = client.get(f"/generations/{id}").json()["generations_by_pk"]["status"]
    return status


def test_queue_is_full_at_two_hundred_and_ten() -> None:
    """Ten run, 200 wait; the next one is refused until one is done."""
    fake = Fake(limits="real", jobs="manual", clock="frozen")
    with client_of(fake) as client:
        for number in range(210):
            if number % 100 == 0:
                fake.advance(61)
            generate(client)
        refused = client.post("/generations", json={"prompt": "a"})
        assert refused.status_code == 429
        assert refused.json()["error"] == "too many pending jobs"
        fake.finish(fake.world.jobs.pending()[0])
        generate(client)
    fake.close()


def test_limits_are_off_by_default(client: httpx.Client) -> None:
    """A test suite is not an attack."""
    for _ in range(150):
        generate(client)
