"""Start leomocks and the distribution's HAProxy in front of them, for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

DEPLOY = Path(__file__).parents[2] / "deploy"
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin") or ""
TOKEN = "admin-of-the-test"


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nothing uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@dataclass
class Shard:
    """One leomock process; `number` is its place in the proxy's configuration."""

    number: int
    port: int
    proxy_url: str
    folder: Path
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The address of the process itself."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process; `wait` returns once it listens."""
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "leomock", "serve", "--port", str(self.port), "--quiet"),
                *("--public-url", f"{self.proxy_url}/s/{self.number}", "--admin-token", TOKEN),
                *("--state", str(self.folder / f"state-{self.number}.json"), *self.options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait(self) -> None:
        """Wait until the process listens."""
        assert self.process
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("leomock listening on"), line + self.process.stdout.read()

    def stop(self) -> None:
        """Stop the process with SIGTERM, as a container engine does, and wait for its end."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            _, _ = self.process.communicate(timeout=20)
            self.process = None


@dataclass
class Cluster:
    """A proxy's address and the shards behind it."""

    url: str
    shards: list[Shard]
    client: httpx.Client

    def shard_of(self, key: str) -> int:
        """Return the number of the shard that a key reaches, by the URL of an upload form."""
        return self.shard_of_header(f"Bearer {key}")

    def shard_of_header(self, authorization: str) -> int:
        """Return the number of the shard that an Authorization header reaches."""
        answer = self.client.post(
            f"{self.url}/api/rest/v1/init-image",
            json={"extension": "png"},
            headers={"authorization": authorization},
        )
        return shard_in(answer.json()["uploadInitImage"]["url"])


def shard_in(url: str) -> int:
    """Return N of a URL that begins with /s/N/."""
    return int(httpx.URL(url).path.split("/")[2])


@contextlib.contextmanager
def haproxy(config: Path, environment: dict[str, str], port: int) -> Iterator[None]:
    """Run HAProxy until the end of `with`."""
    process = subprocess.Popen(
        [HAPROXY, "-db", "-f", str(config)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        transport = httpx.HTTPTransport(retries=8)  # until it listens: 0.5 s, 1 s, 2 s …
        with httpx.Client(transport=transport) as client:
            client.get(f"http://127.0.0.1:{port}/_leomock/health/live").raise_for_status()
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextlib.contextmanager
def cluster(folder: Path, *options: str) -> Iterator[Cluster]:
    """Start two shards and a proxy in front of them."""
    port, *ports = free_ports(3)
    url = f"http://127.0.0.1:{port}"
    shards = [Shard(number, each, url, folder, options) for number, each in enumerate(ports)]
    with contextlib.ExitStack() as stack:
        for shard in shards:
            stack.callback(shard.stop)
            shard.start()
        for shard in shards:
            shard.wait()
        yield stack.enter_context(_behind_a_proxy(shards, DEPLOY / "haproxy.cfg", port))


@contextlib.contextmanager
def extended(before: Cluster, config: Path, folder: Path) -> Iterator[Cluster]:
    """Start another proxy in front of the same shards and a new one."""
    port, another = free_ports(2)
    added = Shard(len(before.shards), another, f"http://127.0.0.1:{port}", folder)
    added.start()
    try:
        added.wait()
        with _behind_a_proxy([*before.shards, added], config, port) as after:
            yield after
    finally:
        added.stop()


@contextlib.contextmanager
def _behind_a_proxy(shards: list[Shard], config: Path, port: int) -> Iterator[Cluster]:
    environment = {"LEOMOCK_LISTEN": f"127.0.0.1:{port}"}
    environment |= {f"LEOMOCK_SHARD_{shard.number}": f"127.0.0.1:{shard.port}" for shard in shards}
    with haproxy(config, environment, port), httpx.Client(timeout=40) as client:
        yield Cluster(f"http://127.0.0.1:{port}", shards, client)
