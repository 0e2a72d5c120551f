"""`leomock serve --workers`, with real processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from leomock.cli.main import main
from leomock.cli.serving import workers as serving
from leomock.server.workers.passing import can_pass_connections
from leomock.testing.webhook_receiver import WebhookReceiver
from tests.cli.serving.several import Several, bearer, keys_of, launch, several, tenants_by_worker
from tests.server.raw import connect, read_all

pytestmark = pytest.mark.skipif(not can_pass_connections(), reason="needs Linux or macOS")

ZERO = list(islice(keys_of(0), 10))
ONE = list(islice(keys_of(1), 10))
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(receiver: WebhookReceiver) -> Iterator[Several]:
    with several("--workers", "2", "--jobs", "polls:1", "--webhook-url", receiver.url) as server:
        yield server


@pytest.fixture
def client(server: Several) -> Iterator[httpx.Client]:
    """A client with a single connection, so that its keys change on it."""
    limits = httpx.Limits(max_connections=1)
    with httpx.Client(base_url=server.url, limits=limits, timeout=30) as client:
        client.post("/_leomock/reset").raise_for_status()
        client.delete("/_leomock/requests").raise_for_status()
        yield client


def test_announcement_names_the_number_of_workers(server: Several) -> None:
    assert server.announced == f"leomock listening on {server.url} with 2 workers\n"
    assert len(server.workers()) == 2


def test_each_key_stays_in_one_process_on_a_connection_with_changing_keys(tmp_path: Path) -> None:
    with several("--workers", "2") as server, httpx.Client(base_url=server.url) as client:
        for key in [*ZERO, *ONE, *reversed(ZERO), *ONE[:7]]:
            client.get("/api/rest/v1/me", headers=bearer(key)).raise_for_status()
        assert tenants_by_worker(client) == [len(ZERO), len(ONE)]


def journey(client: httpx.Client, key: str) -> str:
    """Upload a picture, generate from it, download both; return the id of the generation."""
    api, headers = "/api/rest/v1", bearer(key)
    form = client.post(f"{api}/init-image", json={"extension": "png"}, headers=headers).json()[
        "uploadInitImage"
    ]
    uploaded = client.post(form["url"], data=json.loads(form["fields"]), files={"file": PNG})
    assert uploaded.status_code == 204, uploaded.text
    body = {"prompt": "a cat", "width": 64, "height": 64, "init_image_id": form["id"], "num_images": 1}
    created = client.post(f"{api}/generations", json=body, headers=headers).json()
    id: str = created["sdGenerationJob"]["generationId"]
    rows = [client.get(f"{api}/generations/{id}", headers=headers).json()["generations_by_pk"] for _ in "12"]
    assert [row["status"] for row in rows] == ["PENDING", "COMPLETE"]
    picture = client.get(rows[1]["generated_images"][0]["url"])
    assert (picture.status_code, picture.content[:2]) == (200, b"\xff\xd8")
    upload = client.get(f"{api}/init-image/{form['id']}", headers=headers).json()["init_images_by_pk"]
    assert client.get(upload["url"]).content == PNG
    return id


def test_journeys_of_several_keys_share_a_connection(client: httpx.Client, receiver: WebhookReceiver) -> None:
    ids = [journey(client, key) for key in (ZERO[0], ONE[0], ZERO[1], ONE[1])]
    for id in ids:
        receiver.wait_for(1, timeout=20, id=id)


def test_large_upload_takes_the_detour_whole(client: httpx.Client) -> None:
    content = PNG + os.urandom(3 * 2**20)
    client.get("/api/rest/v1/me", headers=bearer(ZERO[0]))  # the connection is the other worker's
    form = client.post("/api/rest/v1/init-image", json={"extension": "png"}, headers=bearer(ONE[0])).json()
    form = form["uploadInitImage"]
    uploaded = client.post(form["url"], data=json.loads(form["fields"]), files={"file": content})
    assert uploaded.status_code == 204, uploaded.text
    assert client.get(f"{form['url']}{json.loads(form['fields'])['key']}").content == content


def raw_get(key: str, path: str = "/api/rest/v1/me", end: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{end}\r\n".encode()


def user_ids(client: httpx.Client, *keys: str) -> list[str]:
    answers = [client.get("/api/rest/v1/me", headers=bearer(key)).json() for key in keys]
    return [answer["user_details"][0]["user"]["id"] for answer in answers]


def test_pipelined_requests_with_several_keys_are_answered_in_order(
    server: Several, client: httpx.Client
) -> None:
    keys = [ZERO[0], ONE[0], ONE[1], ZERO[1]]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        heads = [raw_get(key) for key in keys[:-1]]
        connection.sendall(b"".join([*heads, raw_get(keys[-1], end="Connection: close\r\n")]))
        answered = read_all(connection)
    places = [answered.find(id.encode()) for id in user_ids(client, *keys)]
    assert -1 not in places
    assert places == sorted(places)


def test_key_that_arrives_in_pieces_reaches_its_worker(server: Several, client: httpx.Client) -> None:
    request = raw_get(ONE[2], end="Connection: close\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(request), 20):
            connection.sendall(request[at : at + 20])
        answered = read_all(connection)
    [user] = user_ids(client, ONE[2])
    assert user.encode() in answered
    calls = {tenant["id"]: tenant["calls"] for tenant in client.get("/_leomock/tenants").json()["tenants"]}
    assert calls[user] == 2


def test_request_that_is_too_slow_is_told_to_the_worker_of_its_key() -> None:
    head = b"%s HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n"
    with (
        several("--workers", "2", "--request-timeout", "0.5") as server,
        httpx.Client(base_url=server.url) as client,
    ):
        client.get("/v1/me", headers=bearer(ONE[0])).raise_for_status()
        with connect(server.url) as connection:
            connection.sendall(head % (b"GET /v1/me", ZERO[0].encode()) + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
            late = head % (b"POST /v1/generations", ONE[0].encode()) + b"content-length: 90000\r\n\r\n"
            connection.sendall(late + b" " * 70_000)  # so much that it is passed on before it is complete
            assert b"HTTP/1.1 408 Request Timeout\r\n" in read_all(connection)
        for _ in range(1000):  # until worker 1 has heard of it
            *_, last = client.get("/_leomock/requests", headers=bearer(ONE[0])).json()["requests"]
            if last["operation"] == "createGeneration":
                break
        assert last["status"] == 408


@pytest.mark.parametrize("key", [ZERO[3], ONE[3]])
@pytest.mark.parametrize("fault", ["reset", "truncate", "stall"])
def test_broken_connection_looks_the_same_after_a_detour(
    client: httpx.Client, server: Several, key: str, fault: str
) -> None:
    """Faults break the client's own connection, whichever worker holds it."""
    rules = {"rules": [{"when": {"operation": "getUserSelf"}, "then": {"connection": fault}}]}
    client.put("/_leomock/scenario", json=rules, headers=bearer(key)).raise_for_status()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(raw_get(ZERO[4]))
        while b"}]}" not in connection.recv(65536):
            pass
        connection.sendall(raw_get(key))
        received = b""
        outcome = "ended"
        try:
            while piece := connection.recv(65536):
                received += piece
                if fault == "stall" and b"user_details" in received:
                    connection.settimeout(0.2)
        except ConnectionResetError:
            outcome = "reset"
        except TimeoutError:
            outcome = "open"
    assert outcome == {"reset": "reset", "truncate": "ended", "stall": "open"}[fault]
    assert (b"200 OK" in received) == (fault != "reset")
    assert b"}]}" not in received


