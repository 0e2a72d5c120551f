"""Clients that the other tests of interception do not use, and calls that no fake answers."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import pickle
import socket
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests

from leomock import Fake
from leomock.testing.interception import (
    RealHostClosedError,
    close_real_hosts,
    open_real_hosts,
    real_calls_allowed,
)

HOST = "cloud.leonardo.ai"
URL = f"https://{HOST}/api/rest/v1/me"
HEADERS = {"authorization": "Bearer k"}
CLOSED = (
    f"leomock stopped a call for {HOST}: it is the real service, and no fake answers for it now. "
    "Use the fixture leomock, or allow real calls with --leomock-real=allow or @pytest.mark.leomock_real"
)


def with_httpx2() -> str:
    httpx2 = pytest.importorskip("httpx2")
    return str(httpx2.get(URL, headers=HEADERS).text)


def with_async_httpx2() -> str:
    httpx2 = pytest.importorskip("httpx2")

    async def get() -> str:
        async with httpx2.AsyncClient(headers=HEADERS) as client:
            return str((await client.get(URL)).text)

    return asyncio.run(get())


def with_httpx_on_trio() -> str:
    trio = pytest.importorskip("trio")

    async def get() -> str:
        async with httpx.AsyncClient(headers=HEADERS) as client:
            return (await client.get(URL)).text

    return str(trio.run(get))


def with_niquests() -> str:
    niquests = pytest.importorskip("niquests")
    return str(niquests.get(URL, headers=HEADERS).text)


def with_async_niquests() -> str:
    niquests = pytest.importorskip("niquests")

    async def get() -> str:
        async with niquests.AsyncSession() as session:
            return str((await session.get(URL, headers=HEADERS)).text)

    return asyncio.run(get())


def with_urllib3_future() -> str:
    library = pytest.importorskip("urllib3_future")
    return str(library.PoolManager(retries=False).request("GET", URL, headers=HEADERS).data.decode())


def with_pycurl() -> str:
    pycurl = pytest.importorskip("pycurl")
    got = io.BytesIO()
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, URL)
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in HEADERS.items()])
    curl.setopt(pycurl.WRITEDATA, got)
    try:
        curl.perform()
    finally:
        curl.close()
    return got.getvalue().decode()


CLIENTS: list[Callable[[], str]] = [
    with_httpx2,
    with_async_httpx2,
    with_httpx_on_trio,
    with_niquests,
    with_async_niquests,
    with_urllib3_future,
    with_pycurl,
]


def connect_by_hand() -> None:
    with socket.socket() as connection:
        connection.connect((HOST, 443))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the network."""
    resolve = socket.getaddrinfo

    def local(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ("127.0.0.1", "localhost", b"127.0.0.1"):
            return resolve(host, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "tests have no network")

    monkeypatch.setattr(socket, "getaddrinfo", local)


@pytest.fixture
def closed() -> Iterator[None]:
    """The real hosts are closed, as from the first use of the plugin on."""
    close_real_hosts()
    yield
    open_real_hosts()


@pytest.mark.parametrize("client", CLIENTS)
def test_client_reaches_the_fake_and_is_stopped_without_one(
    client: Callable[[], str], fake: Fake, closed: None
) -> None:
    """Before and after it is an error of the client's own kind that says what happened."""
    with fake.intercept():
        assert "user_details" in json.loads(client())
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each client has an error of its own
        client()
    assert CLOSED in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: httpx.get(URL), httpx.ConnectError),
        (lambda: requests.get(URL), requests.ConnectionError),
        (lambda: urllib.request.urlopen(URL), urllib.error.URLError),
        (lambda: http.client.HTTPSConnection(HOST).request("GET", "/"), RealHostClosedError),
        (lambda: socket.create_connection((HOST, 443)), RealHostClosedError),
        (connect_by_hand, RealHostClosedError),
        (lambda: asyncio.run(asyncio.open_connection(HOST, 443)), RealHostClosedError),
    ],
)
def test_call_without_a_fake_is_stopped(
    call: Callable[[], object], error: type[Exception], closed: None
) -> None:
    """A thread that outlives its test, for example."""
    with pytest.raises(error) as caught:
        call()
    assert CLOSED in str(caught.value)


def test_other_host_of_the_service_is_closed_beside_a_fake(fake: Fake) -> None:
    """The fake answers for three of them only."""
    with fake.intercept(), pytest.raises(httpx.ConnectError) as caught:
        httpx.get("https://app.leonardo.ai/")
    assert str(caught.value).endswith(
        "leomock stopped a call for app.leonardo.ai: it is the real service, and a fake answers only for "
        "cloud.leonardo.ai, cdn.leonardo.ai, leomock-uploads.s3.us-east-1.amazonaws.com. Mock the call, or "
        "allow real calls with @pytest.mark.leomock_real"
    )


def test_client_that_cannot_be_redirected_is_named(fake: Fake) -> None:
    """Not told to use the fixture, which it does. Pools of processes pickle such errors."""
    with fake.intercept(), pytest.raises(RealHostClosedError) as caught:
        socket.create_connection((HOST, 443))
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
    assert caught.value.args[1] == (
        f"leomock stopped a call for {HOST}: it is the real service, and this client cannot be redirected. "
        "Use leomock.base_url, or run the program with `leomock exec`"
    )


def test_real_calls_can_be_allowed(closed: None) -> None:
    """Then they leave as they would."""
    with real_calls_allowed(), pytest.raises(httpx.ConnectError, match="tests have no network"):
        httpx.get(URL)
