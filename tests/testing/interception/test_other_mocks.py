"""Other tools that mock or record HTTP work beside the fake, in any order, and nothing is left behind."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import requests

from leomock import Fake
from leomock.testing.interception.libraries import LIBRARIES

URL = "https://cloud.leonardo.ai/api/rest/v1/me"
OTHER = "https://stripe.test/x"
HEADERS = {"authorization": "Bearer k"}


class Got(NamedTuple):
    status: int
    text: str


def with_httpx(url: str) -> Got:
    response = httpx.get(url, headers=HEADERS)
    assert str(response.request.url) == url
    return Got(response.status_code, response.text)


def with_async_httpx(url: str) -> Got:
    async def get() -> Got:
        async with httpx.AsyncClient(headers=HEADERS) as client:
            response = await client.get(url)
            return Got(response.status_code, response.text)

    return asyncio.run(get())


def with_requests(url: str) -> Got:
    response = requests.get(url, headers=HEADERS)
    return Got(response.status_code, response.text)


def with_aiohttp(url: str) -> Got:
    async def get() -> Got:
        import aiohttp

        try:
            async with aiohttp.ClientSession(headers=HEADERS) as session, session.get(url) as response:
                return Got(response.status, await response.text())
        except aiohttp.ClientPayloadError as error:
            return Got(int(str(error)), "")

    return asyncio.run(get())


class Tool:
    """A tool that mocks HTTP: it answers `mocked` with 418 while it is active."""

    def __init__(self, mocked: tuple[str, ...]) -> None:
        self.mocked = mocked
        self._context = self._active()

    def start(self) -> None:
        """Begin to mock."""
        self._context.__enter__()

    def stop(self) -> None:
        """Stop mocking."""
        self._context.__exit__(None, None, None)

    def _active(self) -> AbstractContextManager[Any]:
        raise NotImplementedError


class Respx(Tool):
    clients = (with_httpx, with_async_httpx)

    def _active(self) -> Any:
        import respx

        router = respx.mock(assert_all_called=False)
        for url in self.mocked:
            router.get(url).respond(418)
        return router


class RespxTransport(Respx):
    def _active(self) -> Any:
        import respx

        router = respx.mock(assert_all_called=False, using="httpx")
        for url in self.mocked:
            router.get(url).respond(418)
        return router


class Responses(Tool):
    clients = (with_requests,)

    def _active(self) -> Any:
        import responses

        mock = responses.RequestsMock(assert_all_requests_are_fired=False)
        for url in self.mocked:
            mock.add("GET", url, status=418)
        return mock


class RequestsMock(Tool):
    clients = (with_requests,)

    def _active(self) -> Any:
        requests_mock = pytest.importorskip("requests_mock")
        mock = requests_mock.Mocker()
        for url in self.mocked:
            mock.get(url, status_code=418)
        return mock


class PytestHttpx(Tool):
    clients = (with_httpx, with_async_httpx)

    def _active(self) -> Any:
        plugin = pytest.importorskip("pytest_httpx")
        patch = pytest.MonkeyPatch()

        class Active:
            def __enter__(self) -> None:
                # The body of its fixture, which can only be used by a test.
                request = type("Request", (), {"node": type("Node", (), {"iter_markers": lambda *_: ()})})
                fixture = plugin.httpx_mock.__wrapped__ if hasattr(plugin.httpx_mock, "__wrapped__") else None
                function = fixture or plugin.httpx_mock._get_wrapped_function()
                self.body = function(patch, request)
                self.mock = next(self.body)
                self.mock._options.assert_all_responses_were_requested = False
                for url in tool.mocked:
                    self.mock.add_response(url=url, status_code=418, is_reusable=True)

            def __exit__(self, *error: object) -> None:
                patch.undo()
                next(self.body, None)

        tool = self
        return Active()


class Aioresponses(Tool):
    clients = (with_aiohttp,)

    def _active(self) -> Any:
        mock = pytest.importorskip("aioresponses").aioresponses()

        class Active:
            def __enter__(self) -> None:
                mock.start()
                import aiohttp

                # Not by a status: its responses lag behind the newest aiohttp.
                for url in tool.mocked:
                    mock.get(url, exception=aiohttp.ClientPayloadError("418"), repeat=True)

            def __exit__(self, *error: object) -> None:
                mock.stop()

        tool = self
        return Active()


class Pook(Tool):
    clients = (with_httpx, with_async_httpx, with_requests)

    def _active(self) -> Any:
        pook = pytest.importorskip("pook")

        class Active:
            def __enter__(self) -> None:
                pook.on()
                for url in tool.mocked:
                    pook.get(url).persist().reply(418)

            def __exit__(self, *error: object) -> None:
                pook.off()
                pook.reset()

        tool = self
        return Active()


TOOLS: list[Any] = [Respx, RespxTransport, Responses, RequestsMock, PytestHttpx, Aioresponses, Pook]
# Who starts and stops: each once, in every order.
ORDERS = [
    order
    for order in itertools.permutations(["+fake", "-fake", "+tool", "-tool"])
    if order.index("+fake") < order.index("-fake") and order.index("+tool") < order.index("-tool")
]


def attributes() -> dict[str, Any]:
    """Every attribute that leomock may replace, of the libraries that are imported."""
    found = {}
    for name, replacements in LIBRARIES.items():
        if module := sys.modules.get(name):
            for owner, attribute, _ in replacements(module):
                found[f"{name}: {owner.__name__}.{attribute}"] = getattr(owner, attribute)
    for path in (
        "httpx:HTTPTransport.handle_request",
        "httpx:Client._transport_for_url",
        "requests:Session.send",
        "requests.adapters:HTTPAdapter.send",
        "urllib3.connectionpool:HTTPConnectionPool.urlopen",
    ):
        module_name, _, rest = path.partition(":")
        kind, _, attribute = rest.partition(".")
        found[path] = vars(getattr(importlib.import_module(module_name), kind))[attribute]
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reaches the network; afterwards every attribute is the one that was there before."""
    for name in ("urllib3.connection", "aiohttp", "httpcore", "respx.router", "responses"):
        importlib.import_module(name)
    resolve = socket.getaddrinfo

    def local(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ("127.0.0.1", "localhost", b"127.0.0.1"):
            return resolve(host, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "tests have no network")

    monkeypatch.setattr(socket, "getaddrinfo", local)
    before = attributes()
    yield
    after = attributes()
    assert [name for name in before if before[name] is not after[name]] == []


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
@pytest.mark.parametrize("kind", TOOLS)
def test_tool_beside_the_fake_in_any_order(kind: Any, order: tuple[str, ...], fake: Fake) -> None:
    """The tool answers what it mocks, the fake its hosts, and neither leaves anything behind."""
    tool, interceptor = kind((OTHER,)), fake.intercept()
    steps: dict[str, Callable[[], object]] = {
        "+fake": interceptor.__enter__,
        "-fake": lambda: interceptor.__exit__(None, None, None),
        "+tool": tool.start,
        "-tool": tool.stop,
    }
    active: set[str] = set()
    for step in order:
        steps[step]()
        active = active | {step[1:]} if step[0] == "+" else active - {step[1:]}
        for client in kind.clients:
            if active == {"fake", "tool"}:
                assert client(OTHER).status == 418
            if "fake" in active:
                assert json.loads(client(URL).text)["user_details"]


@pytest.mark.parametrize("kind", TOOLS)
def test_mock_of_that_very_url_wins(kind: Any, fake: Fake) -> None:
    """A test that mocks one of the real addresses gets what it asked for; the fake answers the others."""
    tool = kind((URL,))
    with fake.intercept():
        tool.start()
        try:
            for client in kind.clients:
                assert client(URL).status == 418
                assert client(URL.replace("/me", "/platformModels")).status == 200
        finally:
            tool.stop()


@pytest.mark.parametrize("kind", TOOLS)
def test_unmatched_call_of_another_host_is_still_the_tools(kind: Any, fake: Fake) -> None:
    """What the tool says of a host that is not the fake's stays as it is."""
    tool = kind((OTHER,))
    with fake.intercept():
        tool.start()
        try:
            for client in kind.clients:
                with pytest.raises(Exception) as caught:  # noqa: PT011 - each tool has an error of its own
                    client("https://twilio.test/y")
                assert "leomock" not in str(caught.value)
        finally:
            with suppress(AssertionError):  # pytest-httpx complains again at its end
                tool.stop()


@pytest.mark.parametrize("client", [with_httpx, with_async_httpx, with_requests, with_aiohttp])
@pytest.mark.parametrize("order", ["cassette inside", "fake inside"])
def test_cassette_names_the_real_host(
    client: Callable[[str], Got], order: str, fake: Fake, tmp_path: Path
) -> None:
    """A cassette recorded through the fake replays without it."""
    vcr = pytest.importorskip("vcr")
    path = tmp_path / "cassette.yaml"
    contexts = [fake.intercept(), vcr.use_cassette(str(path))]
    outer, inner = contexts if order == "cassette inside" else contexts[::-1]
    with outer, inner:
        recorded = client(URL)
    assert recorded.status == 200
    text = path.read_text("utf-8")
    assert "https://cloud.leonardo.ai/" in text
    assert "127.0.0.1" not in text
    with vcr.use_cassette(str(path), record_mode="none"):
        assert client(URL) == recorded
