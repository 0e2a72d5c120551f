"""What a broken answer looks like to three HTTP clients, over real sockets and without a port."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
import httpx
import pytest
import requests

from leomock import Fake

DELAY = 0.2


class Answer(NamedTuple):
    """What a client shows of an answer."""

    status: int
    content_type: str
    retry_after: str | None
    text: str


class Client:
    """One HTTP client with a fake's key, which keeps its connections until it is closed.

    `patience` is how many seconds it waits for the next bytes.
    """

    def __init__(self, fake: Fake, patience: float = 5) -> None:
        self.fake = fake
        self.patience = patience
        self.headers = {"Authorization": f"Bearer {fake.api_key}"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        """The answer, however it turned out."""
        return self._send(method, f"{self.fake.base_url}{path}", body)

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """The answer as products read it: an error status and what is not JSON are exceptions."""
        return self._json(method, f"{self.fake.base_url}{path}", body)

    def create(self) -> Any:
        """The answer to a new generation."""
        return self.json("POST", "/generations", {"prompt": "a cat"})

    def _close(self) -> None:
        raise NotImplementedError

    def _send(self, method: str, url: str, body: Any) -> Answer:
        raise NotImplementedError

    def _json(self, method: str, url: str, body: Any) -> Any:
        raise NotImplementedError


class Httpx(Client):
    def __init__(self, fake: Fake, patience: float = 5, transport: httpx.BaseTransport | None = None) -> None:
        super().__init__(fake, patience)
        # To load all certificates takes longer than a test.
        self._client = httpx.Client(headers=self.headers, timeout=patience, verify=False, transport=transport)

    def _close(self) -> None:
        self._client.close()

    def _send(self, method: str, url: str, body: Any) -> Answer:
        return _shown_by_httpx(self._client.request(method, url, json=body))

    def _json(self, method: str, url: str, body: Any) -> Any:
        return self._client.request(method, url, json=body).raise_for_status().json()


class AsyncHttpx(Client):
    def __init__(
        self, fake: Fake, patience: float = 5, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(fake, patience)
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            headers=self.headers, timeout=patience, verify=False, transport=transport
        )

    def _close(self) -> None:
        with self._runner as runner:
            runner.run(self._client.aclose())

    def _send(self, method: str, url: str, body: Any) -> Answer:
        return _shown_by_httpx(self._runner.run(self._client.request(method, url, json=body)))

    def _json(self, method: str, url: str, body: Any) -> Any:
        return self._runner.run(self._client.request(method, url, json=body)).raise_for_status().json()


def _shown_by_httpx(answer: httpx.Response) -> Answer:
    headers = answer.headers
    return Answer(answer.status_code, headers["content-type"], headers.get("retry-after"), answer.text)


class PortlessHttpx(Httpx):
    def __init__(self, fake: Fake, patience: float = 5) -> None:
        super().__init__(fake, patience, fake.transport)


class PortlessAsyncHttpx(AsyncHttpx):
    def __init__(self, fake: Fake, patience: float = 5) -> None:
        super().__init__(fake, patience, fake.transport)


class Requests(Client):
    def __init__(self, fake: Fake, patience: float = 5) -> None:
        super().__init__(fake, patience)
        self._session = requests.Session()
        self._session.headers.update(self.headers)

    def _close(self) -> None:
        self._session.close()

    def _send(self, method: str, url: str, body: Any) -> Answer:
        answer = self._session.request(method, url, json=body, timeout=self.patience)
        headers = answer.headers
        return Answer(answer.status_code, headers["content-type"], headers.get("retry-after"), answer.text)

    def _json(self, method: str, url: str, body: Any) -> Any:
        answer = self._session.request(method, url, json=body, timeout=self.patience)
        answer.raise_for_status()
        return answer.json()


class Aiohttp(Client):
    def __init__(self, fake: Fake, patience: float = 5) -> None:
        super().__init__(fake, patience)
        self._runner = asyncio.Runner()
        self._session = self._runner.run(self._open())

    async def _open(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(sock_read=self.patience)
        return aiohttp.ClientSession(headers=self.headers, timeout=timeout)

    def _close(self) -> None:
        with self._runner as runner:
            runner.run(self._session.close())

    def _send(self, method: str, url: str, body: Any) -> Answer:
        async def send() -> Answer:
            async with self._session.request(method, url, json=body) as answer:
                headers, text = answer.headers, await answer.text()
                return Answer(answer.status, headers["content-type"], headers.get("retry-after"), text)

        return self._runner.run(send())

    def _json(self, method: str, url: str, body: Any) -> Any:
        async def send() -> Any:
            async with self._session.request(method, url, json=body) as answer:
                answer.raise_for_status()
                return await answer.json()

        return self._runner.run(send())


CLIENTS: list[type[Client]] = [Httpx, Requests, Aiohttp]
every_client = pytest.mark.parametrize("client", CLIENTS)


# What happens to the answer, and what httpx, requests and aiohttp make of it (None: nothing, it is read).
FAULTS: dict[str, tuple[str, tuple[type[Exception] | None, ...]]] = {
    "reset": (
        "{connection: reset}",
        (httpx.ReadError, requests.ConnectionError, aiohttp.ClientOSError),
    ),
    "truncate": (
        "{connection: truncate}",
        (httpx.RemoteProtocolError, requests.exceptions.ChunkedEncodingError, aiohttp.ClientPayloadError),
    ),
    # requests has a ReadTimeout only for the head of an answer.
    "stall": (
        "{connection: stall}",
        (httpx.ReadTimeout, requests.ConnectionError, aiohttp.SocketTimeoutError),
    ),
    "wrong_content_type": ("{content: wrong_type}", (None, None, aiohttp.ContentTypeError)),
    "malformed_json": (
        "{content: malformed}",
        (json.JSONDecodeError, requests.JSONDecodeError, json.JSONDecodeError),
    ),
    "500": (
        "{error: service_error}",
        (httpx.HTTPStatusError, requests.HTTPError, aiohttp.ClientResponseError),
    ),
    "503": (
        "{status: 503, text: <h1>Service Unavailable</h1>}",
        (httpx.HTTPStatusError, requests.HTTPError, aiohttp.ClientResponseError),
    ),
    "429": (
        "{error: rate_limited, headers: {Retry-After: 7}}",
        (httpx.HTTPStatusError, requests.HTTPError, aiohttp.ClientResponseError),
    ),
    "delay": (f"{{delay: {DELAY}}}", (None, None, None)),
    "long delay": ("{delay: 30}", (httpx.ReadTimeout, requests.ReadTimeout, aiohttp.SocketTimeoutError)),
}
# Those that spoil the answer to a call that was executed.
EXECUTED = ("reset", "truncate", "stall", "wrong_content_type", "malformed_json", "delay", "long delay")
STANDING_STILL = ("stall", "long delay")


def patience(fault: str) -> float:
    return 0.2 if fault in STANDING_STILL else 5


MakeFault = Callable[..., Path]


@pytest.fixture
def faults(tmp_path: Path) -> MakeFault:
    """Makes a scenario of one rule."""

    def make(effect: str, when: str = "{}", times: int | None = None) -> Path:
        path = tmp_path / "fault.yaml"
        rule = f"  - when: {when}\n    then: {effect}\n" + (f"    times: {times}\n" if times else "")
        path.write_text(f"description: A fault of a test.\nrules:\n{rule}", "utf-8")
        return path

    return make


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What uvicorn and asyncio complain of."""
    with caplog.at_level(logging.WARNING):
        yield caplog


