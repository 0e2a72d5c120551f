"""Compare leomock with other mock servers on the same call: `make bench-peers`.

Installs Prism, Mockoon and WireMock from npm into a temporary folder; WireMock also needs Java. Each serves
the document that leomock serves (WireMock: one stub, since it reads no documents), and answers the same
request to create a generation.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.load import load
from bench.servers import API, PROMPT, QUIET, SCRIPT, Server, running

PACKAGES = ("@stoplight/prism-cli", "@mockoon/cli", "wiremock")
START_SECONDS = 60.0
SECONDS = 3.0
ROUNDS = 5


class Peer(NamedTuple):
    """Another mock server: its command for a folder with the packages and a port, and its path prefix."""

    name: str
    command: Callable[[Path, int], list[str]]
    prefix: str


PEERS = (
    Peer(
        "Prism",
        lambda folder, port: [
            "node",
            str(folder / "node_modules/.bin/prism"),
            "mock",
            "--port",
            str(port),
            str(folder / "api.json"),
        ],
        "",
    ),
    Peer(
        "Mockoon",
        lambda folder, port: [
            "node",
            str(folder / "node_modules/.bin/mockoon-cli"),
            "start",
            "--disable-log-to-file",
            "--disable-admin-api",
            "--data",
            str(folder / "api.json"),
            "--port",
            str(port),
        ],
        API,
    ),
    Peer(
        "WireMock",
        lambda folder, port: [
            "java",
            "-jar",
            str(next((folder / "node_modules/wiremock/build").glob("*.jar"))),
            "--port",
            str(port),
            "--root-dir",
            str(folder),
            "--no-request-journal",
            "--use-chunked-encoding",
            "never",
            "--disable-banner",
        ],
        API,
    ),
)


def main() -> int:
    """Print requests per second and CPU per request of each server, and of leomock in the same run."""
    if shutil.which("npm") is None:
        print("npm is not installed: nothing compared", file=sys.stderr)
        return 2
    peers = [peer for peer in PEERS if peer.name != "WireMock" or shutil.which("java")]
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        prepare(folder)
        servers = {"leomock": (stack.enter_context(running(QUIET)), API)}
        for peer in peers:
            servers[peer.name] = (stack.enter_context(started(peer, folder)), peer.prefix)
        rounds: dict[str, list[tuple[float, float]]] = {each: [] for each in servers}
        for _ in range(1 + ROUNDS):
            for each, (server, prefix) in servers.items():
                rounds[each].append(measure(server, prefix))
    report({each: measured[1:] for each, measured in rounds.items()})
    return 0


def prepare(folder: Path) -> None:
    """Install the peers, and write what they serve."""
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent", *PACKAGES],
        cwd=folder,
        check=True,
    )
    subprocess.run([SCRIPT, "openapi", "--output", str(folder / "api.json")], check=True)
    answer = {"sdGenerationJob": {"generationId": "48c89d98-382d-4754-abb3-bca28b3c8f22", "apiCreditCost": 9}}
    stub = {
        "request": {"method": "POST", "url": f"{API}/generations"},
        "response": {"status": 200, "jsonBody": answer, "headers": {"content-type": "application/json"}},
    }
    (folder / "mappings").mkdir()
    (folder / "mappings" / "create.json").write_text(json.dumps(stub))


@contextmanager
def started(peer: Peer, folder: Path) -> Iterator[Server]:
    """Run a peer until the block ends; it is ready once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        peer.command(folder, port),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    )
    server = Server(process, port)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                load(port, request(server, peer.prefix), count=1)
                break
            except RuntimeError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{peer.name} does not answer") from None
                time.sleep(0.5)
        yield server
    finally:
        process.terminate()
        process.wait()


def request(server: Server, prefix: str) -> bytes:
    """The bytes of a request to create a generation."""
    return server.request("POST", "/generations", PROMPT).replace(API.encode(), prefix.encode(), 1)


def measure(server: Server, prefix: str) -> tuple[float, float]:
    """Load a server; return its requests a second, and its seconds of CPU per request."""
    before = server.cpu() or 0.0
    outcome = load(server.port, request(server, prefix), seconds=SECONDS)
    return outcome.requests / outcome.seconds, ((server.cpu() or 0.0) - before) / outcome.requests


def report(rounds: dict[str, list[tuple[float, float]]]) -> None:
    """Print the medians, and how often leomock answers while another server answers once."""
    ours = rounds["leomock"]
    print(f"{'create':10}{'requests/s':>12}{'CPU, us':>10}{'leomock is':>14}{'by CPU':>10}")
    for name, measured in rounds.items():
        rate, cpu = (median(column) for column in zip(*measured, strict=True))
        times = median(o[0] / m[0] for o, m in zip(ours, measured, strict=True))
        by_cpu = median(m[1] / o[1] for o, m in zip(ours, measured, strict=True))
        print(f"{name:10}{rate:12,.0f}{cpu * 1e6:10.0f}{times:13.1f}x{by_cpu:9.1f}x")


if __name__ == "__main__":
    sys.exit(main())
