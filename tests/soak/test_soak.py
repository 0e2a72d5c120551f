"""A server under load, with faults and hostile clients, for LEOMOCK_SOAK_SECONDS; and one that is killed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from leomock.files.state import load
from leomock.operations.dispatch import Dispatcher
from leomock.server.listen import GRACE_SECONDS
from leomock.state.clock import Clock
from leomock.state.settings import Settings
from leomock.state.worlds import Worlds
from leomock.testing.webhook_receiver import WebhookReceiver
from tests.soak.hostile import attacked

SECONDS = float(os.environ.get("LEOMOCK_SOAK_SECONDS", "0"))
CLIENTS, HOSTILE = 200, 24
# Of the clients so many share a key with four others.
SHARING, TOGETHER = 40, 5
# A call that hung would take all of this from the stop.
STOP_SECONDS = GRACE_SECONDS
# What one thing may cost in memory, in bytes; the first is the target of `make bench`.
PER_ROW, PER_EVENT, PER_EXCHANGE, PER_OBJECT = 1536, 7168, 8192, 2048
JOURNAL = 20
RENDER_CACHE = 4 * 2**20  # full after a while
SLACK = 16 * 2**20
# After this time, or half of a shorter run, memory grows no more than what is stored explains.
WARM_SECONDS = 60.0
# What the server says of requests that are not HTTP; each of them is answered 400.
NOT_HTTP = "Invalid HTTP request received."
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)

# Every rule's effect is one that the clients below know how to tell from a defect.
RULES = """\
description: Everything that can go wrong, now and then.
rules:
  - {when: {operation: createGeneration, first: 1, each: operation}, then: {error: out_of_credits}}
  - {when: {operation: createGeneration, probability: 0.02}, then: {error: service_error}}
  - {when: {operation: createGeneration, probability: 0.02}, then: {connection: reset}}
  - {when: {operation: createGeneration, probability: 0.03}, then: {connection: truncate}}
  - {when: {operation: createGeneration, probability: 0.05}, then: {job: {status: FAILED}}}
  - {when: {operation: createGeneration, probability: 0.05}, then: {job: {images: 1}}}
  - {when: {operation: createGeneration, probability: 0.05}, then: {job: {nsfw: [0]}}}
  - {when: {operation: createGeneration, probability: 0.10}, then: {job: {seconds: [0.05, 0.5]}}}
  - {when: {operation: createGeneration, prompt: " 7$"}, then: {delay: 0.002}}
  - {when: {group: generations, probability: 0.05}, then: {delay: [0.001, 0.005]}}
  - {when: {group: generations, every: 41}, then: {error: rate_limited, headers: {Retry-After: 1}}}
  - {when: {operation: getGenerationById, probability: 0.02}, then: {status: 503, text: <h1>503</h1>}}
  - {when: {operation: getGenerationById, probability: 0.02}, then: {connection: truncate}}
  - {when: {operation: getGenerationById, call: 3, each: resource}, then: {content: malformed}}
  - {when: {operation: getGenerationsByUserId, probability: 0.02}, then: {connection: reset}}
  - {when: {operation: getGenerationsByUserId, probability: 0.02}, then: {content: wrong_type}}
  - {when: {operation: deleteGenerationById, probability: 0.05}, then: {connection: reset}}
  - {when: {operation: deleteGenerationById, probability: 0.05}, then: {status: 502}}
  - {when: {operation: uploadInitImage, probability: 0.03}, then: {error: service_error}}
  - {when: {every: 7}, then: {upload: refused}}
  - {when: {every: 11}, then: {upload: expired}}
  - {when: {probability: 0.05}, then: {webhook: {copies: 2}}}
  - {when: {probability: 0.05}, then: {webhook: {drop: true}}}
  - {when: {probability: 0.05}, then: {webhook: {delay: [0.01, 0.2]}}}
  - {when: {probability: 0.05}, then: {webhook: {reorder: true}}}
"""


class Server:
    """A `leomock serve` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def resident(self) -> int | None:
        """Bytes of memory in use (VmRSS); None where there is no /proc."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        return 1024 * int(status.partition("VmRSS:")[2].split()[0])

    def descriptors(self) -> int | None:
        """How many files and sockets are open; None where there is no /proc."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        return len(list(folder.iterdir())) if folder.exists() else None

    def descriptors_left(self, before: int | None) -> int | None:
        """The same, once there are no more than `before`, or after ten seconds."""
        late = time.monotonic() + 10
        while (left := self.descriptors()) is not None and before is not None and left > before:
            if time.monotonic() > late:
                break
            httpx.get(f"{self.url}/_leomock/health", trust_env=False).raise_for_status()
        return left


