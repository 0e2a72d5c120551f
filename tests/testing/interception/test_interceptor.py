"""Clients with the real hosts written into them reach the fake, and nothing else changes."""

from __future__ import annotations

import asyncio
import http.client
import importlib
import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import ModuleType, TracebackType
from typing import Any, ClassVar, NamedTuple, Self, cast
from urllib.parse import urlsplit

import aiohttp
import httpcore
import httpx
import pytest
import requests
import urllib3
import urllib3.connection
from leonardo_ai_sdk import LeonardoAiSDK
from PIL import Image

from leomock import Fake
from leomock.leonardo.hosts import UPLOAD_HOST
from leomock.testing.interception import Interceptor, intercept, libraries
from leomock.testing.interception.routing import routes

HOST = "cloud.leonardo.ai"
API = f"https://{HOST}/api/rest/v1"
# What only the fake answers, to a call without a key.
UNKNOWN_KEY = b'{"error":"Authentication hook unauthorized this request","path":"$","code":"access-denied"}'

Body = bytes | Iterator[bytes] | None


class Answer(NamedTuple):
    """What a client shows of an answer."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body, where the answer is a success."""
        assert self.status == 200, self
        return json.loads(self.body)


class Client:
    """One HTTP client, as it is without any options but a timeout; it reads answers as they arrive."""

    # What it makes of a host that is not there, a reset, half an answer, and one that stands still.
    errors: ClassVar[tuple[type[Exception], type[Exception], type[Exception], type[Exception]]]

    def __init__(self, patience: float = 5) -> None:
        self.patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def call(self, method: str, url: str, body: Body = None, headers: dict[str, str] | None = None) -> Answer:
        """The answer, whatever its status."""
        return self._call(method, url, body, headers or {})

    def _call(self, method: str, url: str, body: Body, headers: dict[str, str]) -> Answer:
        raise NotImplementedError

    def _close(self) -> None:
        pass

    def api(self, fake: Fake, method: str, path: str, body: Any = None) -> Answer:
        """A call with a fake's key, for the real address."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {fake.api_key}"}
        if sent is not None:
            headers["Content-Type"] = "application/json"
        return self.call(method, f"{API}{path}", sent, headers)


class Requests(Client):
    errors = (
        requests.ConnectionError,
        requests.ConnectionError,
        requests.exceptions.ChunkedEncodingError,
        requests.ConnectionError,
    )

    def __init__(self, patience: float = 5) -> None:
        super().__init__(patience)
        self._session = requests.Session()

    def _close(self) -> None:
        self._session.close()

    def _call(self, method: str, url: str, body: Body, headers: dict[str, str]) -> Answer:
        with self._session.request(
            method, url, data=body, headers=headers, stream=True, timeout=self.patience
        ) as answer:
            assert answer.url == url
            return Answer(answer.status_code, b"".join(answer.iter_content(1000)))


class Httpx(Client):
    errors = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout)

    def __init__(self, patience: float = 5) -> None:
        super().__init__(patience)
        self._client = httpx.Client(timeout=patience)

    def _close(self) -> None:
        self._client.close()

    def _call(self, method: str, url: str, body: Body, headers: dict[str, str]) -> Answer:
        with self._client.stream(method, url, content=body, headers=headers) as answer:
            assert answer.url == url
            return Answer(answer.status_code, b"".join(answer.iter_bytes(1000)))


async def one_by_one(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


class AsyncHttpx(Client):
    errors = Httpx.errors

    def __init__(self, patience: float = 5) -> None:
        super().__init__(patience)
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(timeout=patience)

    def _close(self) -> None:
        with self._runner as runner:
            runner.run(self._client.aclose())

    def _call(self, method: str, url: str, body: Body, headers: dict[str, str]) -> Answer:
        async def call() -> Answer:
            content = body if body is None or isinstance(body, bytes) else one_by_one(body)
            async with self._client.stream(method, url, content=content, headers=headers) as answer:
                assert answer.url == url
                return Answer(answer.status_code, b"".join([part async for part in answer.aiter_bytes(1000)]))

        return self._runner.run(call())


class Aiohttp(Client):
    errors = (
        aiohttp.ClientConnectorError,
        aiohttp.ClientOSError,
        aiohttp.ClientPayloadError,
        aiohttp.SocketTimeoutError,
    )

    def __init__(self, patience: float = 5) -> None:
        super().__init__(patience)
        self._runner = asyncio.Runner()
        self._session = self._runner.run(self._open())

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=self.patience), trust_env=True)

    def _close(self) -> None:
        with self._runner as runner:
            runner.run(self._session.close())

    def _call(self, method: str, url: str, body: Body, headers: dict[str, str]) -> Answer:
        async def call() -> Answer:
            content = body if body is None or isinstance(body, bytes) else one_by_one(body)
            async with self._session.request(method, url, data=content, headers=headers) as answer:
                assert str(answer.url) == str(answer.request_info.url) == url
                parts = [part async for part in answer.content.iter_chunked(1000)]
                return Answer(answer.status, b"".join(parts))

        return self._runner.run(call())


class Urllib3(Client):
    errors = (
        urllib3.exceptions.MaxRetryError,
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.ReadTimeoutError,
    )

    def __init__(self, patience: float = 5) -> None:
        super().__init__(patience)
        self._manager = urllib3.PoolManager(timeout=patience)

    def _close(self) -> None:
        self._manager.clear()

    def _call(self, method: str, url: str, body: Body, headers: dict[str, str]) -> Answer:
        answer = self._manager.request(method, url, body=body, headers=headers, preload_content=False)
        try:
            return Answer(answer.status, b"".join(answer.stream(1000)))
        finally:
            answer.close()


class Urllib(Client):
    errors = (urllib.error.URLError, ConnectionResetError, http.client.IncompleteRead, TimeoutError)

    def __init__(self, patience: float = 5) -> None:
        super().__init__(patience)
        self._opener = urllib.request.build_opener()

    def _call(self, method: str, url: str, body: Body, headers: dict[str, str]) -> Answer:
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            opened = self._opener.open(request, timeout=self.patience)
        except urllib.error.HTTPError as error:
            opened = error
        with opened as answer:
            assert answer.url == url
            # Python tells of a missing rest only where the whole of it is asked for.
            return Answer(answer.status, answer.read(10) + answer.read())


class HttpClient(Client):
    errors = (socket.gaierror, ConnectionResetError, http.client.IncompleteRead, TimeoutError)

    def __init__(self, patience: float = 5) -> None:
        super().__init__(patience)
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def _close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def _call(self, method: str, url: str, body: Body, headers: dict[str, str]) -> Answer:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        start = f"{parts.scheme}://{parts.netloc}"
        if start not in self._connections:
            self._connections[start] = kind(parts.netloc, timeout=self.patience)
        connection = self._connections[start]
        try:
            connection.request(method, url.removeprefix(start), body, headers)
            with connection.getresponse() as answer:
                return Answer(answer.status, answer.read(10) + answer.read())
        except Exception:
            connection.close()
            raise


CLIENTS: list[type[Client]] = [Requests, Httpx, AsyncHttpx, Aiohttp, Urllib3, Urllib, HttpClient]
every_client = pytest.mark.parametrize("kind", CLIENTS)

REPLACED = [
    (http.client.HTTPConnection, "connect"),
    (http.client.HTTPConnection, "putrequest"),
    (http.client.HTTPSConnection, "connect"),
    (urllib3.connection.HTTPConnection, "connect"),
    (urllib3.connection.HTTPSConnection, "connect"),
    (httpcore.ConnectionPool, "create_connection"),
    (httpcore.AsyncConnectionPool, "create_connection"),
    (httpcore.HTTPProxy, "create_connection"),
    (httpcore.HTTPConnection, "is_available"),
    (aiohttp.BaseConnector, "_get"),
    (aiohttp.TCPConnector, "_create_connection"),
]


def present() -> list[Any]:
    """What is there now of all that is replaced."""
    return [vars(owner)[name] for owner, name in REPLACED]


ORIGINALS = present()


@pytest.fixture(autouse=True)
def nothing_left_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reaches the network, and each leaves all as it was."""
    resolve = socket.getaddrinfo

    def local(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ("127.0.0.1", "localhost", b"127.0.0.1", b"localhost"):
            return resolve(host, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "tests have no network")

    monkeypatch.setattr(socket, "getaddrinfo", local)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    finders = list(sys.meta_path)
    yield
    assert all(now is before for now, before in zip(present(), ORIGINALS, strict=True))
    assert sys.meta_path == finders
    assert routes() == ()


class Elsewhere:
    """Another server: it answers everything with one word, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hosts: list[str] = []
        asked, hosts = self.asked, self.hosts

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                hosts.append(self.headers["Host"])
                self.send_response(200)
                self.send_header("Content-Length", "9")
                self.end_headers()
                self.wfile.write(b"elsewhere")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.netloc = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.netloc}"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """A server that is not a fake."""
    server = Elsewhere()
    yield server
    server.close()


@pytest.fixture(params=["listening", "not listening"])
def any_fake(request: pytest.FixtureRequest) -> Iterator[Fake]:
    """A fake on a port, or one that has none."""
    fake = Fake(clock="frozen")
    if request.param == "listening":
        fake.__enter__()
    yield fake
    fake.close()


def picture() -> bytes:
    """A PNG."""
    file = BytesIO()
    Image.radial_gradient("L").save(file, "PNG")
    return file.getvalue()


def form(fields: dict[str, str], content: bytes) -> tuple[bytes, str]:
    """An upload as multipart, and its type."""
    return urllib3.encode_multipart_formdata({**fields, "file": ("cat.png", content, "image/png")})


def generations(fake: Fake) -> int:
    """How many generations a fake was asked for."""
    return len(list(fake.world.generations))


# --- every client ------------------------------------------------------------------------------------------


@every_client
def test_journey_with_fixed_hosts(kind: type[Client], any_fake: Fake) -> None:
    """A picture is made, polled for and read from the CDN, and one is uploaded; all addresses are real."""
    fake = any_fake
    with intercept(fake), kind() as client:
        made = client.api(fake, "POST", "/generations", {"prompt": "a cat", "num_images": 1}).json
        id = made["sdGenerationJob"]["generationId"]
        states = [client.api(fake, "GET", f"/generations/{id}").json["generations_by_pk"] for _ in range(2)]
        assert [state["status"] for state in states] == ["PENDING", "COMPLETE"]
        address = states[1]["generated_images"][0]["url"]
        assert address.startswith("https://cdn.leonardo.ai/")
        image = Image.open(BytesIO(client.call("GET", address).body))
        assert image.size == (states[1]["imageWidth"], states[1]["imageHeight"])

        ticket = client.api(fake, "POST", "/init-image", {"extension": "png"}).json["uploadInitImage"]
        assert ticket["url"].startswith(f"https://{UPLOAD_HOST}/")
        body, content_type = form(json.loads(ticket["fields"]), picture())
        assert client.call("POST", ticket["url"], body, {"Content-Type": content_type}).status == 204
        found = client.api(fake, "GET", f"/init-image/{ticket['id']}").json["init_images_by_pk"]
        assert found["url"].startswith("https://cdn.leonardo.ai/")
        assert client.call("GET", found["url"]).body == picture()
    assert len(fake.requests) == 8


@every_client
def test_version_2_with_fixed_hosts(kind: type[Client], fake: Fake) -> None:
    """It is on the host of version 1."""
    body = json.dumps({"model": "flux-dev", "parameters": {"prompt": "a cat"}}).encode()
    headers = {"Authorization": f"Bearer {fake.api_key}", "Content-Type": "application/json"}
    with intercept(fake), kind() as client:
        answer = client.call("POST", "https://cloud.leonardo.ai/api/rest/v2/generations", body, headers)
    assert answer.json["generate"]["generationId"]


@every_client
def test_call_in_clear(kind: type[Client], fake: Fake) -> None:
    """http goes to the fake as https does, and another port or spelling of the host does not matter."""
    with intercept(fake), kind() as client:
        for start in (f"http://{HOST}", f"http://{HOST}:8080", f"https://{HOST}:8443", f"http://{HOST}."):
            answer = client.call(
                "GET", f"{start}/api/rest/v1/me", headers={"Authorization": f"Bearer {fake.api_key}"}
            )
            assert answer.status == 200


@every_client
def test_request_arrives_as_it_was_sent(kind: type[Client], elsewhere: Elsewhere) -> None:
    """Its path is as it was, encoded or not, below the prefix of its host; so is its Host header."""
    with intercept(cast(Fake, elsewhere)), kind() as client:
        for url in (
            f"{API}/a%2Fb%20c?d=%26&e=f%2Bg",
            "https://cdn.leonardo.ai/a%2Fb%20c?d=%26",
            f"http://{HOST}:81/",
        ):
            assert client.call("GET", url).body == b"elsewhere"
    assert elsewhere.asked == ["/api/rest/v1/a%2Fb%20c?d=%26&e=f%2Bg", "/a%2Fb%20c?d=%26", "/"]
    assert elsewhere.hosts == [HOST, "cdn.leonardo.ai", f"{HOST}:81"]


@every_client
def test_streamed_upload_and_download(kind: type[Client]) -> None:
    """A body of unknown length is sent in chunks, and the uploaded file is read in chunks."""
    content = picture() + bytes(2_000_000)
    with Fake(chunked_uploads="accept") as fake, intercept(fake), kind() as client:
        ticket = client.api(fake, "POST", "/init-image", {"extension": "png"}).json["uploadInitImage"]
        body, content_type = form(json.loads(ticket["fields"]), content)
        chunks = (body[start : start + 100_000] for start in range(0, len(body), 100_000))
        assert client.call("POST", ticket["url"], chunks, {"Content-Type": content_type}).status == 204
        found = client.api(fake, "GET", f"/init-image/{ticket['id']}").json["init_images_by_pk"]
        assert client.call("GET", found["url"]).body == content


@every_client
def test_client_made_before(kind: type[Client], any_fake: Fake) -> None:
    """A client that is older than the interception is intercepted, and free again after it."""
    with kind() as client:
        with pytest.raises(client.errors[0]):
            client.api(any_fake, "GET", "/me")
        with intercept(any_fake):
            assert client.api(any_fake, "GET", "/me").status == 200
        with pytest.raises(client.errors[0]):
            client.api(any_fake, "GET", "/me")
    assert len(any_fake.requests) == 1


@every_client
def test_client_used_with_several_fakes(kind: type[Client]) -> None:
    """Each call goes to the innermost fake, though connections to the others are kept open."""
    with Fake() as one, Fake() as two, kind() as client:

        def create() -> None:
            assert client.api(one, "POST", "/generations", {"prompt": "a cat"}).status == 200

        with intercept(one):
            create()
            with intercept(two):
                create()
                create()
            create()
        with intercept(two):
            create()
        assert generations(one) == 2
        assert two.api.worlds.of(one.api_key).generations
        assert len(list(two.api.worlds.of(one.api_key).generations)) == 3


@every_client
def test_other_hosts_are_left_alone(kind: type[Client], fake: Fake, elsewhere: Elsewhere) -> None:
    """They are asked themselves, before, between and after calls for real hosts."""
    with kind() as client:
        assert client.call("GET", f"{elsewhere.url}/1?a=b").body == b"elsewhere"
        with intercept(fake):
            assert client.call("GET", f"{elsewhere.url}/2").body == b"elsewhere"
            assert client.api(fake, "GET", "/me").status == 200
            assert client.call("GET", f"{elsewhere.url}/3", headers={"Host": HOST}).body == b"elsewhere"
            with pytest.raises(client.errors[0]):
                client.call("GET", "https://leonardo.ai/")
        assert client.call("GET", f"{elsewhere.url}/4").body == b"elsewhere"
    assert elsewhere.asked == ["/1?a=b", "/2", "/3", "/4"]
    assert len(fake.requests) == 1


@every_client
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxies_of_the_environment(
    scheme: str, kind: type[Client], fake: Fake, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls for the real hosts do not go through them; calls for others do, as they would."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, elsewhere.url)
        monkeypatch.setenv(name.lower(), elsewhere.url)
    with intercept(fake), kind() as client:
        url = f"{scheme}://{HOST}/api/rest/v1/me"
        headers = {"Authorization": f"Bearer {fake.api_key}"}
        assert client.call("GET", url, headers=headers).status == 200
        assert client.call("GET", f"{scheme}://cdn.leonardo.ai/none").status == 403
        assert elsewhere.asked == []
        if kind in (Requests, Httpx, AsyncHttpx, Aiohttp, Urllib):
            assert client.call("GET", "http://example.org/1").body == b"elsewhere"
            assert elsewhere.asked == ["http://example.org/1"]
            assert client.call("GET", url, headers=headers).status == 200


@every_client
@pytest.mark.parametrize(("scenario", "which"), [("connection_drops", 1), ("truncated", 2), ("stalled", 3)])
def test_broken_connection_as_clients_see_it(scenario: str, which: int, kind: type[Client]) -> None:
    """It is the exception that the client has for it; afterwards all is well."""
    fake = Fake(clock="frozen", scenario=scenario)
    with intercept(fake), kind(0.2 if scenario == "stalled" else 5) as client:
        for _ in range(3 if scenario == "connection_drops" else 0):
            client.api(fake, "POST", "/generations", {"prompt": "a cat"})
        with pytest.raises(client.errors[which]) as caught:
            client.api(fake, "POST", "/generations", {"prompt": "a cat"})
        assert type(caught.value) is client.errors[which]
        fake.world.scenario_engine.play(())
        assert client.api(fake, "GET", "/me").status == 200


# --- what is particular to one client ----------------------------------------------------------------------


def test_error_text_of_requests(tmp_path: Any) -> None:
    """It names the host that was called, not the fake's port."""
    fake = Fake(clock="frozen")
    rule = tmp_path / "late.yaml"
    rule.write_text("description: Late.\nrules:\n  - then: {delay: 30}\n", "utf-8")
    with intercept(fake), fake.scenario(rule), pytest.raises(requests.ReadTimeout) as caught:
        requests.get(f"{API}/me", headers={"Authorization": f"Bearer {fake.api_key}"}, timeout=0.1)
    text = "HTTPSConnectionPool(host='cloud.leonardo.ai', port=443): Read timed out. (read timeout=0.1)"
    assert str(caught.value) == text


def test_tls_settings_do_not_matter(fake: Fake) -> None:
    """Whether certificates are looked at or not, there is no warning and no handshake."""
    headers = {"Authorization": f"Bearer {fake.api_key}"}
    with intercept(fake):
        assert requests.get(f"{API}/me", headers=headers, verify=False).status_code == 200
        assert httpx.get(f"{API}/me", headers=headers, verify=False).status_code == 200
        manager = urllib3.PoolManager(cert_reqs="CERT_NONE", assert_fingerprint="00" * 32)
        assert manager.request("GET", f"{API}/me", headers=headers).status == 200


def test_pool_of_urllib3_with_defaults_of_its_own(fake: Fake) -> None:
    """Headers, retries and timeout of a pool are used."""
    with intercept(fake):
        pool = urllib3.HTTPSConnectionPool(
            HOST, headers={"authorization": f"Bearer {fake.api_key}"}, timeout=5, retries=0
        )
        assert pool.request("GET", "/api/rest/v1/me").status == 200
        assert pool.urlopen("GET", "/api/rest/v1/me", timeout=3, body=None).status == 200
        answer = urllib3.HTTPConnectionPool("cdn.leonardo.ai").request("GET", "/none")
        assert answer.status == 403
    assert [exchange.status for exchange in fake.requests] == [200, 200]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_manager_of_urllib3(scheme: str, fake: Fake, elsewhere: Elsewhere) -> None:
    """A proxy that is given, not found, leads nothing away either."""
    headers = {"authorization": f"Bearer {fake.api_key}"}
    with intercept(fake):
        manager = urllib3.ProxyManager(elsewhere.url)
        answer = manager.request("GET", f"{scheme}://{HOST}/api/rest/v1/me", headers=headers)
        assert answer.status == 200
    assert elsewhere.asked == []
    assert len(fake.requests) == 1


def test_connection_of_http_client_to_a_proxy(fake: Fake, elsewhere: Elsewhere) -> None:
    """Each request goes where its own address leads, on one connection."""
    connection = http.client.HTTPConnection(elsewhere.netloc)
    with intercept(fake):
        for _ in range(2):
            connection.request("GET", "http://example.org/1")
            assert connection.getresponse().read() == b"elsewhere"
            connection.request("GET", f"http://{HOST}/api/rest/v1/me")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (401, UNKNOWN_KEY)
    connection.close()
    assert elsewhere.asked == ["http://example.org/1"] * 2


def test_connection_of_http_client_opened_by_hand(fake: Fake) -> None:
    """To connect before the first request opens no connection to the real host."""
    connection = http.client.HTTPSConnection(HOST)
    with intercept(fake):
        connection.connect()
        connection.request("GET", "/api/rest/v1/me", headers={"Authorization": f"Bearer {fake.api_key}"})
        answer = connection.getresponse()
    # The answer outlives the interception.
    assert json.loads(answer.read()) == {"user_details": fake_me(fake)}
    assert connection.sock is None


def fake_me(fake: Fake) -> Any:
    with httpx.Client(transport=fake.transport, base_url=fake.base_url) as client:
        return client.get("/me", headers={"Authorization": f"Bearer {fake.api_key}"}).json()["user_details"]


@pytest.mark.parametrize(
    "option", [{"http1": False, "http2": True}, {"uds": "/none"}, {"proxy": "http://127.0.0.1:9"}]
)
def test_transport_of_httpx_with_options(option: dict[str, Any], fake: Fake) -> None:
    """A transport that could not reach the fake gets help, and keeps nothing open."""
    headers = {"Authorization": f"Bearer {fake.api_key}"}
    with intercept(fake), httpx.Client(transport=httpx.HTTPTransport(**option), headers=headers) as client:
        assert [client.get(f"{API}/me").status_code for _ in range(2)] == [200, 200]


def test_middleware_of_aiohttp_that_calls_twice(elsewhere: Elsewhere) -> None:
    """A request that is sent again is sent to the same place, and says the real address meanwhile."""
    seen: list[str] = []

    async def twice(request: Any, handler: Any) -> Any:
        first = await handler(request)
        first.release()
        seen.append(str(request.url))
        return await handler(request)

    async def call() -> int:
        async with (
            aiohttp.ClientSession(middlewares=[twice]) as session,
            session.get("https://cdn.leonardo.ai/1") as answer,
        ):
            return answer.status

    with intercept(cast(Fake, elsewhere)):
        assert asyncio.run(call()) == 200
    assert seen == ["https://cdn.leonardo.ai/1"]
    assert elsewhere.asked == ["/1", "/1"]


def test_official_sdk_with_its_own_address(fake: Fake) -> None:
    """The SDK needs no server_url; one that was made before works as well."""
    with LeonardoAiSDK(bearer_auth=fake.api_key) as sdk, intercept(fake):
        made = sdk.image.create_generation(request={"prompt": "a cat"})
        assert made.object is not None
        assert made.object.sd_generation_job is not None
    assert generations(fake) == 1


# --- beginning and end -------------------------------------------------------------------------------------


def test_everything_is_put_back_at_the_last_end(fake: Fake) -> None:
    """Between the first start and the last stop other attributes are there, then the very same again."""
    one, two = Interceptor(fake), Interceptor(Fake())
    one.start()
    inside = present()
    assert not any(now is before for now, before in zip(inside, ORIGINALS, strict=True))
    two.start()
    assert all(now is before for now, before in zip(present(), inside, strict=True))
    one.stop()
    assert all(now is before for now, before in zip(present(), inside, strict=True))
    two.stop()
    assert all(now is before for now, before in zip(present(), ORIGINALS, strict=True))


def test_replacement_of_somebody_else_stays(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was put on top during the interception is not taken away, and goes on to what was there before."""
    with intercept(fake), monkeypatch.context() as patched:
        under = httpx.HTTPTransport.handle_request
        patched.setattr(httpx.HTTPTransport, "handle_request", lambda self, request: under(self, request))
        on_top = httpx.HTTPTransport.handle_request
        with intercept(fake):
            assert httpx.get(f"{API}/none").status_code == 401
        assert httpx.HTTPTransport.handle_request is on_top
        assert httpx.get(f"{API}/none").status_code == 401


def test_error_inside(fake: Fake) -> None:
    """It is passed on, and interception has ended."""
    with pytest.raises(ZeroDivisionError), intercept(fake) as interceptor:
        raise ZeroDivisionError
    assert not interceptor.active
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{API}/me")


def test_start_and_stop(fake: Fake) -> None:
    """They may be called by hand, again and again; only a second start is an error."""
    interceptor = Interceptor(fake)
    interceptor.stop()
    for _ in range(2):
        interceptor.start()
        assert requests.get(f"{API}/none").status_code == 401
        with pytest.raises(RuntimeError, match=r"^leomock: this interceptor was started already$"):
            interceptor.start()
        interceptor.stop()
        interceptor.stop()
        assert not interceptor.active


@pytest.mark.parametrize("first", [0, 1])
def test_two_interceptors_of_one_fake(first: int, fake: Fake) -> None:
    """In whichever order they end, the fake answers until the last one has ended."""
    both = [Interceptor(fake), Interceptor(fake)]
    with requests.Session() as session:
        for interceptor in both:
            interceptor.start()
            assert session.get(f"{API}/none").status_code == 401
        url = fake.url
        both.pop(first).stop()
        assert session.get(f"{API}/none").status_code == 401
        assert fake.url == url
        both.pop().stop()
    assert fake.url == "http://leomock.invalid"


def test_port_is_opened_by_the_first_call(fake: Fake) -> None:
    """A fake that nobody calls opens none, and what was opened is closed at the end."""
    with intercept(fake):
        assert fake.url == "http://leomock.invalid"
        requests.get(f"{API}/none")
        assert fake.url.startswith("http://127.0.0.1:")
    assert fake.url == "http://leomock.invalid"


def test_port_of_somebody_else_stays_open() -> None:
    """A fake that listened before listens after."""
    with Fake() as fake:
        url = fake.url
        with intercept(fake):
            requests.get(f"{API}/none")
        assert fake.url == url
        assert requests.get(f"{fake.base_url}/none").status_code == 401


def test_fake_is_closed_and_opened_meanwhile(fake: Fake) -> None:
    """Calls follow it from port to port."""
    with intercept(fake), requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {fake.api_key}"
        for _ in range(2):
            assert session.get(f"{API}/me").status_code == 200
            fake.close()
        with fake:
            assert session.get(f"{API}/me").status_code == 200
        assert session.get(f"{API}/me").status_code == 200
    assert len(fake.requests) == 4


def test_calls_from_many_threads(fake: Fake) -> None:
    """All threads are intercepted, and the first calls open one port between them."""

    def create(number: int) -> list[int]:
        with CLIENTS[number % len(CLIENTS)]() as client:
            body = {"prompt": "a cat", "num_images": 1}
            return [client.api(fake, "POST", "/generations", body).status for _ in range(5)]

    with intercept(fake), ThreadPoolExecutor(14) as threads:
        assert list(threads.map(create, range(28))) == [[200] * 5] * 28
    assert generations(fake) == 140


def test_starts_and_stops_in_many_threads(fake: Fake) -> None:
    """Whoever is inside is answered, whatever others do; in the end all is as before."""
    together = threading.Barrier(8)

    def go(number: int) -> list[int]:
        together.wait()
        statuses = []
        for _ in range(10):
            with intercept(fake), requests.Session() as session:
                statuses.append(session.get(f"{API}/none").status_code)
        return statuses

    with fake, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(go, range(8))) == [[401] * 10] * 8


# --- libraries that are not there, or not yet --------------------------------------------------------------

LIBRARIES = ("requests", "httpx", "httpcore", "aiohttp", "urllib3")


def run(code: str) -> str:
    """What a new Python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_nothing_heavy() -> None:
    """Neither a client library nor the server."""
    heavy = {
        *LIBRARIES,
        "http.client",
        "urllib.request",
        "starlette",
        "asyncio",
        "ssl",
        "leomock.testing.fake",
    }
    loaded = run("import leomock.testing.interception, sys; print(*sys.modules)").split()
    assert heavy & set(loaded) == set()


def test_start_loads_no_library() -> None:
    """Nor does a fake, a start or a stop."""
    code = """
import sys
from leomock import Fake
from leomock.testing.interception import intercept
with intercept(Fake()):
    print(*sys.modules)
print(*sys.modules)
"""
    assert set(LIBRARIES) & set(run(code).split()) == set()


USES = {
    "requests": "import requests; status = requests.get(URL).status_code",
    "httpx": "import httpx; status = httpx.get(URL).status_code",
    "urllib3": "import urllib3; status = urllib3.request('GET', URL).status",
    "aiohttp": """
import aiohttp, asyncio
async def call():
    async with aiohttp.ClientSession() as session, session.get(URL) as answer:
        return answer.status
status = asyncio.run(call())
""",
    "urllib.request": """
import urllib.request, urllib.error
try:
    urllib.request.urlopen(URL)
except urllib.error.HTTPError as error:
    with error:
        status = error.status
""",
}


@pytest.mark.parametrize("library", USES)
def test_library_that_is_imported_later(library: str) -> None:
    """It is intercepted from its first call on, and put back as if it had been there before."""
    code = f"""
import sys
from leomock import Fake
from leomock.testing.interception import intercept
from leomock.testing.interception.libraries import LIBRARIES
URL = {API + "/none"!r}
fake = Fake()
before = list(sys.meta_path)
with intercept(fake):
    assert {library!r} not in sys.modules
{"".join(f"    {line}{chr(10)}" for line in USES[library].strip().splitlines())}
    assert status == 401, status
assert sys.meta_path == before
for name in LIBRARIES:
    module = sys.modules.get(name)
    if module is not None:
        assert type(module.__loader__).__module__ != "leomock.testing.interception.patching"
        assert module.__loader__ is module.__spec__.loader
        for owner, attribute, _ in LIBRARIES[name](module):
            there = getattr(owner, attribute)
            code = getattr(there, "__code__", None)
            assert code is None or "interception" not in code.co_filename
"""
    run(code)


@pytest.mark.parametrize("missing", ["httpx", "aiohttp", "urllib3.connectionpool", "http.client"])
def test_library_that_is_not_installed(missing: str, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are intercepted."""
    fake.__enter__()
    used: type[Client] = Requests if missing in ("httpx", "aiohttp") else Httpx
    with used() as client:
        monkeypatch.setitem(sys.modules, missing, None)
        with intercept(fake):
            with pytest.raises(ModuleNotFoundError):
                importlib.import_module(missing)
            assert client.api(fake, "GET", "/me").status == 200
        monkeypatch.undo()


def test_library_that_cannot_be_found(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import of it fails as it does without interception."""
    monkeypatch.setitem(libraries.LIBRARIES, "leomock_no_such_library", lambda module: iter(()))
    with intercept(fake), pytest.raises(ModuleNotFoundError, match=r"^No module named 'leomock_no_such_"):
        importlib.import_module("leomock_no_such_library")


@pytest.mark.parametrize(
    ("library", "text"),
    [
        (ModuleType("aiohttp"), "module 'aiohttp' has no attribute 'BaseConnector'"),
        (None, "module 'aiohttp' has no attribute 'TCPConnector'"),
    ],
)
def test_library_of_an_unknown_version(
    library: ModuleType | None, text: str, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an attribute is gone the user is told that its calls would be real ones."""
    if library is None:
        library = ModuleType("aiohttp")
        vars(library).update(BaseConnector=aiohttp.BaseConnector, ClientRequest=object, __version__="9.0")
    version = " 9.0" if hasattr(library, "__version__") else ""
    monkeypatch.setitem(sys.modules, "aiohttp", library)
    with pytest.warns(RuntimeWarning) as warned, intercept(fake):
        assert requests.get(f"{API}/none").status_code == 401
    assert [str(warning.message) for warning in warned] == [
        f"leomock: calls of aiohttp{version} are not intercepted, this version is unknown ({text})"
    ]
