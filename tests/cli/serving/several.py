"""Run `leomock serve --workers` for tests."""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from leomock.server.workers.ownership import Ownership


def keys_of(worker: int, workers: int = 2) -> Iterator[str]:
    """Yield API keys that a worker owns."""
    ownership = Ownership(workers, seed=0)
    return (key for key in map("key-{}".format, itertools.count()) if ownership.of_key(key) == worker)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@dataclass
class Several:
    """A running server; `announced` is what it printed when it was ready."""

    process: subprocess.Popen[str]
    announced: str

    @property
    def url(self) -> str:
        """The address of the server."""
        return self.announced.split()[3]

    @property
    def port(self) -> int:
        """The port of the server."""
        return int(self.url.rpartition(":")[2])

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        rows = [line.split() for line in listed.stdout.splitlines()]
        return [int(pid) for pid, parent in rows if int(parent) == self.process.pid]

    def stop(self) -> tuple[int, str]:
        """Send SIGTERM; return the exit code and what was written to stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def launch(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "leomock", "serve", "--port", "0", "--quiet", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def several(*options: str) -> Iterator[Several]:
    """Start a server and wait until it is ready; end it with the block."""
    process = launch(*options)
    try:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        assert line.startswith("leomock listening on"), process.stderr.read()
        yield Several(process, line)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def tenants_by_worker(client: httpx.Client) -> list[int]:
    """Return how many API keys each worker keeps, by `/metrics`."""
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(client.get("/metrics").text)
    (tenants,) = (family for family in families if family.name == "leomock_tenants")
    return [int(sample.value) for sample in sorted(tenants.samples, key=lambda s: s.labels["worker"])]