@contextmanager
def served(*arguments: str | Path, errors: Path) -> Iterator[Server]:
    """A server on a free port that has said where; what it writes to stderr is in a file."""
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "leomock", "serve", "--port", "0", "--quiet", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout
    try:
        line = process.stdout.readline()
        assert " listening on http://127.0.0.1:" in line, errors.read_text()
        yield Server(process, line.split()[-1])
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def held(state: Path, seed: int = 0) -> Worlds:
    """The worlds of a state file, loaded as a server does."""
    api = Dispatcher(Settings(seed=seed), lambda: Clock(time.time(), time.monotonic))
    load(state, api.worlds)
    return api.worlds


# --- clients ----------------------------------------------------------------------------------------------


class Tenant:
    """A key, and what its clients know of it."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.user = ""
        self.sent: set[str] = set()  # prompts of creates that were not refused
        self.known: dict[str, str] = {}  # ids that were answered, and their prompts
        self.unsure: set[str] = set()  # prompts of creates whose answer broke off
        self.gone: set[str] = set()  # ids whose delete was answered
        self.perhaps_gone: set[str] = set()  # ids whose delete broke off
        self.images: set[str] = set()
        self.rows: dict[str, str] = {}  # what is there at the end: ids and prompts


class Count:
    """What all clients did and met."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        self.wrong: list[str] = []

    def requests(self) -> int:
        """How many were answered, or broke off."""
        return self.statuses.total() + self.broken


