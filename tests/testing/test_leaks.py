"""Nothing remains of what nobody closed, and children do not hang on what their parent opened."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import pytest

import leomock
from leomock import Fake
from leomock.testing.child_processes.gateway import Gateway
from leomock.testing.interception import routing
from leomock.testing.webhook_receiver import WebhookReceiver

DESCRIPTORS = Path("/proc/self/fd")
linux_only = pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="descriptors are counted in /proc")
fork_only = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
SECONDS_TO_END = 60.0  # only a hang takes that long


class Counts:
    """What this process has open, compared with what it had at the start."""

    def __init__(self) -> None:
        gc.collect()
        self._before = self._now()

    def _now(self) -> tuple[int, int]:
        threads = [each for each in threading.enumerate() if each.name.startswith("leomock")]
        return len(threads), len([*DESCRIPTORS.iterdir()]) if DESCRIPTORS.is_dir() else 0

    def must_come_back(self) -> None:
        """Wait until there are as many threads and descriptors as at the start."""
        until = time.monotonic() + SECONDS_TO_END
        while self._now() != self._before and time.monotonic() < until:
            threading.Event().wait(0.01)
        assert self._now() == self._before


def dropped(use: Callable[[], object]) -> list[str]:
    """Call something, drop what it returns, and return the warnings about what was not closed."""
    told: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        use()
        # A thread that has just answered may still hold its server for a moment.
        for _ in range(25):
            while gc.collect() or caught:
                told += [str(each.message) for each in caught if each.category is ResourceWarning]
                caught.clear()  # Each holds what it is about.
            if told:
                break
            time.sleep(0.02)
    return told


@pytest.fixture(autouse=True)
def close_fakes() -> None:
    """Leave open fakes to the garbage collector."""


@pytest.fixture(autouse=True)
def _once_loaded() -> None:
    """Load what opens files when it is first used, before anything is counted."""
    with Fake() as fake, httpx.Client(transport=fake.transport, base_url=fake.base_url) as client:
        client.get("me")


def called_through_its_transport() -> Fake:
    fake = Fake()
    client = httpx.Client(transport=fake.transport, base_url=fake.base_url)
    assert client.get("me", headers={"authorization": f"Bearer {fake.api_key}"}).status_code == 200
    return fake


def called_through_its_port() -> Fake:
    fake = Fake().start()
    assert httpx.get(f"{fake.url}/_leomock/health", trust_env=False).status_code == 200
    return fake


# --- garbage ------------------------------------------------------------------------------------------


@linux_only
def test_an_unclosed_fake_without_a_port_leaves_nothing() -> None:
    before = Counts()
    told = dropped(called_through_its_transport)
    assert told == ["unclosed leomock.Fake without a port: use `with`, or close()"]
    before.must_come_back()


@linux_only
def test_an_unclosed_fake_on_a_port_leaves_nothing() -> None:
    before = Counts()
    urls: list[str] = []

    def use() -> None:
        urls.append(called_through_its_port().url)

    assert dropped(use) == [f"unclosed leomock.Fake at {urls[0]}: use `with`, or close()"]
    before.must_come_back()
    with pytest.raises(httpx.ConnectError):
        httpx.get(urls[0], trust_env=False)


@linux_only
def test_forty_unclosed_fakes_leave_nothing() -> None:
    before = Counts()
    assert len(dropped(lambda: [called_through_its_transport() for _ in range(40)])) == 40
    before.must_come_back()


def test_a_transport_keeps_its_fake_until_it_is_collected() -> None:
    fake = Fake()
    transport, fakes = fake.transport, weakref.ref(fake)
    del fake
    gc.collect()
    with httpx.Client(transport=transport, base_url="http://leomock") as client:
        assert client.get("/_leomock/health").status_code == 200
    del transport, client
    with pytest.warns(ResourceWarning, match="unclosed leomock.Fake"):
        gc.collect()
    assert fakes() is None


def test_a_closed_fake_says_nothing() -> None:
    def use() -> None:
        called_through_its_transport().close()
        called_through_its_port().close()
        Fake()  # was never used: it has no thread

    assert dropped(use) == []


@linux_only
def test_an_unclosed_receiver_leaves_nothing() -> None:
    before = Counts()
    urls: list[str] = []

    def use() -> None:
        receiver = WebhookReceiver().__enter__()
        assert httpx.post(receiver.url, json={"type": "a"}, trust_env=False).status_code == 200
        urls.append(receiver.url)

    assert dropped(use) == [f"unclosed leomock WebhookReceiver at {urls[0]}: use `with`"]
    before.must_come_back()


@linux_only
def test_an_unstopped_interception_leaves_nothing() -> None:
    before = Counts()

    def use() -> None:
        fake = Fake()
        interception = leomock.intercept(fake)
        interception.__enter__()
        headers = {"authorization": f"Bearer {fake.api_key}"}
        url = "https://cloud.leonardo.ai/api/rest/v1/me"
        assert httpx.get(url, headers=headers, trust_env=False).status_code == 200

    assert dropped(use) == [
        "unstopped leomock interception: use `with`, or keep what intercept() gives and stop() it"
    ]
    before.must_come_back()
    assert not routing.routes()


@linux_only
@pytest.mark.parametrize("first", ["gateway", "fake"])
def test_an_unclosed_gateway_leaves_nothing(first: str) -> None:
    before = Counts()
    folders: list[Path] = []

    def use() -> None:
        fake = Fake().start()
        gateway = Gateway(fake).__enter__()
        folders.append(Path(gateway.environment()["LEOMOCK_AUTHORITY"]).parent)
        if first == "fake":
            fake.close()

    told = dropped(use)
    assert [text.partition(":")[0] for text in told if "gateway" in text] == ["unclosed leomock gateway"]
    assert len(told) == (1 if first == "fake" else 2)
    before.must_come_back()
    assert not folders[0].exists()


@linux_only
def test_a_gateway_that_is_closed_after_its_fake_starts_nothing() -> None:
    before = Counts()
    fake = Fake().start()
    with Gateway(fake):
        fake.close()
    before.must_come_back()


# --- children -----------------------------------------------------------------------------------------


def in_forked_child(call: Callable[[], Any]) -> Any:
    """Return what a call gives in a forked child; fails if the child does not end in time."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)

    def child(send: Connection) -> None:
        try:
            send.send(call())
        except BaseException as error:
            send.send(f"{type(error).__name__}: {error}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: this process has threads
        process = context.Process(target=child, args=(send,))
        process.start()
    try:
        assert receive.poll(SECONDS_TO_END), "the child hangs"
        return receive.recv()
    finally:
        process.kill()
        process.join()
        process.close()


@fork_only
def test_a_forked_child_can_close_the_fake_of_its_parent() -> None:
    with Fake() as fake:

        def close() -> str:
            fake.close()
            fake.close()
            return "closed"

        assert in_forked_child(close) == "closed"
        assert httpx.get(f"{fake.url}/_leomock/health", trust_env=False).status_code == 200


@fork_only
def test_a_forked_child_can_collect_the_fake_of_its_parent() -> None:
    fakes = [called_through_its_transport()]

    def collect() -> list[str]:
        return dropped(fakes.clear)

    assert in_forked_child(collect) == []
    fakes.pop().close()


@fork_only
def test_a_forked_child_reaches_the_fake_of_its_parent_by_its_port_only() -> None:
    with Fake() as fake:
        health = f"{fake.url}/_leomock/health"
        assert in_forked_child(lambda: httpx.get(health, trust_env=False).status_code) == 200

        def call() -> None:
            httpx.Client(transport=fake.transport, base_url=fake.base_url).get("me")

        assert in_forked_child(call) == (
            f"RuntimeError: leomock: process {os.getpid()} started this fake, and its thread does not run in "
            "a forked child: send requests to its port (base_url), or create another Fake in the child"
        )


@fork_only
def test_a_forked_child_can_close_receiver_interception_and_gateway_of_its_parent() -> None:
    with (
        Fake() as fake,
        WebhookReceiver() as receiver,
        leomock.intercept(fake) as interception,
        Gateway(fake) as gateway,
    ):

        def close() -> str:
            interception.stop()
            receiver.__exit__(None, None, None)
            gateway.__exit__(None, None, None)
            return "closed"

        assert in_forked_child(close) == "closed"
        assert httpx.post(receiver.url, json={}, trust_env=False).status_code == 200
        assert Path(gateway.environment()["LEOMOCK_AUTHORITY"]).exists()


@linux_only
def test_a_spawned_child_inherits_no_descriptor() -> None:
    count = [sys.executable, "-c", "import os; print(len(os.listdir('/proc/self/fd')))"]

    def counted() -> int:
        return int(subprocess.run(count, close_fds=False, capture_output=True, check=True).stdout)

    before = counted()
    with Fake() as fake, WebhookReceiver(), Gateway(fake), leomock.intercept(fake):
        assert counted() == before


def test_a_fake_and_its_tenants_cannot_be_sent_to_another_process() -> None:
    fake = Fake()
    for sent in (fake, fake.tenant("another-key")):
        with pytest.raises(TypeError) as raised:
            pickle.dumps(sent)
        assert str(raised.value) == (
            "a leomock.Fake cannot be sent to another process: give the process base_url and api_key"
        )
