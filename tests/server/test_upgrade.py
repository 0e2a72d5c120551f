"""Offers to upgrade the protocol are ignored, and the request is answered."""

from __future__ import annotations

import json
import socket

import pytest

from leomock import Fake

BODY = json.dumps({"prompt": "a lighthouse", "num_images": 1}).encode()


@pytest.fixture(scope="module")
def address() -> object:
    with Fake() as fake:
        yield fake.url.removeprefix("http://").split(":")


def head(*more: str, length: int | None = len(BODY), version: str = "1.1") -> bytes:
    lines = [
        f"POST /api/rest/v1/generations HTTP/{version}",
        "Host: 127.0.0.1",
        "Authorization: Bearer key",
        "Content-Type: application/json",
        *([f"Content-Length: {length}"] if length is not None else []),
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAA")


def answers(address: tuple[str, str], *parts: bytes, count: int = 1) -> list[int]:
    """Send bytes in pieces and return the statuses of the answers."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        reader = connection.makefile("rb")
        statuses = []
        for _ in range(count):
            statuses.append(int(reader.readline().split()[1]))
            length = 0
            while (line := reader.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            reader.read(length)
        return statuses


def test_request_that_offers_h2c_keeps_its_body(address: tuple[str, str]) -> None:
    assert answers(address, head(*OFFER) + BODY) == [200]


@pytest.mark.parametrize("cut", [1, 40, len(head(*OFFER)) - 1, len(head(*OFFER)), len(head(*OFFER)) + 3])
def test_request_that_offers_h2c_may_come_in_pieces(address: tuple[str, str], cut: int) -> None:
    whole = head(*OFFER) + BODY
    assert answers(address, whole[:cut], whole[cut:]) == [200]


def test_requests_after_an_offer_are_answered_on_the_same_connection(address: tuple[str, str]) -> None:
    offered, plain = head(*OFFER) + BODY, head() + BODY
    assert answers(address, offered + plain + offered, count=3) == [200, 200, 200]


def test_chunked_body_after_an_offer_is_read(address: tuple[str, str]) -> None:
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    assert answers(address, head(*OFFER, "Transfer-Encoding: chunked", length=None) + chunked) == [200]


def test_wish_to_close_stays_after_an_offer(address: tuple[str, str]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head("Connection: close, Upgrade", "Upgrade: h2c") + BODY)
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200 OK\r\n")


def test_http_1_0_is_answered_and_closed(address: tuple[str, str]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head(version="1.0") + BODY)
        assert b" 200 OK\r\n" in connection.makefile("rb").read()


def test_client_that_expects_100_continue_gets_it(address: tuple[str, str]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head("Expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(BODY)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_every_answer_has_a_date(address: tuple[str, str]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"\r\ndate: " in connection.makefile("rb").read()
