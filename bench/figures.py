"""Measure what one call, picture, API key and generation cost; `bench.plan` calculates with these figures."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from typing import NamedTuple

from bench.load import load
from bench.servers import API, PROMPT, START_SECONDS, Server

KEYS = 300
READS_OF_A_KEY = 100
PICTURES = 60
NAME = "figures for bench.plan"


class Figures(NamedTuple):
    """Costs of one process: seconds of CPU for a call, and bytes of memory."""

    create_cpu: float
    read_cpu: float
    picture_cpu: float  # drawing it and sending it, the first time
    base_bytes: float  # before the first call
    generation_bytes: float
    key_bytes: float
    exchange_bytes: float  # in the journal
    picture_bytes: float  # in the cache of drawn pictures

    def described(self) -> str:
        """Return the figures in words."""
        return (
            f"create {self.create_cpu * 1e6:.0f} µs, read {self.read_cpu * 1e6:.0f} µs, picture "
            f"{self.picture_cpu * 1e3:.1f} ms; process {self.base_bytes / 2**20:.0f} MB, API key "
            f"{self.key_bytes / 1024:.0f} KB, generation {self.generation_bytes / 1024:.1f} KB, "
            f"journalled call {self.exchange_bytes / 1024:.1f} KB"
        )


class _Meter:
    """The growth of a server's CPU time and memory since the last reading."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._cpu, self._bytes = self._now()

    def _now(self) -> tuple[float, float]:
        cpu, resident = self._server.cpu(), self._server.resident()
        if cpu is None or resident is None:
            raise RuntimeError("the figures need /proc")
        return cpu, resident

    def grown(self, count: int) -> tuple[float, float]:
        """Return seconds of CPU and bytes of memory per item, for `count` items since the last reading."""
        before = self._cpu, self._bytes
        self._cpu, self._bytes = self._now()
        return (self._cpu - before[0]) / count, max(0.0, self._bytes - before[1]) / count


def measure(server: Server, rows: int) -> Figures:
    """Measure a fresh server with some calls of each kind, among them `rows` creates."""
    base = server.resident()
    load(server.port, server.request("POST", "/generations", PROMPT), count=2_000)  # fills the journal
    meter = _Meter(server)
    load(server.port, server.request("POST", "/generations", PROMPT), count=rows)
    create_cpu, generation_bytes = meter.grown(rows)
    id = server.ask("POST", "/generations", PROMPT)["sdGenerationJob"]["generationId"]
    meter.grown(1)
    load(server.port, server.request("GET", f"/generations/{id}"), count=rows)
    read_cpu, _ = meter.grown(rows)
    keys = [f"bench-key-{number}" for number in range(KEYS)]
    ids = [_created(body) for body in _answers(server, "POST", ["/generations"], keys)]
    _, key_bytes = meter.grown(KEYS)
    few = list(zip(keys, ids, strict=True))[: KEYS // 3]
    for key, own in few:
        list(_answers(server, "GET", [f"/generations/{own}"] * READS_OF_A_KEY, [key]))
    _, exchange_bytes = meter.grown(len(few) * READS_OF_A_KEY)
    urls = _pictures(server, keys[0])
    meter.grown(1)
    list(_answers(server, "GET", urls, [""]))
    picture_cpu, picture_bytes = meter.grown(len(urls))
    return Figures(
        create_cpu,
        read_cpu,
        picture_cpu,
        float(base or 0),
        generation_bytes,
        key_bytes,
        exchange_bytes,
        picture_bytes,
    )


def _answers(server: Server, method: str, paths: list[str], keys: Iterable[str]) -> Iterable[bytes]:
    """Call each path with each key, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_SECONDS)
    try:
        for key in keys:
            for path in paths:
                body = PROMPT if method == "POST" else None
                target = path if path.startswith("/cdn/") else API + path
                connection.request(method, target, body, {"Authorization": f"Bearer {key}"} if key else {})
                response = connection.getresponse()
                answer = response.read()
                if response.status != 200:
                    raise RuntimeError(f"{method} {target} was answered {response.status} {answer[:500]!r}")
                yield answer
    finally:
        connection.close()


def _created(body: bytes) -> str:
    return str(json.loads(body)["sdGenerationJob"]["generationId"])


def _pictures(server: Server, key: str) -> list[str]:
    """Return the paths of pictures that were not drawn yet."""
    ids = [
        _created(body)
        for _ in range(PICTURES // 4)
        for body in _answers(server, "POST", ["/generations"], [key])
    ]
    found: list[str] = []
    for id in ids:
        for body in _answers(server, "GET", [f"/generations/{id}"], [key]):
            pictures = json.loads(body)["generations_by_pk"]["generated_images"]
            found += ["/cdn/" + picture["url"].partition("/cdn/")[2] for picture in pictures]
    return found
