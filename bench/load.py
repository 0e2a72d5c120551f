"""Send one request over and over on a few kept-alive connections, from a separate process."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from typing import NamedTuple, cast

CONNECTIONS = 16
STALLED_SECONDS = 15.0
LONGEST_SECONDS = 120.0
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r", re.IGNORECASE)
SEPARATOR = b"\0"  # no request has this byte


class Outcome(NamedTuple):
    """The result of a load; `cpu` is the generator's own CPU time in seconds."""

    requests: int
    seconds: float
    cpu: float


def load(
    port: int,
    *requests: bytes,
    seconds: float = LONGEST_SECONDS,
    count: int = sys.maxsize,
    opening: bytes = b"",
    core: int | None = None,
) -> Outcome:
    """Send requests for a time or a number of times; raises `RuntimeError` on any answer but 200.

    Each connection sends one of them, in turn. `opening` is a request that every connection sends once,
    first. `core` is the processor that the generator may use; without it, any.
    """
    command = [
        sys.executable,
        __file__,
        str(port),
        str(seconds),
        str(count),
        str(-1 if core is None else core),
    ]
    sent = SEPARATOR.join([opening, *requests])
    done = subprocess.run(command, input=sent, capture_output=True, timeout=seconds + 2 * STALLED_SECONDS)
    if done.returncode:
        raise RuntimeError(f"the load failed: {done.stderr.decode(errors='replace').strip()}")
    outcome = Outcome(*json.loads(done.stdout))
    if count != sys.maxsize and outcome.requests < count:
        raise RuntimeError(f"only {outcome.requests} of {count} requests were answered in {seconds:.0f} s")
    return outcome


def drive(port: int, opening: bytes, requests: list[bytes], seconds: float, count: int) -> Outcome:
    selector = selectors.DefaultSelector()
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(min(CONNECTIONS, count))]
    request_of = {each: requests[number % len(requests)] for number, each in enumerate(sockets)}
    for each in sockets if opening else ():
        each.sendall(opening)
        answer = each.recv(65536)
        while not is_whole(answer):
            answer += each.recv(65536)
    for each in sockets:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.setblocking(False)
        selector.register(each, selectors.EVENT_READ, each.recv)
    parts: dict[int, bytes] = {}
    done, left, waiting = 0, count - len(sockets), len(sockets)
    began, cpu = time.perf_counter(), time.process_time()
    for each in sockets:
        each.sendall(request_of[each])
    while waiting:
        ready = selector.select(STALLED_SECONDS)
        if not ready:
            raise SystemExit(f"no answer for {STALLED_SECONDS:.0f} s")
        if time.perf_counter() - began >= seconds:
            left = 0
        for key, _ in ready:
            received = key.data(65536)
            answer = parts.pop(key.fd) + received if key.fd in parts else received
            if not received or not is_whole(answer):
                if not received:
                    raise SystemExit(f"the connection was closed after {answer[:500]!r}")
                parts[key.fd] = answer
                continue
            done += 1
            if left > 0:
                left -= 1
                each = cast(socket.socket, key.fileobj)
                each.send(request_of[each])  # far shorter than its buffer
            else:
                waiting -= 1
    outcome = Outcome(done, time.perf_counter() - began, time.process_time() - cpu)
    for each in sockets:
        each.close()
    return outcome


def is_whole(answer: bytes) -> bool:
    """Whether an answer has arrived with all of its body; ends the run if it is not a 200."""
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"answered {answer[:1000]!r}")
    if (length := LENGTH.search(answer)) is None:
        raise SystemExit(f"answered without a length: {answer[:1000]!r}")
    return len(answer) == head + 4 + int(length[1])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process ends it
    port, seconds, count, core = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if core >= 0:
        os.sched_setaffinity(0, {core})
    opening, *requests = sys.stdin.buffer.read().split(SEPARATOR)
    print(json.dumps(drive(port, opening, requests, seconds, count)))