def shown(client: Client) -> type[Exception] | None:
    """The exception that a new generation is for the client, or None where there is an answer."""
    try:
        answer = client.create()
    except Exception as error:
        return type(error)
    assert list(answer) == ["sdGenerationJob"]
    return None


def is_well(fake: Fake) -> None:
    """Hold that the fake, freed of its scenario, answers everybody."""
    assert httpx.get(f"{fake.url}/_leomock/health").json()["status"] == "ok"
    httpx.delete(f"{fake.url}/_leomock/scenario").raise_for_status()
    for kind in CLIENTS:
        with kind(fake) as client:
            id = client.create()["sdGenerationJob"]["generationId"]
            assert client.json("GET", f"/generations/{id}")["generations_by_pk"]["id"] == id


# --- what clients see -------------------------------------------------------------------------------------


@every_client
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_as_clients_see_it(fault: str, client: type[Client], faults: MakeFault) -> None:
    """The very exception of the table, or an answer; after it all is well for everybody."""
    effect, expected = FAULTS[fault]
    with Fake(scenario=faults(effect), clock="frozen") as fake:
        with client(fake, patience(fault)) as broken:
            assert shown(broken) is expected[CLIENTS.index(client)]
        is_well(fake)


PORTLESS = [(Httpx, PortlessHttpx), (AsyncHttpx, PortlessAsyncHttpx)]


@pytest.mark.parametrize(("with_port", "without_port"), PORTLESS, ids=["sync", "async"])
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "long delay"])
def test_fault_without_a_port(
    fault: str, with_port: type[Client], without_port: type[Client], faults: MakeFault
) -> None:
    """httpx shows the same exception, or the same answer, as over a socket."""
    path = faults(FAULTS[fault][0])
    seen: list[Any] = []
    for kind in (with_port, without_port):
        with Fake(scenario=path, clock="frozen") as fake, kind(fake, patience(fault)) as client:
            seen.append([shown(client)])
            if FAULTS[fault][1][0] in (None, httpx.HTTPStatusError, json.JSONDecodeError):
                seen[-1].append(client.send("POST", "/generations", {"prompt": "a cat"}))
            seen[-1].append([row["id"] for row in fake.world.generations])
    assert seen[1] == seen[0]


