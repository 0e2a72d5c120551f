"""Clients that send what no honest client sends, and leave half of it unfinished."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import threading
from collections.abc import Iterator

from tests.properties.test_raw_bytes import BODIES, HEADERS, METHODS, PATHS
from tests.server.raw import connect

# Between two attacks of a client. Without a pause they would be a flood, which takes all CPU from the others.
PAUSE_SECONDS = 0.5


class Hostile(threading.Thread):
    """One such client; `sent` counts its attacks."""

    def __init__(self, url: str, number: int, over: threading.Event) -> None:
        super().__init__()
        self._url = url
        self._chance = random.Random(number)
        self._over = over
        self.sent = 0

    def run(self) -> None:
        """Attack until the time is over."""
        while not self._over.wait(PAUSE_SECONDS):
            with contextlib.suppress(OSError), connect(self._url) as client:
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


@contextlib.contextmanager
def attacked(url: str, clients: int) -> Iterator[list[int]]:
    """Let hostile clients attack a server until the block is left; then the list has their attacks' number.

    They run in a process of their own, so that they cannot slow down the honest clients of this one.
    """
    command = [sys.executable, "-m", __name__, url, str(clients)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    attacks: list[int] = []
    try:
        yield attacks
        told, _ = process.communicate(timeout=60)
        attacks.append(int(told))
    finally:
        process.kill()
        process.wait()


def main(url: str, clients: int) -> None:
    """Attack until stdin is closed, and print the number of attacks."""
    over = threading.Event()
    hostile = [Hostile(url, number, over) for number in range(clients)]
    for client in hostile:
        client.start()
    sys.stdin.read()
    over.set()
    for client in hostile:
        client.join()
    sys.stdout.write(str(sum(client.sent for client in hostile)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