class Client:
    """One client: calls in an order of its own, one after the other."""

    def __init__(self, name: str, tenant: Tenant, server: Server, tls: ssl.SSLContext, count: Count) -> None:
        self.name = name
        self.tenant = tenant
        self.count = count
        self.url = server.url
        self.chance = random.Random(name)
        self.number = 0
        self.mine: list[str] = []
        self.http = httpx.AsyncClient(
            base_url=server.url,
            verify=tls,
            trust_env=False,
            timeout=30,
            limits=httpx.Limits(max_connections=2),
        )
        self.headers = {"authorization": f"Bearer {tenant.key}"}

    async def run(self, until: float) -> None:
        """Call and call until the time is over."""
        acts = (
            self.create,
            self.poll,
            self.look_at_page,
            self.delete,
            self.upload,
            self.download,
            self.ask_admin,
        )
        while time.monotonic() < until:
            (act,) = self.chance.choices(acts, (30, 35, 12, 8, 5, 2, 8))
            self.count.done[act.__name__] += 1
            await act()

    async def api(self, method: str, path: str, **content: Any) -> tuple[int, Any]:
        """Status and JSON of an answer; (0, None) where it broke off and (status, None) without JSON."""
        return await self.ask(method, f"/api/rest/v1{path}", **content)

    async def ask(self, method: str, path: str, **content: Any) -> tuple[int, Any]:
        """The same, for any address that takes the key; what no rule asked for is noted as wrong."""
        try:
            answer = await self.http.request(method, path, headers=self.headers, **content)
        except (httpx.ReadError, httpx.RemoteProtocolError):
            self.count.broken += 1
            return 0, None
        except httpx.HTTPError as error:
            self.count.wrong.append(f"{method} {path}: {error!r}")
            return 0, None
        self.count.statuses[answer.status_code] += 1
        struck = "scenario rule" in answer.headers.get("x-leomock-explain", "")
        if answer.status_code >= 400 and not struck:
            self.count.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        try:
            return answer.status_code, answer.json()
        except ValueError:
            if not struck:
                self.count.wrong.append(f"{method} {path}: no JSON: {answer.text[:300]}")
            return answer.status_code, None

    async def create(self) -> None:
        """A generation of its own prompt."""
        self.number += 1
        prompt = f"{self.name} {self.number}"
        self.tenant.sent.add(prompt)
        body = {"prompt": prompt, "num_images": 1 + self.number % 4, "width": 64, "height": 64}
        status, told = await self.api("POST", "/generations", json=body)
        if told and status == 200:
            id = told["sdGenerationJob"]["generationId"]
            self.tenant.known[id] = prompt
            self.mine.append(id)
        elif status in (0, 200):
            self.tenant.unsure.add(prompt)
        else:
            self.tenant.sent.discard(prompt)

    async def poll(self) -> None:
        """One of its generations, which is as it was asked for."""
        if not self.mine:
            return
        id = self.chance.choice(self.mine[-20:])
        status, told = await self.api("GET", f"/generations/{id}")
        if told and status == 200:
            row = told["generations_by_pk"]
            if row is None or row["prompt"] != self.tenant.known[id]:
                self.count.wrong.append(f"{id} of {self.tenant.known[id]} is {row}")
            elif row["status"] == "PENDING" and row["generated_images"]:
                self.count.wrong.append(f"{id} is PENDING and has pictures")

    async def look_at_page(self) -> None:
        """A page of ten, with nothing of another key."""
        status, told = await self.api("GET", f"/generations/user/{self.tenant.user}?offset=0&limit=10")
        for row in told["generations"] if told and status == 200 else ():
            if row["prompt"] not in self.tenant.sent:
                self.count.wrong.append(f"{self.tenant.key} sees {row['prompt']!r}")

    async def delete(self) -> None:
        """One of its generations."""
        if len(self.mine) < 5:
            return
        id = self.mine.pop(self.chance.randrange(len(self.mine)))
        status, _ = await self.api("DELETE", f"/generations/{id}")
        if status == 200:
            self.tenant.gone.add(id)
        elif status == 0:
            self.tenant.perhaps_gone.add(id)
        else:
            self.mine.append(id)

    async def upload(self) -> None:
        """A picture through the form, as S3 takes it: without a key."""
        status, told = await self.api("POST", "/init-image", json={"extension": "png"})
        if not told or status != 200:
            return
        form = told["uploadInitImage"]
        self.tenant.images.add(form["id"])
        answer = await self.http.post(form["url"], data=json.loads(form["fields"]), files={"file": PNG})
        self.count.statuses[answer.status_code] += 1
        if answer.status_code not in (204, 403):
            self.count.wrong.append(f"upload: {answer.status_code} {answer.text[:300]}")
        if answer.status_code == 204:
            stored = await self.http.get(f"/cdn/{form['key']}")
            self.count.statuses[stored.status_code] += 1
            if stored.content != PNG:
                self.count.wrong.append(f"download: {stored.status_code}, {len(stored.content)} bytes")

    async def download(self) -> None:
        """The first picture of one of its generations, where there is one."""
        if not self.mine:
            return
        status, told = await self.api("GET", f"/generations/{self.mine[0]}")
        if told and status == 200 and (pictures := told["generations_by_pk"]["generated_images"]):
            answer = await self.http.get(pictures[0]["url"])
            self.count.statuses[answer.status_code] += 1
            if answer.status_code != 200 or not answer.content.startswith(b"\xff\xd8"):
                self.count.wrong.append(f"{pictures[0]['url']}: {answer.status_code}")

    async def ask_admin(self) -> None:
        """One of the admin API's reads."""
        what = ("clock", "jobs", "requests?limit=3", "requests?status=5xx", "webhook", "scenario")
        path = self.chance.choice(what)
        _, told = await self.ask("GET", f"/_leomock/{path}")
        if told and path.endswith("5xx"):
            self.judge(told["requests"])

    def judge(self, exchanges: list[Any]) -> None:
        """Of every 5xx in the journal a rule is the cause."""
        for exchange in exchanges:
            if not exchange["rules"]:
                self.count.wrong.append(f"no rule asked for {exchange}")

    async def look(self) -> None:
        """The end: everything that is there, in pages, and the last word of the journal."""
        tenant, offset = self.tenant, 0
        while True:
            page = f"/api/rest/v1/generations/user/{tenant.user}?offset={offset}&limit=50"
            answer = await self.http.get(page, headers=self.headers)
            rows = answer.raise_for_status().json()["generations"]
            tenant.rows.update((row["id"], row["prompt"]) for row in rows)
            offset += len(rows)
            if len(rows) < 50:
                break
        if len(tenant.rows) != offset:
            self.count.wrong.append(f"{tenant.key}: {offset} rows have {len(tenant.rows)} ids")
        self.judge((await self.ask("GET", "/_leomock/requests?status=5xx"))[1]["requests"])


def lost(tenant: Tenant) -> list[str]:
    """What is missing of a key's rows, there although it was deleted, or there of somebody else's."""
    rows, found = tenant.rows, []
    for id, prompt in tenant.known.items():
        if id not in rows and id not in tenant.gone | tenant.perhaps_gone:
            found.append(f"{tenant.key}: {id} ({prompt}) is lost")
        if id in rows and (id in tenant.gone or rows[id] != prompt):
            found.append(f"{tenant.key}: {id} ({prompt}) is there as {rows[id]}")
    strange = [prompt for id, prompt in rows.items() if id not in tenant.known]
    if len(set(strange)) != len(strange) or not tenant.unsure.issuperset(strange):
        found.append(f"{tenant.key}: nobody was told of {sorted(strange)}")
    return found