@every_client
def test_status_with_retry_after(client: type[Client], faults: MakeFault) -> None:
    """The status, the header and the vendor's body are there to be read."""
    with (
        Fake(scenario=faults(FAULTS["429"][0]), clock="frozen") as fake,
        client(fake) as limited,
    ):
        assert limited.send("POST", "/generations", {"prompt": "a cat"}) == (
            429,
            "application/json; charset=utf-8",
            "7",
            '{"error":"rate limit exceeded","path":"$","code":"unexpected"}',
        )


@every_client
def test_status_with_a_page(client: type[Client], faults: MakeFault) -> None:
    """A text without a type of its own is HTML, also where the call was for something else."""
    page = 503, "text/html; charset=utf-8", None, "<h1>Service Unavailable</h1>"
    with (
        Fake(scenario=faults(FAULTS["503"][0]), clock="frozen") as fake,
        client(fake) as refused,
    ):
        assert refused.send("GET", "/generations/00000000-0000-4000-8000-000000000000") == page
        assert refused.send("POST", "/init-image", {"extension": "png"}) == page


@every_client
def test_content_of_another_type(client: type[Client], faults: MakeFault) -> None:
    """The JSON is whole, under the type of a page."""
    with (
        Fake(scenario=faults(FAULTS["wrong_content_type"][0]), clock="frozen") as fake,
        client(fake) as misled,
    ):
        answer = misled.send("GET", "/generations/00000000-0000-4000-8000-000000000000")
        assert answer == (200, "text/html; charset=utf-8", None, '{"generations_by_pk":null}')


@every_client
def test_content_that_is_malformed(client: type[Client], faults: MakeFault) -> None:
    """Two thirds of the JSON, which HTTP calls whole."""
    with (
        Fake(scenario=faults(FAULTS["malformed_json"][0]), clock="frozen") as fake,
        client(fake) as misled,
    ):
        answer = misled.send("GET", "/generations/00000000-0000-4000-8000-000000000000")
        assert answer == (200, "application/json; charset=utf-8", None, '{"generations_by_')


@every_client
def test_delay_is_real(client: type[Client], faults: MakeFault) -> None:
    """The answer comes late by the machine's clock, though the fake's stands still."""
    effect = FAULTS["delay"][0]
    with Fake(scenario=faults(effect), clock="frozen") as fake, client(fake) as patient:
        moment, began = fake.clock.now(), time.perf_counter()
        patient.create()
        assert time.perf_counter() - began >= DELAY
        assert fake.clock.now() == moment


def test_delays_at_once(faults: MakeFault) -> None:
    """Calls that are late do not wait for each other: ten of them take less than five in a row."""

    async def create_all(fake: Fake) -> list[int]:
        headers = {"Authorization": f"Bearer {fake.api_key}"}
        async with httpx.AsyncClient(base_url=fake.base_url, headers=headers, verify=False) as client:
            calls = (client.post("/generations", json={"prompt": "a cat"}) for _ in range(10))
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    with Fake(scenario=faults(FAULTS["delay"][0]), clock="frozen") as fake:
        began = time.perf_counter()
        assert asyncio.run(create_all(fake)) == [200] * 10
        assert time.perf_counter() - began < 5 * DELAY


# --- what was executed ------------------------------------------------------------------------------------


@every_client
@pytest.mark.parametrize("fault", FAULTS)
def test_create_that_is_repeated(fault: str, client: type[Client], faults: MakeFault) -> None:
    """A call whose answer broke was executed, and is paid twice when repeated; a refused one was not."""
    with Fake(scenario=faults(FAULTS[fault][0], times=1), clock="frozen") as fake:
        with client(fake, patience(fault)) as persistent:
            shown(persistent)
            before = [row["id"] for row in fake.world.generations]
            again = persistent.create()["sdGenerationJob"]["generationId"]
            read = persistent.json("GET", f"/generations/user/{fake.user_id}")["generations"]
        assert len(before) == (1 if fault in EXECUTED else 0)
        assert [row["id"] for row in read] == [again, *before]
        assert [exchange.rules for exchange in fake.requests] == [["fault#1"], [], []]


@every_client
@pytest.mark.parametrize("fault", ["reset", "truncate", "stall"])
def test_connection_after_a_fault(fault: str, client: type[Client], faults: MakeFault) -> None:
    """A client whose kept connection broke goes on with a new one."""
    effect, expected = FAULTS[fault]
    with (
        Fake(scenario=faults(effect, "{call: 2}"), clock="frozen") as fake,
        client(fake, patience(fault)) as kept,
    ):
        broken = expected[CLIENTS.index(client)]
        assert [shown(kept) for _ in range(4)] == [None, broken, None, None]
        assert len(fake.world.generations) == 4


