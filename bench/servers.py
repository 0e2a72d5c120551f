"""Start the servers that are measured, and stop them by their handles."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 30.0
STOP_SECONDS = 10.0

BARE = [sys.executable, str(Path(__file__).with_name("bare.py"))]
SCRIPT = str(Path(sysconfig.get_path("scripts"), "leomock"))
LEOMOCK = [SCRIPT, "serve", "--port", "0", "--jobs", "immediate"]
QUIET = [*LEOMOCK, "--quiet"]

# No rules and no journal, versus a file of rules (its path follows) and the usual journal.
PLAIN = [*QUIET, "--journal", "1"]
JOURNAL = 1000
LADEN = [*QUIET, "--journal", str(JOURNAL), "--scenario"]

API = "/api/rest/v1"
KEY = "bench"
PROMPT = b'{"prompt": "a cat"}'


class Server:
    """A server in a process of its own, on a port of 127.0.0.1."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def cpu(self) -> float | None:
        """Seconds of CPU used so far by it and its workers, user and system; None without /proc."""
        found = [self.process.pid, *self.workers()]
        try:
            stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in found]
        except OSError:
            return None
        ticks = sum(int(fields[11]) + int(fields[12]) for fields in stats)
        return ticks / float(os.sysconf("SC_CLK_TCK"))

    def workers(self) -> list[int]:
        """The process ids of the workers; none without `--workers`, or where there is no /proc."""
        try:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except OSError:
            return []
        return [int(pid) for pid in children.split()]

    def pin(self, cores: list[int]) -> None:
        """Let every process of the server run on a processor of its own, the parent on the first one."""
        for number, pid in enumerate([*self.workers(), self.process.pid]):
            os.sched_setaffinity(pid, {cores[number % len(cores)]})

    def resident(self) -> int | None:
        """Bytes of memory in use (VmRSS); None where there is no /proc."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        return 1024 * int(status.partition("VmRSS:")[2].split()[0])

    def ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """Send one request and return the JSON of its answer, which must be a 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        try:
            connection.request(method, API + path, body, {"Authorization": f"Bearer {KEY}"})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"{method} {path} was answered {response.status} {answer[:500]!r}")
        return json.loads(answer)

    def request(self, method: str, path: str, body: bytes = b"", key: str = KEY) -> bytes:
        """The bytes of a request as a client would send it."""
        head = f"{method} {API}{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAccept: application/json\r\n"
        head += f"Authorization: Bearer {key}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode() + body


def fifty_rules() -> str:
    """Return a scenario of ten rules of each kind; none of them matches PROMPT, or is due in any round."""
    kinds = (
        ("{operation: getGenerationById, every: 2}", "{error: service_error}"),
        ("{operation: createGeneration, prompt: '(?i)dragon number %d'}", "{error: moderated}"),
        ("{group: generations, body: {num_images: 8, width: %d}}", "{delay: 1}"),
        ("{header: {x-number: %d}}", "{connection: reset}"),
        ("{operation: createGeneration, after: 99999%d}", "{job: {status: FAILED}}"),
    )
    lines = [
        f"  - {{when: {when.replace('%d', str(number))}, then: {then}}}"
        for number in range(10)
        for when, then in kinds
    ]
    return "\n".join(["description: Rules that do not strike.", "rules:", *lines, ""])


@contextmanager
def running(command: list[str], *, show_errors: bool = True) -> Iterator[Server]:
    """A server that has printed the address it listens on, until the block is left."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=None if show_errors else subprocess.DEVNULL, text=True
    )
    try:
        yield Server(process, _port(process, command))
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _port(process: subprocess.Popen[str], command: list[str]) -> int:
    """Read the port from the line a server prints when it listens."""
    assert process.stdout
    too_late = threading.Timer(START_SECONDS, process.kill)
    too_late.start()
    try:
        line = process.stdout.readline()
    finally:
        too_late.cancel()
    if " listening on http://" not in line:
        raise RuntimeError(f"{' '.join(command)} did not start; it printed {line!r}")
    return int(line.partition(" http://")[2].split()[0].rpartition(":")[2])


def first_answer(command: list[str]) -> float:
    """Seconds from the launch of a server to its answer to a create."""
    began = time.perf_counter()
    with running(command) as server:
        server.ask("POST", "/generations", PROMPT)
        return time.perf_counter() - began