class Watch:
    """Looks at the server's health and memory all the while."""

    def __init__(self, server: Server, tenants: list[Tenant], count: Count) -> None:
        self.server = server
        self.tenants = tenants
        self.count = count
        self.over = threading.Event()
        self.waits: list[float] = []  # seconds until each answer
        self.samples: list[tuple[float, int, int]] = []  # seconds, bytes resident, bytes explained

    def explained(self) -> int:
        """Bytes that everything stored may take, at most."""
        rows = sum(len(t.known) + len(t.unsure) - len(t.gone) for t in self.tenants)
        images = sum(len(tenant.images) for tenant in self.tenants)
        # The journal is full after a while; so is an outbox, after 1000 events.
        exchanges = min(self.count.requests(), len(self.tenants) * JOURNAL)
        events = sum(min(1000, len(t.known) + len(t.unsure)) for t in self.tenants)
        stored = rows * PER_ROW + images * (PER_ROW + PER_OBJECT) + events * PER_EVENT
        return stored + exchanges * PER_EXCHANGE

    def run(self) -> None:
        """Ask ten times a second, in a thread of its own, until `over` is set."""
        began = time.monotonic()
        with httpx.Client(base_url=self.server.url, trust_env=False, timeout=10) as http:
            while not self.over.wait(0.1):
                now = time.monotonic()
                answer = http.get("/_leomock/health")
                if answer.status_code != 200:
                    self.count.wrong.append(f"health: {answer.status_code} {answer.text}")
                self.waits.append(time.monotonic() - now)
                if (resident := self.server.resident()) is not None:
                    self.samples.append((now - began, resident, self.explained()))

    def growth(self) -> tuple[int, int]:
        """Bytes by which the server grew after the first minute, and by which it may have."""
        if not self.samples:
            return 0, 0
        end = self.samples[-1]
        warm = next(sample for sample in self.samples if sample[0] >= min(WARM_SECONDS, end[0] / 2))
        return end[1] - warm[1], end[2] - warm[2]

    def curve(self) -> str:
        """Lines with the memory at 20 moments, and how much of its growth since the first is explained."""
        _, first, stored = self.samples[0]
        return "\n".join(
            f"    {at:5.0f} s {resident / 2**20:5.0f} MB, {(resident - first) / 2**20:+5.0f} MB of which "
            f"{(explained - stored) / 2**20:.0f} MB are explained"
            for at, resident, explained in self.samples[:: max(1, len(self.samples) // 20)]
        )


async def soak(
    server: Server, seconds: float, tell: Callable[[str], None]
) -> tuple[Count, Watch, list[Tenant]]:
    """Let all clients call for a time; then the faults end and everybody looks at what is there.

    The figures of the load are printed before that, so they are not lost if something goes wrong afterwards.
    """
    count, tls = Count(), httpx.create_ssl_context(trust_env=False)
    alone = [Tenant(f"alone-{number}") for number in range(CLIENTS - SHARING)]
    shared = [Tenant(f"shared-{number}") for number in range(SHARING // TOGETHER)]
    tenants = [*alone, *shared]
    clients = [
        Client(f"client-{number}", tenant, server, tls, count)
        for number, tenant in enumerate([*alone, *shared * TOGETHER])
    ]
    for client in clients:
        status, told = await client.ask("GET", "/_leomock/state")
        assert status == 200
        client.tenant.user = told["user_id"]
    watch = Watch(server, tenants, count)
    watching = asyncio.create_task(asyncio.to_thread(watch.run))
    try:
        until = time.monotonic() + seconds
        await asyncio.gather(*(client.run(until) for client in clients))
    finally:
        watch.over.set()
        await watching
        tell(report(count, watch))
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        (await http.delete("/_leomock/scenario")).raise_for_status()
    await asyncio.gather(*(client.look() for client in clients[: len(alone)] + clients[-len(shared) :]))
    for client in clients:
        await client.http.aclose()
    return count, watch, tenants


def report(count: Count, watch: Watch) -> str:
    """The figures of the load."""
    grown, may = watch.growth()
    rate = count.requests() / SECONDS
    waits = sorted(watch.waits)
    return f"""
soak: {SECONDS:.0f} s, {count.requests():,} requests ({rate:.0f}/s), {count.broken} broken off
  calls: {dict(count.done)}
  statuses: {dict(sorted(count.statuses.items()))}; {len(count.wrong)} wrong
  health: {len(waits)} times, median {waits[len(waits) // 2] * 1000:.0f} ms, slowest {waits[-1] * 1000:.0f} ms
  memory:
{watch.curve()}
  after the first minute: {grown / 2**20:+.1f} MB, of which what is stored explains {may / 2**20:.1f} MB
"""


@pytest.mark.skipif(not SECONDS, reason="a load of minutes; LEOMOCK_SOAK_SECONDS=60 (make soak) runs it")
def test_server_holds_under_load_with_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No answer is wrong that no rule spoils, no row is lost, memory is flat, and all is kept."""
    rules, state, errors = tmp_path / "rules.yaml", tmp_path / "state.json", tmp_path / "stderr"
    rules.write_text(RULES)

    def tell(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(text)

    with (
        WebhookReceiver() as receiver,
        served(
            *("--jobs", "seconds:0.2", "--seed", "7", "--scenario", rules, "--journal", str(JOURNAL)),
            *("--state", state, "--webhook-url", receiver.url, "--render-cache", str(RENDER_CACHE)),
            errors=errors,
        ) as server,
    ):
        httpx.get(f"{server.url}/_leomock/health", trust_env=False).raise_for_status()
        before = server.descriptors()
        with attacked(server.url, HOSTILE) as attacks:
            count, watch, tenants = asyncio.run(soak(server, SECONDS, tell))
        after = server.descriptors_left(before)
        told = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0
        stopping = time.monotonic() - told
        posts = len(receiver.received)
    grown, may = watch.growth()
    rows, images = sum(len(tenant.rows) for tenant in tenants), sum(len(tenant.images) for tenant in tenants)
    tell(f"""\
  {attacks[0]:,} attacks of {HOSTILE} hostile clients
  {rows} rows and {images} uploads of {len(tenants)} keys, {posts} webhook posts
  stopped in {stopping:.2f} s; the state file has {state.stat().st_size / 2**20:.1f} MB
  descriptors: {before} before, {after} after
""")
    assert not count.wrong, "\n".join(count.wrong[:20])
    assert not (found := [line for tenant in tenants for line in lost(tenant)]), "\n".join(found[:20])
    assert set(errors.read_text().splitlines()) <= {NOT_HTTP}
    assert {200, 204, 403, 429, 500, 502, 503} <= count.statuses.keys()
    assert count.broken
    assert posts
    assert grown <= may + SLACK
    assert (after or 0) <= (before or 0)
    assert attacks[0]
    assert stopping < STOP_SECONDS
    worlds = held(state, seed=7)
    for tenant in tenants:
        assert {row["id"] for row in worlds.of(tenant.key).generations} == tenant.rows.keys()
        assert {row["id"] for row in worlds.of(tenant.key).init_images} == tenant.images
    with served("--seed", "7", "--state", state, errors=errors) as server, httpx.Client() as http:
        headers = {"authorization": f"Bearer {tenants[0].key}"}
        kept = http.get(f"{server.url}/_leomock/state", headers=headers).json()["tables"]["generations"]
        assert {row["id"] for row in kept} == tenants[0].rows.keys()


# --- killed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("midway", [False, True], ids=["after a save", "in a save"])
def test_state_file_of_a_server_that_is_killed_is_whole(midway: bool, tmp_path: Path) -> None:
    """It holds at least what was there when the last save but one was done, and a server starts with it."""
    state = tmp_path / "state.json"
    headers = {"authorization": "Bearer k"}
    acknowledged: list[str] = []
    # How many rows were acknowledged before each of the saves that were seen; the row that came while one
    # was made does not count.
    before_saves: list[int] = []
    seen = 0
    with (
        served("--state", state, "--save-every", "0.1", errors=tmp_path / "stderr") as server,
        httpx.Client(base_url=f"{server.url}/v1", headers=headers, timeout=10) as client,
    ):
        late = time.monotonic() + 20
        while len(before_saves) < 4:
            assert time.monotonic() < late, before_saves
            created = client.post("/generations", json={"prompt": "a cat " * 100}).raise_for_status().json()
            if state.exists() and (at := state.stat().st_mtime_ns) != seen:
                seen = at
                before_saves.append(len(acknowledged))
            acknowledged.append(created["sdGenerationJob"]["generationId"])
        while midway and not any(file.name.startswith(".state.json.") for file in tmp_path.iterdir()):
            assert time.monotonic() < late, "no save was met"
        server.process.kill()
        server.process.wait()
    kept = [row["id"] for row in held(state).of("k").generations]
    assert kept == acknowledged[: len(kept)]
    assert len(kept) >= before_saves[-2]
    with served("--state", state, errors=tmp_path / "stderr") as server:
        answer = httpx.get(f"{server.url}/v1/generations/{kept[-1]}", headers=headers).json()
        assert answer["generations_by_pk"]["id"] == kept[-1]