@every_client
def test_read_on_a_connection_that_is_reset(client: type[Client], faults: MakeFault) -> None:
    """aiohttp repeats a GET by itself where a kept connection was reset; the others tell of it."""
    path = faults(FAULTS["reset"][0], "{operation: getGenerationById, first: 1}")
    with Fake(scenario=path, clock="frozen") as fake, client(fake) as kept:
        id = kept.create()["sdGenerationJob"]["generationId"]
        if client is Aiohttp:
            assert kept.json("GET", f"/generations/{id}")["generations_by_pk"]["status"] == "COMPLETE"
        else:
            with pytest.raises((httpx.ReadError, requests.ConnectionError)):
                kept.json("GET", f"/generations/{id}")
            assert kept.json("GET", f"/generations/{id}")["generations_by_pk"]["status"] == "COMPLETE"
        fake.assert_called("getGenerationById", times=2)


# --- the server -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
def test_log_after_a_fault(fault: str, faults: MakeFault, log: pytest.LogCaptureFixture) -> None:
    """A fault is not a defect: nothing is complained of, not even when the client gives up."""
    with Fake(scenario=faults(FAULTS[fault][0]), clock="frozen") as fake:
        for kind in CLIENTS:
            with kind(fake, patience(fault)) as client:
                shown(client)
    assert [record.getMessage() for record in log.records] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_stop_after_a_fault(fault: str, faults: MakeFault) -> None:
    """The fake stops in less than a second after clients that got a broken answer, or gave up."""
    with ExitStack() as clients:
        fake = Fake(scenario=faults(FAULTS[fault][0]), clock="frozen").__enter__()
        try:
            for kind in CLIENTS:
                shown(clients.enter_context(kind(fake, patience(fault))))
        finally:
            began = time.perf_counter()
            fake.close()
            took = time.perf_counter() - began
    assert took < 1


def test_stop_while_a_client_is_stalled(faults: MakeFault, log: pytest.LogCaptureFixture) -> None:
    """The fake does not wait for a client that waits for it, and complains of nothing."""
    fake = Fake(scenario=faults(FAULTS["stall"][0]), clock="frozen").__enter__()
    headers = {"Authorization": f"Bearer {fake.api_key}"}
    with (
        httpx.Client(headers=headers, timeout=None, verify=False) as client,
        client.stream("POST", f"{fake.base_url}/generations", json={"prompt": "a cat"}) as answer,
    ):
        content = answer.iter_raw()
        assert next(content).startswith(b'{"sdGenerationJob":{"generationId":"')
        began = time.perf_counter()
        fake.close()
        took = time.perf_counter() - began
        with pytest.raises(httpx.TransportError):
            next(content)
    assert took < 1
    assert [record.getMessage() for record in log.records] == []


def test_stop_while_a_client_without_a_port_waits(faults: MakeFault) -> None:
    """A call that is not answered any more ends with an exception, and does not wait for ever."""
    fake = Fake(scenario=faults("{delay: 30}"), clock="frozen")
    seen: list[type[Exception] | None] = []

    def call() -> None:
        with PortlessHttpx(fake) as client:
            seen.append(shown(client))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    while not fake.requests:
        pass
    fake.close()
    thread.join(1)
    assert not thread.is_alive()
    assert seen not in ([], [None])


def test_reset_is_a_reset(faults: MakeFault) -> None:
    """On the wire: no byte of an answer, and RST instead of an orderly end."""
    with Fake(scenario=faults(FAULTS["reset"][0]), clock="frozen") as fake:
        wire = _wire(fake)
    assert wire == (b"", ConnectionResetError)


def test_truncate_is_an_early_end(faults: MakeFault) -> None:
    """On the wire: the head, half of the body that it announces, and an orderly end."""
    with Fake(scenario=faults(FAULTS["truncate"][0]), clock="frozen") as fake:
        content, end = _wire(fake)
    head, _, body = content.partition(b"\r\n\r\n")
    assert b"content-length: 26" in head.split(b"\r\n")
    assert body == b'{"generations'
    assert end is None


def _wire(fake: Fake) -> tuple[bytes, type[OSError] | None]:
    """All that comes back on a connection that asks for a generation, and the error at its end."""
    host, port = fake.url.removeprefix("http://").split(":")
    request = (
        "GET /api/rest/v1/generations/00000000-0000-4000-8000-000000000000 HTTP/1.1\r\n"
        f"Host: {host}:{port}\r\nAuthorization: Bearer {fake.api_key}\r\n\r\n"
    )
    content = b""
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request.encode())
        try:
            while chunk := connection.recv(65536):
                content += chunk
        except OSError as error:
            return content, type(error)
    return content, None
