"""Shards behind the distribution's HAProxy, with the configuration in deploy/."""

from __future__ import annotations

import collections
import io
import json
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from PIL import Image

from leomock.testing.webhook_receiver import WebhookReceiver
from tests.deploy.shards import DEPLOY, HAPROXY, TOKEN, Cluster, cluster, extended, shard_in

pytestmark = pytest.mark.skipif(not HAPROXY, reason="HAProxy is not installed (apt install haproxy)")

KEYS = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"leomock-{number}")) for number in range(200)]
JOURNEYS = KEYS[:60]


def picture() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (64, 64)).save(written, "PNG")
    return written.getvalue()


PICTURE = picture()


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, receiver: WebhookReceiver) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("shards")
    with cluster(folder, "--webhook-url", receiver.url, "--jobs", "polls:1") as two:
        yield two


class Begun(NamedTuple):
    """What a journey holds when its shard restarts."""

    key: str
    shard: int
    upload_id: str
    generation_id: str


class Customer:
    """One API key that goes through the proxy."""

    def __init__(self, client: httpx.Client, url: str, key: str) -> None:
        self._client = client
        self._base = f"{url}/api/rest/v1"
        self._headers = {"authorization": f"Bearer {key}"}
        self.key = key

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Call the API with the key; return the JSON of the response."""
        answer = self._client.request(method, f"{self._base}{path}", headers=self._headers, json=body or None)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()

    def begin(self) -> Begun:
        """Upload a picture and start a generation from it."""
        form = self.call("POST", "/init-image", extension="png")["uploadInitImage"]
        uploaded = self._client.post(form["url"], data=json.loads(form["fields"]), files={"file": PICTURE})
        assert uploaded.status_code == 204, uploaded.text
        body = {"prompt": f"a cat of {self.key}", "width": 64, "height": 64, "init_image_id": form["id"]}
        created = self.call("POST", "/generations", **body)["sdGenerationJob"]["generationId"]
        return Begun(self.key, shard_in(form["url"]), form["id"], created)

    def finish(self, begun: Begun) -> None:
        """Read the generation until it is complete, and download its picture and the upload."""
        path = f"/generations/{begun.generation_id}"
        assert self.call("GET", path)["generations_by_pk"]["status"] == "PENDING"
        row = self.call("GET", path)["generations_by_pk"]
        assert row["status"] == "COMPLETE"
        url = row["generated_images"][0]["url"]
        assert shard_in(url) == begun.shard
        downloaded = self._client.get(url)
        assert (downloaded.status_code, downloaded.content[:2]) == (200, b"\xff\xd8")
        upload = self.call("GET", f"/init-image/{begun.upload_id}")["init_images_by_pk"]
        assert shard_in(upload["url"]) == begun.shard
        assert self._client.get(upload["url"]).content == PICTURE


def test_journeys_survive_the_restart_of_a_shard(two: Cluster, receiver: WebhookReceiver) -> None:
    """Uploads, jobs and events are kept in --state; calls of the shard's keys wait while it restarts."""
    restarted = two.shards[1]
    customers = {key: Customer(two.client, two.url, key) for key in JOURNEYS}
    begun = [customers[key].begin() for key in JOURNEYS]
    assert {each.shard for each in begun} == {0, 1}
    waiting = next(each for each in begun if each.shard == 1)
    answers: list[int] = []

    def call_meanwhile() -> None:
        headers = {"authorization": f"Bearer {waiting.key}"}
        answers.append(httpx.get(f"{two.url}/api/rest/v1/me", headers=headers, timeout=40).status_code)

    # The event of one job is refused before the restart, so it waits in the state for its second attempt.
    receiver.answer_with(503, 200)
    customers[waiting.key].finish(waiting)
    receiver.wait_for(1, id=waiting.generation_id)
    restarted.stop()
    caller = threading.Thread(target=call_meanwhile)
    caller.start()
    restarted.start()
    restarted.wait()
    caller.join(40)
    assert answers == [200]
    for each in begun:
        if each is not waiting:
            customers[each.key].finish(each)
    receiver.wait_for(2, timeout=20, id=waiting.generation_id)
    for each in begun:
        receiver.wait_for(1, timeout=20, id=each.generation_id)


