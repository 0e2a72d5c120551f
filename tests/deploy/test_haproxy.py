"""Shards behind the distribution's HAProxy, with the configuration in deploy/."""

from __future__ import annotations

import collections
import io
import json
import re
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from PIL import Image

from leomock.testing.webhook_receiver import WebhookReceiver
from tests.deploy.shards import DEPLOY, HAPROXY, TOKEN, Cluster, cluster, extended, shard_in
from tests.server.page.chromium import ARGUMENTS, CHROMIUM

pytestmark = pytest.mark.skipif(not HAPROXY, reason="HAProxy is not installed (apt install haproxy)")

KEYS = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"leomock-{number}")) for number in range(200)]
CLIENTS = 16


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


class Made(NamedTuple):
    """What a journey made, and the number of the shard that made it."""

    shard: int
    user_id: str
    upload_id: str
    generation_id: str
    picture_url: str


class Customer:
    """One API key that goes through the proxy. `again` counts the calls that had to be made again."""

    def __init__(self, two: Cluster, key: str) -> None:
        self._client = two.client
        self._base = f"{two.url}/api/rest/v1"
        self._headers = {"authorization": f"Bearer {key}"}
        self.key = key
        self.again = 0

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Call the API with the key; return the JSON of the response."""
        answer = self._send(method, f"{self._base}{path}", headers=self._headers, json=body or None)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()

    def _send(self, method: str, url: str, **content: Any) -> httpx.Response:
        """Send a request; one that changes something is sent again where the docs say so."""
        for _ in range(5):
            try:
                answer = self._client.request(method, url, **content)
            except httpx.TransportError:
                if method == "GET":
                    raise
            else:
                if method == "GET" or answer.status_code != 502:
                    return answer
            self.again += 1
        raise AssertionError(f"{method} {url} was never answered")

    def begin(self) -> Made:
        """Upload a picture and start a generation from it."""
        user_id = self.call("GET", "/me")["user_details"][0]["user"]["id"]
        form = self.call("POST", "/init-image", extension="png")["uploadInitImage"]
        uploaded = self._send("POST", form["url"], data=json.loads(form["fields"]), files={"file": PICTURE})
        assert uploaded.status_code == 204, uploaded.text
        body = {"prompt": f"a cat of {self.key}", "width": 64, "height": 64, "init_image_id": form["id"]}
        created = self.call("POST", "/generations", **body)["sdGenerationJob"]["generationId"]
        return Made(shard_in(form["url"]), user_id, form["id"], created, "")

    def finish(self, made: Made) -> Made:
        """Read the generation until it is complete; it must be PENDING first."""
        path = f"/generations/{made.generation_id}"
        statuses: list[str] = []
        while not statuses or statuses[-1] == "PENDING":
            row = self.call("GET", path)["generations_by_pk"]
            statuses.append(row["status"])
        assert statuses[-1] == "COMPLETE"
        return made._replace(picture_url=row["generated_images"][0]["url"])

    def look(self, made: Made) -> None:
        """Everything that the journey made is there, and came from the same shard."""
        rows = self.call("GET", f"/generations/user/{made.user_id}")["generations"]
        ids = [row["id"] for row in rows]
        assert made.generation_id in ids
        assert len(ids) <= 1 + self.again  # a create that is sent again may have been done the first time
        assert shard_in(made.picture_url) == made.shard
        picture = self._client.get(made.picture_url)
        assert (picture.status_code, picture.content[:2]) == (200, b"\xff\xd8")
        upload = self.call("GET", f"/init-image/{made.upload_id}")["init_images_by_pk"]
        assert shard_in(upload["url"]) == made.shard
        assert self._client.get(upload["url"]).content == PICTURE


class Load:
    """The journeys of many keys at the same time."""

    def __init__(self, two: Cluster, keys: Sequence[str]) -> None:
        self.customers = [Customer(two, key) for key in keys]
        self._done = 0
        self._changed = threading.Condition()

    def run(self, customer: Customer) -> Made:
        """Make one journey."""
        made = customer.finish(customer.begin())
        customer.look(made)
        with self._changed:
            self._done += 1
            self._changed.notify_all()
        return made

    def wait_for(self, count: int) -> int:
        """Wait until `count` journeys have ended; return how many have."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._done >= count, 60)
            return self._done


