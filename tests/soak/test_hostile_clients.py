"""Hostile clients beside honest ones, for LEOMOCK_SOAK_SECONDS: memory and descriptors stay flat."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.properties.test_raw_bytes import BODIES, HEADERS, METHODS, PATHS
from tests.server.raw import connect
from tests.soak.test_soak import SECONDS, SLACK, Server, served

HOSTILE, HONEST = 24, 8
# After this part of the run, caches and journals are full.
WARM = 1 / 6


def descriptors(server: Server) -> int:
    """Return how many files and sockets a server has open."""
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


class Hostile(threading.Thread):
    """Sends what no honest client sends, and leaves half of it unfinished."""

    def __init__(self, server: Server, number: int, over: threading.Event) -> None:
        super().__init__()
        self._server = server
        self._chance = random.Random(number)
        self._over = over
        self.sent = 0

    def run(self) -> None:
        """Attack until the time is over."""
        while not self._over.is_set():
            with contextlib.suppress(OSError), connect(self._server.url) as client:
                for piece in self._attack():
                    client.sendall(piece)
                self.sent += 1
                if self._chance.random() < 0.5:
                    client.settimeout(0.05)
                    client.recv(1000)

    def _attack(self) -> list[bytes]:
        chance = self._chance
        kind = chance.randrange(4)
        if kind == 0:  # one header without an end
            return [b"GET / HTTP/1.1\r\na: ", *[b"b" * 65_536] * 4]
        if kind == 1:  # a body without an end
            return [b"POST /v1/generations HTTP/1.1\r\nauthorization: Bearer h\r\ncontent-length: 9\r\n\r\n{"]
        if kind == 2:  # a pattern that takes long where it backtracks
            return [b"GET /_leomock/requests?path=%s HTTP/1.1\r\nhost: x\r\n\r\n" % (b"*a" * 200 + b"*b")]
        headers = chance.choices(HEADERS, k=chance.randrange(5))
        line = b"%s %s HTTP/1.1" % (chance.choice(METHODS), chance.choice(PATHS))
        return [b"\r\n".join([line, *headers, b"", chance.choice(BODIES)])]


class Honest(threading.Thread):
    """Makes pictures, looks at them, and must not notice anything."""

    def __init__(self, server: Server, number: int, over: threading.Event) -> None:
        super().__init__()
        self._server = server
        self._key = f"honest-{number}"
        self._over = over
        self.wrong: list[str] = []
        self.slowest = 0.0
        self.calls = 0

    def run(self) -> None:
        """Call until the time is over."""
        headers = {"authorization": f"Bearer {self._key}"}
        body = {"prompt": "a cat", "width": 64, "height": 64, "num_images": 1}
        with httpx.Client(base_url=self._server.url, headers=headers, timeout=30) as client:
            while not self._over.is_set():
                began = time.monotonic()
                made = client.post("/v1/generations", json=body)
                id = made.json()["sdGenerationJob"]["generationId"]
                row = client.get(f"/v1/generations/{id}").json()["generations_by_pk"]
                picture = client.get(row["generated_images"][0]["url"])
                client.delete(f"/v1/generations/{id}")
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.calls += 4
                if (made.status_code, picture.status_code) != (200, 200):
                    self.wrong.append(f"{made.status_code} {picture.status_code}")


@pytest.mark.skipif(not SECONDS, reason="a load of minutes; LEOMOCK_SOAK_SECONDS=600 (make soak) runs it")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_hostile_clients_harm_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    errors = tmp_path / "stderr"
    options = ("--jobs", "immediate", "--journal", "100", "--state", tmp_path / "state.json")
    with served(*options, errors=errors) as server:
        httpx.get(f"{server.url}/_leomock/health").raise_for_status()
        before = descriptors(server)
        over = threading.Event()
        hostile = [Hostile(server, number, over) for number in range(HOSTILE)]
        honest = [Honest(server, number, over) for number in range(HONEST)]
        curve: list[tuple[float, int]] = []
        began = time.monotonic()
        for client in (*hostile, *honest):
            client.start()
        try:
            while (at := time.monotonic() - began) < SECONDS:
                curve.append((at, server.resident() or 0))
                over.wait(max(0.2, SECONDS / 60))
        finally:
            over.set()
            for client in (*hostile, *honest):
                client.join(60)
        late = time.monotonic() + 10
        while (after := descriptors(server)) > before and time.monotonic() < late:
            httpx.get(f"{server.url}/_leomock/health").raise_for_status()
        httpx.get(f"{server.url}/_leomock/health", timeout=1).raise_for_status()
    warm = max(resident for at, resident in curve if at <= max(SECONDS * WARM, curve[0][0]))
    most = max(resident for _, resident in curve)
    with capsys.disabled():
        sys.stdout.write(
            f"\nhostile: {SECONDS:.0f} s, {sum(each.sent for each in hostile):,} attacks, "
            f"{sum(each.calls for each in honest):,} honest calls, slowest four "
            f"{max(each.slowest for each in honest):.2f} s\n  memory: "
            + ", ".join(f"{at:.0f} s {resident / 2**20:.0f} MB" for at, resident in curve[::6])
            + f"\n  descriptors: {before} before, {after} after\n"
        )
    assert not [wrong for each in honest for wrong in each.wrong]
    assert "Traceback" not in errors.read_text()
    assert after <= before
    assert most <= warm + SLACK
