"""All keys together keep a bounded number of rows."""

from __future__ import annotations

import httpx
import pytest

from leomock import Fake
from leomock.state.row_limit import RowLimit
from leomock.state.settings import SettingError
from leomock.state.world import World
from tests.fixtures import client_of

MOST = 6


def create(client: httpx.Client) -> httpx.Response:
    return client.post("/generations", json={"prompt": "a cat"})


def test_calls_for_more_rows_are_refused_until_some_are_gone() -> None:
    with Fake(jobs="immediate", max_rows=MOST) as fake, client_of(fake, "a") as a, client_of(fake, "b") as b:
        ids: list[str] = []
        while (answer := create(a if len(ids) % 2 else b)).status_code == 200:
            ids.append(answer.json()["sdGenerationJob"]["generationId"])
        assert len(ids) == MOST
        assert answer.status_code == 413
        assert answer.json()["error"] == "leomock: 6 rows are kept already"
        assert answer.headers["x-leomock-explain"] == (
            "createGeneration: 6 rows are kept for all API keys (leomock serve --max-rows changes the "
            "limit); delete some, or reset a key"
        )
        assert b.post("/init-image", json={"extension": "png"}).status_code == 413
        assert a.get(f"/generations/{ids[1]}").status_code == 200
        assert b.delete(f"/generations/{ids[0]}").status_code == 200
        assert create(a).status_code == 200
        assert create(a).status_code == 413
        fake.tenant("a").reset()
        assert create(b).status_code == 200


def test_refused_call_costs_nothing() -> None:
    with Fake(max_rows=1, credits=1000) as fake, client_of(fake) as client:
        assert create(client).status_code == 200
        left = fake.world.account.balance
        assert create(client).status_code == 413
        assert fake.world.account.balance == left


def test_rows_are_counted_rarely() -> None:
    counts = 0

    class Counted(World):
        """A world that notes when its tables are counted."""

        def tables(self):  # type: ignore[no-untyped-def]
            """Return no tables, as in a new world."""
            nonlocal counts
            counts += 1
            return {}

    with Fake() as fake:
        limit = RowLimit(1000, [Counted("k", fake.api.settings)])
        for _ in range(499):
            limit.check("createGeneration")
    assert counts == 1


def test_limit_of_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="journal, max_worlds and max_rows must be at least 1"):
        Fake(max_rows=0)
