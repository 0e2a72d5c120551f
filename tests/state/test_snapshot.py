"""Snapshots of a world."""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.state.settings import Settings, SettingValues
from leomock.state.snapshot import SnapshotError, restore, take
from leomock.state.worlds import Worlds
from tests.fixtures import client_of, completed, generate, init_image
from tests.operations.handlers.test_init_images import png


def test_snapshot_is_json_and_complete(fake: Fake, client: httpx.Client) -> None:
    """Rows, jobs, files, time, ids and chance: what follows is the same in both branches."""
    image = init_image(client, png())
    pending = generate(client, init_image_id=image)
    snapshot = json.loads(json.dumps(fake.snapshot()))

    def branch() -> list[bytes]:
        fake.advance(7)
        told = [client.get(f"/generations/{pending}").content for _ in range(2)]
        row = completed(client, "next")
        told += [
            client.get(f"/generations/{row['id']}").content,
            client.get(row["generated_images"][0]["url"]).content,
        ]
        told.append(client.get(client.get(f"/init-image/{image}").json()["init_images_by_pk"]["url"]).content)
        return told

    first = branch()
    fake.restore(snapshot)
    assert branch() == first


def test_snapshot_keeps_how_a_job_will_end() -> None:
    """Outcome, due moment and reads left."""
    fake = Fake(jobs="seconds:30", clock="frozen")
    with client_of(fake) as client:
        failing = generate(client, "[leomock:moderation_failed] a cat")
        fake.advance(10)
        snapshot = fake.snapshot()
        fake.reset()
        fake.restore(snapshot)
        fake.advance(19.9)
        assert client.get(f"/generations/{failing}").json()["generations_by_pk"]["status"] == "PENDING"
        fake.advance(0.1)
        assert client.get(f"/generations/{failing}").json()["generations_by_pk"]["status"] == "FAILED"
    fake.close()


def test_snapshot_keeps_the_counters_of_rules(fake: Fake, client: httpx.Client) -> None:
    """`flaky` goes on where it was."""
    with fake.scenario("flaky"):
        assert client.post("/generations", json={"prompt": "a"}).status_code == 500
        snapshot = fake.snapshot()
        statuses = [client.post("/generations", json={"prompt": "a"}).status_code for _ in range(2)]
        fake.restore(snapshot)
        assert [client.post("/generations", json={"prompt": "a"}).status_code for _ in range(2)] == statuses
    assert statuses == [500, 200]


def _without(snapshot: dict[str, Any], *way: str) -> dict[str, Any]:
    damaged = copy.deepcopy(snapshot)
    node = damaged
    for step in way[:-1]:
        node = node[step]
    del node[way[-1]]
    return damaged


def test_snapshot_damaged_is_refused_and_changes_nothing(fake: Fake, client: httpx.Client) -> None:
    """Whatever is missing."""
    id = generate(client)
    init_image(client, png())
    snapshot = fake.snapshot()
    for name in snapshot:
        with pytest.raises(SnapshotError):
            fake.restore(_without(snapshot, name))
    broken: list[Any] = [None, [], {}, {**snapshot, "leomock": 2}, {**snapshot, "jobs": [{"id": "x"}]}]
    for damaged in broken:
        with pytest.raises(SnapshotError):
            fake.restore(damaged)
    assert fake.snapshot() == snapshot
    assert client.get(f"/generations/{id}").json()["generations_by_pk"]["id"] == id


@pytest.mark.parametrize(
    ("settings", "left"), [({"max_stored": 99}, 99), ({"max_stored_all": 150}, 100)], ids=["key", "all keys"]
)
def test_snapshot_with_too_many_bytes_of_files_is_refused_and_changes_nothing(
    settings: SettingValues, left: int
) -> None:
    """A file of another key counts in the bound for all of them."""
    large, small = Worlds(Settings()), Worlds(Settings(**settings))
    large.of("key").bucket.keep("a.png", bytes(101), "image/png")
    small.of("other").bucket.keep("b.png", bytes(50), "image/png")
    world = small.of("key")
    with pytest.raises(SnapshotError) as refused:
        restore(world, take(large.of("key")))
    assert str(refused.value) == (
        f"the files of the snapshot take 101 bytes, and {left} are left for this key "
        "(leomock serve --max-stored and --max-stored-all change the limits)"
    )
    assert not world.bucket.objects
