"""A webhook receiver for tests: record what is posted, and wait for expected events."""

from __future__ import annotations

import json
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leomock.testing.tenant import Tenant

# How often the server checks for a stop; a receiver lives as long as a test.
POLL_SECONDS = 0.005
# How long a client may take to send the announced body.
PATIENCE_SECONDS = 5.0
# How long work in progress may take before the tenant's clock advances, in real seconds.
BEFORE_MOVING_SECONDS = 0.25


@dataclass(frozen=True, slots=True, repr=False)
class Received:
    """One POST: header names in lower case, the body as JSON (else only `raw`), and the answer."""

    path: str
    headers: Mapping[str, str]
    body: Any
    raw: bytes
    status: int

    def fits(self, criteria: Mapping[str, Any]) -> bool:
        """True if all names have these values, each in the body itself or else in its `data.object`."""
        return all(self._value(name, _MISSING) == value for name, value in criteria.items())

    def _value(self, name: str, default: object) -> Any:
        for place in (self.body, _below(_below(self.body, "data"), "object")):
            if isinstance(place, dict) and name in place:
                return place[name]
        return default

    def __str__(self) -> str:
        known = [
            f"{name}={value!r}"
            for name in ("type", "id", "status")
            if (value := self._value(name, None)) is not None
        ]
        body = " ".join(known) or f"{self.raw[:80]!r}"
        return f"POST {self.path} {body}, answered {self.status}"

    def __repr__(self) -> str:
        # The body contains the API key.
        return f"<{self}>"


class WebhookReceiver:
    """A webhook on a port of 127.0.0.1, in a thread::

        with WebhookReceiver() as receiver:
            ...  # let leomock post to receiver.url
            [delivery] = receiver.wait_for(type="image_generation.complete", id=generation_id)

    It answers 200, or as `answer_with` says. With a `tenant`, waiting advances its clock to the next due job
    or event when nothing arrives.
    """

    _server: _Server | None = None

    def __init__(self, tenant: Tenant | None = None) -> None:
        self.url = ""
        self._tenant = tenant
        self._process = os.getpid()
        self._arrived = threading.Condition()
        self._received: list[Received] = []
        self._statuses = [200]
        self._thread: threading.Thread | None = None

    def __enter__(self) -> WebhookReceiver:
        """Start listening; `url` is known from now on."""
        if self._server:
            raise RuntimeError(f"this receiver is already listening at {self.url}")
        self._process = os.getpid()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhook"
        self._thread = threading.Thread(
            target=self._server.serve_while_wanted, name="leomock webhook", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening; received requests are kept. A forked child closes only its own descriptor."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server and thread:
            if os.getpid() == self._process:
                server.shutdown()
                thread.join()
            server.server_close()

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """Warn that it was not closed; the server notices that its receiver is gone, and stops."""
        if self._server and os.getpid() == self._process:
            warn(f"unclosed leomock WebhookReceiver at {self.url}: use `with`", ResourceWarning, source=self)

    @property
    def received(self) -> list[Received]:
        """All requests received so far, in order."""
        with self._arrived:
            return list(self._received)

    def answer_with(self, status: int, *more: int) -> None:
        """Answer the next requests with these statuses in turn, and all later ones with the last status."""
        with self._arrived:
            self._statuses = [status, *more]

    def wait_for(self, count: int = 1, timeout: float = 5, **criteria: Any) -> list[Received]:
        """Return the first `count` matching deliveries, once that many have arrived.

        A criterion is a name in the body or in its `data.object`: `type`, `id`, `status`. Raises
        AssertionError after `timeout` seconds, listing the deliveries that did arrive.
        """
        __tracebackhide__ = True
        with self._arrived:

            def fitting() -> list[Received]:
                return [received for received in self._received if received.fits(criteria)]

            def enough() -> bool:
                return len(fitting()) >= count

            if self._arrived.wait_for(enough, min(timeout, BEFORE_MOVING_SECONDS)):
                return fitting()[:count]
        self._move_on(enough)
        with self._arrived:
            if self._arrived.wait_for(enough, timeout):
                return fitting()[:count]
            missed = _missed(count, timeout, criteria, len(fitting()), self._received)
            raise AssertionError(f"{missed}{self._pending()}")

    def _move_on(self, enough: Callable[[], bool]) -> None:
        """Advance the tenant's clock to each due job or event until enough deliveries have arrived."""
        while self._tenant is not None and not enough():
            world = self._tenant.world
            with world.lock:
                due, now = world.next_due(), world.clock.now()
            if due is None:
                return
            self._tenant.advance(max(0.0, due - now))

    def _pending(self) -> str:
        """Describe jobs that have not finished; '' if all have."""
        pending = self._tenant.world.jobs.pending() if self._tenant else []
        if not pending:
            return ""
        ids = ", ".join(pending[:3]) + (", …" if len(pending) > 3 else "")
        those = "1 job is" if len(pending) == 1 else f"{len(pending)} jobs are"
        return f"\n{those} pending ({ids}): call finish(), or choose jobs='immediate'"

    def _take(self, path: str, headers: Mapping[str, str], raw: bytes) -> int:
        """Store a request; return the response status."""
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw
        with self._arrived:
            status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
            self._received.append(Received(path, headers, body, raw, status))
            self._arrived.notify_all()
        return status


_MISSING = object()


def _below(place: object, name: str) -> Any:
    return place.get(name) if isinstance(place, dict) else None


def _missed(
    count: int, timeout: float, criteria: Mapping[str, Any], fitting: int, received: list[Received]
) -> str:
    wanted = f"{count} deliver{'y' if count == 1 else 'ies'}"
    if criteria:
        wanted += " with " + ", ".join(f"{name}={value!r}" for name, value in criteria.items())
    if not received:
        return f"leomock: waited {timeout:g} s for {wanted}; nothing came"
    lines = [f"leomock: waited {timeout:g} s for {wanted}; {fitting} came among these {len(received)}:"]
    return "\n".join([*lines, *(f"  {number}. {one}" for number, one in enumerate(received, 1))])


class _NotWanted(Exception):
    """The receiver of a server was garbage-collected."""


class _Server(ThreadingHTTPServer):
    """A server that holds its receiver weakly, so that a receiver that was not closed can be collected."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, receiver: WebhookReceiver) -> None:
        self.receiver = weakref.ref(receiver)
        super().__init__(("127.0.0.1", 0), _Handler)

    def serve_while_wanted(self) -> None:
        """Serve until it is shut down, or until the receiver is gone."""
        with suppress(_NotWanted):
            self.serve_forever(POLL_SECONDS)
            return
        self.server_close()

    def service_actions(self) -> None:
        """Stop if the receiver is gone; the server calls this after each check for requests."""
        if self.receiver() is None:
            raise _NotWanted

    def server_bind(self) -> None:
        # The original method of HTTPServer resolves the host's name, which takes seconds without a name
        # server.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that disconnected."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE_SECONDS

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver = self.server.receiver()
        self.send_response(receiver._take(self.path, headers, raw) if receiver else 503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the output belongs to the tests."""