# --- admin calls without a key -----------------------------------------------------------------------


def call_all(client: httpx.Client) -> None:
    for key in (ZERO[0], ONE[0], ZERO[1]):
        client.get("/api/rest/v1/me", headers=bearer(key)).raise_for_status()


def test_journal_of_all_workers_is_under_one_address(client: httpx.Client) -> None:
    call_all(client)
    client.get("/api/rest/v1/me")  # without a key
    calls = client.get("/_leomock/requests").json()["requests"]
    assert [(call["operation"], call["status"]) for call in calls] == [("getUserSelf", 200)] * 3 + [("", 401)]
    newest = client.get("/_leomock/requests", params={"limit": 2}).json()["requests"]
    assert newest == calls[-2:]
    har = client.get("/_leomock/requests", params={"format": "har", "limit": 3}).json()
    assert [entry["response"]["status"] for entry in har["log"]["entries"]] == [200, 200, 401]
    assert client.get("/_leomock/requests/1").json() == calls[-1]
    assert client.delete("/_leomock/requests").json() == {"requests": []}
    assert client.get("/_leomock/requests").json() == {"requests": []}


def test_call_that_is_refused_is_refused_once(client: httpx.Client) -> None:
    answer = client.get("/_leomock/requests", params={"operation": "getUserself"})
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": 'leomock: operation="getUserself": there is no such operation; '
            "did you mean 'getUserSelf'?"
        },
    )
    answer = client.get("/_leomock/tenants", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    answer = client.get("/_leomock/clock")
    assert answer.status_code == 401


def test_tenants_and_gallery_are_those_of_all_workers(client: httpx.Client) -> None:
    journey(client, ZERO[5])
    journey(client, ONE[5])
    users = set(user_ids(client, ZERO[5], ONE[5]))
    tenants = client.get("/_leomock/tenants").json()["tenants"]
    assert users <= {tenant["id"] for tenant in tenants}
    gallery = client.get("/_leomock/gallery").json()
    assert {row["tenant"] for row in gallery["generations"]} == users
    assert {row["tenant"] for row in gallery["uploads"]} == users
    for row in gallery["generations"]:
        shown = client.get("/_leomock/thumbnail", params={"key": row["files"][0]["key"]})
        assert shown.headers["content-type"] == "image/jpeg"


def test_tenant_header_reaches_the_worker_of_the_tenant(client: httpx.Client) -> None:
    for user in user_ids(client, ZERO[0], ONE[0]):
        found = client.get("/_leomock/requests", headers={"x-leomock-tenant": user}).json()["requests"]
        assert [call["operation"] for call in found] == ["getUserSelf"]
    answer = client.get("/_leomock/requests", headers={"x-leomock-tenant": str(uuid.UUID(int=5))})
    assert answer.status_code == 404


def test_control_without_a_key_reaches_every_worker(client: httpx.Client) -> None:
    call_all(client)
    worlds = len(client.get("/_leomock/tenants").json()["tenants"])
    assert client.post("/_leomock/clock", json={"advance": 60}).json() == {"worlds": worlds, "fired": []}
    assert client.put("/_leomock/scenario", json={"scenarios": ["outage"]}).json() == {
        "scenarios": ["outage"]
    }
    statuses = {client.get("/api/rest/v1/me", headers=bearer(k)).status_code for k in (ZERO[0], ONE[0])}
    assert len(statuses) == 1
    assert min(statuses) >= 500
    assert client.delete("/_leomock/scenario").json() == {"scenarios": []}
    assert client.post("/_leomock/reset").json() == {"reset": worlds}


def test_health_is_that_of_all_workers(client: httpx.Client) -> None:
    for path in ("/_leomock/health", "/_leomock/health/ready"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert (answer.json()["ready"], answer.json()["workers"]) == (True, 2)
    assert client.get("/_leomock/health/live").json() == {"status": "ok"}


def test_metrics_of_all_workers_are_parsed_by_the_library(client: httpx.Client) -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    client.post("/_leomock/reset")
    call_all(client)
    answer = client.get("/metrics", headers={"accept": "application/openmetrics-text"})
    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    calls = {
        sample.labels["worker"]: sample.value
        for sample in families["leomock_requests"].samples
        if sample.labels["operation"] == "getUserSelf" and sample.labels["status"] == "200"
    }
    assert set(calls) == {"0", "1"}
    buckets = families["leomock_request_seconds"].samples
    assert {sample.labels["worker"] for sample in buckets} == {"0", "1"}


def test_page_follows_all_workers(client: httpx.Client, server: Several) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/_leomock/page/app.js").status_code == 200
    with httpx.Client(base_url=server.url, timeout=30) as caller:
        wanted = set(user_ids(caller, ZERO[6], ONE[6]))
        seen: set[str] = set()
        with client.stream("GET", "/_leomock/live") as stream:
            assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
            for line in stream.iter_lines():
                if line.startswith('data: {"calls"'):
                    seen |= {call["tenant"] for call in json.loads(line[6:])["calls"]}
                if wanted <= seen:
                    break
    assert wanted <= seen


# --- starting and stopping ---------------------------------------------------------------------------


def read_line(process: Any) -> str:
    return str(process.stderr.readline())


def generations_of(client: httpx.Client, key: str) -> int:
    user = user_ids(client, key)[0]
    found = client.get(f"/api/rest/v1/generations/user/{user}", headers=bearer(key)).json()
    return len(found["generations"])


def create(client: httpx.Client, key: str) -> None:
    client.post("/api/rest/v1/generations", json={"prompt": "x"}, headers=bearer(key)).raise_for_status()


def test_state_survives_and_is_shared_out_again_for_another_number_of_workers(tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    keys = [*ZERO[:3], *ONE[:3]]
    with several("--workers", "2", "--state", state) as server:
        with httpx.Client(base_url=server.url) as client:
            for key in keys:
                create(client, key)
        assert server.stop() == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "state.json.worker-0",
        "state.json.worker-1",
    ]
    with several("--state", state) as server:  # one process
        with httpx.Client(base_url=server.url) as client:
            assert [generations_of(client, key) for key in keys] == [1] * 6
        assert server.stop() == (
            0,
            "leomock: the state of state.json.worker-0, state.json.worker-1 is now in state.json\n",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_worker_that_dies_is_started_again_with_its_state(tmp_path: Path) -> None:
    """Calls for its keys wait meanwhile; the other worker goes on."""
    options = ("--workers", "2", "--state", str(tmp_path / "state.json"), "--save-every", "0.1")
    with several(*options) as server, httpx.Client(base_url=server.url, timeout=40) as client:
        create(client, ZERO[0])
        create(client, ONE[0])
        saved = {0: tmp_path / "state.json.worker-0", 1: tmp_path / "state.json.worker-1"}
        for number, key in ((0, ZERO[0]), (1, ONE[0])):
            wait_until_saved(client, saved[number], key)
        for pid in server.workers()[:1]:
            os.kill(pid, signal.SIGKILL)
        assert read_line(server.process) in [
            f"leomock: worker {n} was ended by signal 9; restarting it, with the state that was saved last\n"
            for n in (0, 1)
        ]
        with httpx.Client(base_url=server.url, timeout=40) as other:
            assert [generations_of(other, key) for key in (ZERO[0], ONE[0])] == [1, 1]
            assert other.get("/_leomock/health/ready").status_code == 200
        assert len(server.workers()) == 2
        assert server.stop() == (0, "")


def wait_until_saved(client: httpx.Client, file: Path, key: str) -> None:
    """Make calls until the state file has a generation of a key."""
    for _ in range(2000):
        client.get("/_leomock/health/live")
        with contextlib.suppress(OSError, json.JSONDecodeError):
            if key in json.loads(file.read_bytes())["worlds"]:
                return
    raise AssertionError(f"{file} was not saved")


def test_stop_ends_streams_and_all_processes() -> None:
    with several("--workers", "2") as server:
        processes = server.workers()
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(raw_get(ONE[0]))
            while b"}]}" not in connection.recv(65536):
                pass
            connection.sendall(b"GET /_leomock/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while b"retry: 1000" not in connection.recv(65536):
                pass
            assert server.stop() == (0, "")
            assert b"0\r\n\r\n" not in read_all(connection)  # the stream breaks off, so that pages try again
    assert len(processes) == 2
    for pid in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_workers_end_when_their_parent_is_killed() -> None:
    with several("--workers", "2") as server:
        assert len(server.workers()) == 2
        server.process.kill()
        # Returns when the workers have closed their ends of the pipes as well.
        assert server.process.communicate(timeout=60) == ("", "")


def test_ready_is_false_while_the_server_drains() -> None:
    with several("--workers", "2", "--drain", "0.7") as server, httpx.Client(base_url=server.url) as client:
        assert client.get("/_leomock/health/ready").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        for _ in range(1000):  # until the processes have seen the signal
            ready = client.get("/_leomock/health/ready")
            if ready.status_code != 200 and len(ready.json()["problems"]) == 2:
                break
        assert ready.json()["problems"] == [
            "worker 0: the server is stopping",
            "worker 1: the server is stopping",
        ]
        assert client.get("/api/rest/v1/me", headers=bearer(ONE[0])).status_code == 200


def test_worker_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    (tmp_path / "state.json.worker-0").write_text("{}")
    (tmp_path / "state.json.worker-1").write_text('{"leomock": 1, "worlds": {}}')
    process = launch("--workers", "2", "--state", str(tmp_path / "state.json"))
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert f"Error: {tmp_path}/state.json.worker-0: not a state file of leomock" in errors
    assert "Error: worker 0 ended with exit code 1 before it was ready" in errors


@pytest.mark.parametrize("option", ["--https", "--proxy", "--mcp"])
def test_option_that_does_not_go_with_workers(option: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--workers", "2", option])
    assert done.exit_code == 2
    assert f"Error: --workers and {option} cannot be used together; leave one out" in done.output


def test_system_that_cannot_pass_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "can_pass_connections", lambda: False)
    done = CliRunner().invoke(main, ["serve", "--workers", "2"])
    assert done.exit_code == 2
    assert (
        "Error: --workers needs Linux or macOS, where a process can pass a connection to another one; leave "
        "it out here"
    ) in done.output
