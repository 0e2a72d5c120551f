"""The state file keeps the webhooks that were set for single keys, since events wait for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leomock.files.state import load, save
from leomock.state.settings import Settings
from leomock.state.snapshot import SnapshotError
from leomock.state.worlds import Worlds

OF_ALL = Settings(webhook_url="http://127.0.0.1:1/all")


def test_webhook_of_a_key_and_its_waiting_events_come_back(tmp_path: Path) -> None:
    before, after = Worlds(OF_ALL), Worlds(OF_ALL)
    world = before.of("key")
    world.set_webhook("http://127.0.0.1:2/own", "token")
    world.outbox.add("image_generation.complete", {"n": 1})
    save(tmp_path / "state.json", before)
    load(tmp_path / "state.json", after)
    outbox = after.of("key").outbox
    assert (outbox.url, outbox.key) == ("http://127.0.0.1:2/own", "token")
    assert [event.body for event in outbox.due()] == [{"n": 1}]


def test_webhook_that_was_turned_off_stays_off(tmp_path: Path) -> None:
    before, after = Worlds(OF_ALL), Worlds(OF_ALL)
    before.of("key").set_webhook("", "")
    save(tmp_path / "state.json", before)
    load(tmp_path / "state.json", after)
    assert not after.of("key").outbox.is_on


def test_webhook_of_the_options_is_not_kept(tmp_path: Path) -> None:
    """Another --webhook-url at the next start is the one that counts."""
    before, after = Worlds(OF_ALL), Worlds(Settings(webhook_url="http://127.0.0.1:3/new"))
    before.of("key")
    save(tmp_path / "state.json", before)
    load(tmp_path / "state.json", after)
    assert after.of("key").outbox.url == "http://127.0.0.1:3/new"


@pytest.mark.parametrize("webhooks", [[], {"key": "url"}, {"key": ["url"]}, {"key": [1, 2]}])
def test_webhooks_of_another_shape_are_refused(tmp_path: Path, webhooks: object) -> None:
    file = tmp_path / "state.json"
    save(file, Worlds(OF_ALL))
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"webhooks": webhooks}), "utf-8")
    with pytest.raises(SnapshotError) as refused:
        load(file, Worlds(OF_ALL))
    assert str(refused.value) == f"{file}: webhooks must map API keys to [url, key]"
