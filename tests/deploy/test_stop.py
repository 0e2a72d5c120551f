"""How a server stops in a cluster."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx

from tests.deploy.shards import Shard, free_ports


def test_server_is_not_ready_and_still_answers_while_it_drains(tmp_path: Path) -> None:
    """A load balancer sees 503 before the port is closed."""
    [port] = free_ports(1)
    shard = Shard(0, port, "http://127.0.0.1:1", tmp_path, ("--drain", "0.7"))
    shard.start()
    shard.wait()
    assert shard.process
    with httpx.Client(base_url=shard.url, headers={"authorization": "Bearer key"}) as client:
        assert client.get("/_leomock/health/ready").status_code == 200
        shard.process.send_signal(signal.SIGTERM)
        for _ in range(1000):  # until the process has seen the signal
            ready = client.get("/_leomock/health/ready")
            if ready.status_code != 200:
                break
        assert (ready.status_code, ready.json()["problems"]) == (503, ["the server is stopping"])
        assert client.get("/api/rest/v1/me").status_code == 200
    output, _ = shard.process.communicate(timeout=20)
    assert (shard.process.returncode, output) == (0, "")
    shard.process = None
