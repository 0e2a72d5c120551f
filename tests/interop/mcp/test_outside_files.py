"""Files of other servers: which addresses are fetched from, and how much."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from leomock.interop.mcp import outside_files
from leomock.interop.mcp.outside_files import OutsideFiles
from leomock.interop.mcp.refusals import Refused
from leomock.leonardo.hosts import CDN_HOST

PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
    *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
]
PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(Refused) as raised:
        OutsideFiles().check("files.test", address)
    assert raised.value.message == (
        "leomock: nothing is fetched from files.test, since its address is not public"
    )
    assert raised.value.next_step == (
        "Send the file as `data`; the server's option --fetch-from files.test would allow it."
    )


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address: str) -> None:
    OutsideFiles().check("files.test", address)


@pytest.mark.parametrize("allowed", ["Files.test", "10.0.0.0/8", "10.1.2.3"])
def test_host_address_and_network_can_be_allowed(allowed: str) -> None:
    OutsideFiles([allowed]).check("files.test", "10.1.2.3")
    with pytest.raises(Refused):
        OutsideFiles([allowed]).check("other.test", "192.168.0.1")


def test_name_of_the_real_service_may_lead_to_a_fake() -> None:
    OutsideFiles().check(CDN_HOST, "127.0.0.1")


class Site(BaseHTTPRequestHandler):
    """Redirects, answers slowly, or sends ten bytes."""

    asked: list[str]

    def do_GET(self) -> None:
        """Answer by the path."""
        self.asked.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        if self.path == "/slow":
            time.sleep(0.5)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"0123456789")

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    """The address of a server on this machine."""
    Site.asked = []
    with HTTPServer(("127.0.0.1", 0), Site) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def fetched(url: str, allowed: Collection[str] = ("127.0.0.1",)) -> bytes:
    """A file, by default also of the address of this machine."""
    return asyncio.run(OutsideFiles(allowed).fetch(url))


def test_file_of_this_machine_is_not_asked_for(site: str) -> None:
    for url in (site, site.replace("127.0.0.1", "localhost")):
        with pytest.raises(Refused):
            fetched(f"{url}/a", allowed=())
    assert Site.asked == []


def test_file_is_fetched_where_that_is_allowed(site: str) -> None:
    assert fetched(f"{site}/a") == b"0123456789"
    assert fetched(f"{site}/to//a") == b"0123456789"


def test_name_that_leads_elsewhere_at_the_second_time_is_refused(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of the connection counts, before anything is sent."""

    async def public(host: str) -> list[str]:
        return ["8.8.8.8"]

    monkeypatch.setattr(outside_files, "_addresses", public)
    with pytest.raises(Refused):
        fetched(site.replace("127.0.0.1", "localhost"), allowed=())
    assert Site.asked == []


def test_redirect_to_a_private_address_is_refused(site: str) -> None:
    other = site.replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(Refused):
        fetched(f"{site}/to/{other}/a")
    assert Site.asked == [f"/to/{other}/a"]


def test_redirects_are_few_and_lead_to_http_only(site: str) -> None:
    with pytest.raises(httpx.TooManyRedirects):
        fetched(f"{site}/to//to//to//to//a")
    with pytest.raises(httpx.UnsupportedProtocol):
        fetched(f"{site}/to/file:///etc/passwd")


def test_file_that_is_too_large_or_too_slow_is_given_up(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_files, "LARGEST", 9)
    with pytest.raises(Refused, match="has more than 9 bytes"):
        fetched(f"{site}/a")
    monkeypatch.setattr(outside_files, "PATIENCE", 0.1)
    with pytest.raises((TimeoutError, httpx.TimeoutException)):
        fetched(f"{site}/slow")


def test_host_that_does_not_exist_is_reported() -> None:
    with pytest.raises(httpx.ConnectError):
        fetched("http://nowhere.invalid/a.png")
