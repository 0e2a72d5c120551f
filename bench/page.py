"""Measure what an open page costs the API: the server's CPU per create, with and without the page.

`python -m bench.page` prints the median ratio of several rounds in one run.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

ROUNDS = 7
CREATES = 1500
BODY = json.dumps({"prompt": "a lighthouse", "num_images": 1})
HEADERS = {"authorization": "Bearer bench-key", "content-type": "application/json"}


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process so far, by Linux's accounting."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Page:
    """Follow the live events as a page does, until it is closed."""

    def __init__(self, host: str) -> None:
        self._connection = http.client.HTTPConnection(host)
        self._connection.request("GET", "/_leomock/live")
        self._answer = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while self._answer.read1(65536):
                pass
        except (OSError, ValueError, http.client.HTTPException):
            return

    def close(self) -> None:
        """Leave, as a closed tab does."""
        if self._connection.sock:
            self._connection.sock.close()


def create(host: str) -> None:
    """Create generations over one connection."""
    connection = http.client.HTTPConnection(host)
    for _ in range(CREATES):
        connection.request("POST", "/api/rest/v1/generations", BODY, HEADERS)
        connection.getresponse().read()
    connection.close()


def main() -> None:
    command = [sys.executable, "-m", "leomock", "serve", "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            host = urlsplit(server.stdout.readline().split()[-1]).netloc
            create(host)  # warm
            ratios = []
            for _ in range(ROUNDS):
                before = cpu_seconds(server.pid)
                create(host)
                between = cpu_seconds(server.pid)
                page = Page(host)
                create(host)
                page.close()
                ratios.append((cpu_seconds(server.pid) - between) / (between - before))
        finally:
            server.terminate()
    print(f"server CPU per create with a page open: {median(ratios):.3f} of without (at most 1.05)")


if __name__ == "__main__":
    main()