def test_keys_are_spread_and_each_is_on_one_shard(two: Cluster) -> None:
    shards = collections.Counter(two.shard_of(key) for key in KEYS)
    assert abs(shards[0] - len(KEYS) / 2) <= 0.2 * len(KEYS) / 2, shards
    tenants = [
        {tenant["id"] for tenant in ask_shard(two, number, "/_leomock/tenants").json()["tenants"]}
        for number in (0, 1)
    ]
    assert not tenants[0] & tenants[1]
    assert len(tenants[0] | tenants[1]) == len(KEYS)


def ask_shard(two: Cluster, number: int, path: str) -> httpx.Response:
    return two.client.get(f"{two.url}/s/{number}{path}", headers={"x-leomock-admin-token": TOKEN})


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "Bearer   {}"])
def test_key_decides_and_not_how_the_header_is_written(two: Cluster, form: str) -> None:
    for key in KEYS[:8]:
        assert two.shard_of_header(form.format(key)) == two.shard_of(key)


@pytest.mark.parametrize("path", ["/_leomock/requests", "/_leomock", "/metrics", "/", "/cdn/users/a.jpg"])
def test_call_without_a_key_is_told_where_to_ask(two: Cluster, path: str) -> None:
    answer = two.client.get(two.url + path)
    assert answer.status_code == 421
    assert answer.json() == {
        "error": "leomock: several shards answer here. Send your API key to reach the shard that holds it, "
        "or put /s/N before the path to ask shard N (from 0)."
    }


def test_admin_call_with_a_key_reaches_its_shard(two: Cluster) -> None:
    headers = {"authorization": f"Bearer {KEYS[0]}"}
    two.client.get(f"{two.url}/api/rest/v1/me", headers=headers)
    found = two.client.get(f"{two.url}/_leomock/requests", headers=headers).json()["requests"]
    assert found[-1]["operation"] == "getUserSelf"


def test_caller_of_the_proxy_does_not_count_as_local(two: Cluster) -> None:
    """The shards see the proxy's address, and must not take everybody for a caller on this machine."""
    answer = two.client.get(f"{two.url}/s/0/_leomock/requests")
    assert answer.status_code == 401
    assert ask_shard(two, 0, "/_leomock/requests").status_code == 200


def test_unknown_shard_is_refused(two: Cluster) -> None:
    answer = two.client.get(f"{two.url}/s/7/cdn/a.jpg")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "leomock: there is no shard with this number"},
    )


def test_proxy_is_ready_when_every_shard_is(two: Cluster) -> None:
    answer = two.client.get(f"{two.url}/_leomock/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "problems": []})


def third_shard_added() -> str:
    """Return the configuration with a third shard, as its first comment says to add one."""
    lines: list[str] = []
    added: list[str] = []
    for line in (DEPLOY / "haproxy.cfg").read_text("utf-8").splitlines():
        marked = line.endswith("# (+)")
        if added and not marked:
            lines += added
            added = []
        lines.append(line)
        if marked:
            line = re.sub(r"SHARD_1|shard1|leomock-1|/s/1", lambda found: found[0][:-1] + "2", line)
            added.append(line.replace("id 2 ", "id 3 "))
    return "\n".join([*lines, *added, ""])


def test_added_shard_takes_only_its_share_of_the_keys(two: Cluster, tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    config.write_text(third_shard_added(), "utf-8")
    before = {key: two.shard_of(key) for key in KEYS}
    with extended(two, config, tmp_path) as three:
        after = {key: three.shard_of(key) for key in KEYS}
    moved = [key for key in KEYS if before[key] != after[key]]
    assert {after[key] for key in moved} == {2}
    assert abs(len(moved) - len(KEYS) / 3) <= 0.4 * len(KEYS) / 3  # about a third
