"""The forward proxy by itself; `tests/testing/child_processes` drives it with real clients."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from leomock.server import forward_proxy
from leomock.server.forward_proxy import ForwardProxy
from leomock.server.listen import bind


def through_a_proxy(request: bytes, **options: Any) -> bytes:
    """Send bytes to a proxy whose fake answers `fake`, and return what comes back."""

    async def run() -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfake")
            writer.close()

        fake = await asyncio.start_server(answer, "127.0.0.1", 0)
        address = fake.sockets[0].getsockname()[:2]
        proxy = ForwardProxy(["cloud.leonardo.ai"], address, address, {}, **options)
        listener = bind("127.0.0.1", 0)
        await proxy.open(listener)
        reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        writer.write(request.replace(b"PORT", str(address[1]).encode()))
        answered = await reader.read()
        writer.close()
        fake.close()
        await proxy.close()
        return answered

    return asyncio.run(run())


def test_other_host_on_this_machine_is_reached_from_this_machine() -> None:
    answered = through_a_proxy(b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answered.endswith(b"fake")


def test_this_machine_is_closed_to_clients_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a client on the network could call the admin API as if it were here."""
    first: list[object] = []

    def is_local(writer: asyncio.StreamWriter) -> bool:
        first.append(writer)
        return len(first) == 1  # the target is asked about before the client

    monkeypatch.setattr(forward_proxy, "_is_local", is_local)
    answered = through_a_proxy(b"GET http://localhost:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert answered.endswith(
        b"leomock's proxy: localhost is this machine, which the proxy does not open to other machines\n"
    )


def test_half_open_request_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward_proxy, "SECONDS_FOR_A_HEAD", 0.05)
    answered = through_a_proxy(b"CONNECT cloud.leonardo.ai:443 HTTP/1.1\r\n")
    assert answered.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_host_that_cannot_be_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        answered = through_a_proxy(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n".encode())
    assert answered.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert f"cannot reach 127.0.0.1:{port}: ".encode() in answered


def test_head_that_is_too_long() -> None:
    answered = through_a_proxy(b"GET http://a/ HTTP/1.1\r\nX: " + b"x" * 100_000)
    assert answered.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