def test_journeys_of_all_keys_survive_the_restart_of_a_shard(two: Cluster, receiver: WebhookReceiver) -> None:
    """Calls of the shard's keys wait while it restarts; uploads, jobs and events come back with --state."""
    load = Load(two, KEYS)
    with ThreadPoolExecutor(CLIENTS) as pool:
        journeys = [pool.submit(load.run, customer) for customer in load.customers]
        load.wait_for(len(KEYS) // 3)
        two.shards[1].stop()
        ended = load.wait_for(0)
        two.shards[1].start()
        two.shards[1].wait()
        made = [journey.result(60) for journey in journeys]
    assert ended < len(KEYS) - CLIENTS  # the shard restarted under load
    shards = collections.Counter(each.shard for each in made)
    assert abs(shards[0] - len(KEYS) / 2) <= 0.2 * len(KEYS) / 2, shards
    for customer, its in zip(load.customers, made, strict=True):
        receiver.wait_for(1, timeout=20, id=its.generation_id)
        if its.shard == 1:
            customer.look(its)  # also what was made before the restart is there
        else:
            assert customer.again == 0
    tenants = [
        {tenant["id"] for tenant in ask_shard(two, number, "/_leomock/tenants").json()["tenants"]}
        for number in (0, 1)
    ]
    for number in (0, 1):
        assert tenants[number] == {each.user_id for each in made if each.shard == number}


def test_event_that_waits_survives_the_restart_of_a_shard(two: Cluster, receiver: WebhookReceiver) -> None:
    """The first attempt is refused; the second one is made by the new process."""
    customer = next(Customer(two, key) for key in KEYS if two.shard_of(key) == 1)
    receiver.answer_with(503, 200)
    made = customer.finish(customer.begin())
    receiver.wait_for(1, id=made.generation_id)
    two.shards[1].stop()
    two.shards[1].start()
    two.shards[1].wait()
    receiver.wait_for(2, timeout=20, id=made.generation_id)


def ask_shard(two: Cluster, number: int, path: str) -> httpx.Response:
    return two.client.get(f"{two.url}/s/{number}{path}", headers={"x-leomock-admin-token": TOKEN})


@pytest.mark.parametrize("prefix", ["/s/0/api/rest/v1", "/s/1/v1"])
def test_key_decides_below_the_address_of_a_shard(two: Cluster, prefix: str) -> None:
    """A base URL that begins with /s/N must not give a key a second state."""
    for key in KEYS[:8]:
        headers = {"authorization": f"Bearer {key}"}
        answer = two.client.post(f"{two.url}{prefix}/init-image", json={"extension": "png"}, headers=headers)
        assert shard_in(answer.json()["uploadInitImage"]["url"]) == two.shard_of(key)


def test_page_of_a_shard_loads_its_files_from_there(two: Cluster) -> None:
    led = two.client.get(f"{two.url}/s/1")
    assert (led.status_code, led.headers["location"]) == (308, "/s/1/")
    page = httpx.URL(f"{two.url}/s/1/")
    links = re.findall(r'(?:href|src)="([^":]+)"', two.client.get(page).text)
    assert len(links) == 2
    for link in links:
        found = page.join(link)
        assert found.path.startswith("/s/1/")
        assert two.client.get(found).status_code == 200


@pytest.mark.xdist_group("chromium")
@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
def test_page_of_a_shard_works_in_a_browser(two: Cluster) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    customer = next(Customer(two, key) for key in KEYS if two.shard_of(key) == 1)
    made = customer.finish(customer.begin())
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        called: list[str] = []
        page.on("request", lambda request: called.append(request.url))
        page.goto(f"{two.url}/s/1/#gallery")
        page.get_by_label("Admin token").fill(TOKEN)
        page.get_by_role("button", name="Open").click()
        playwright.expect(page.get_by_text("live", exact=True)).to_be_visible(timeout=20_000)
        card = page.get_by_role("article", name=f"Generation {made.generation_id}")
        playwright.expect(card.locator("img").first).to_be_visible(timeout=20_000)
        page.get_by_role("tab", name="Send a request", exact=True).click()
        page.get_by_label("API key").fill(customer.key)
        page.get_by_role("button", name="Send", exact=True).click()
        playwright.expect(page.get_by_role("heading", name=re.compile("^Answer 200"))).to_be_visible()
        browser.close()
    assert [url for url in called if not url.startswith((f"{two.url}/s/1/", "blob:", "data:"))] == []


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
