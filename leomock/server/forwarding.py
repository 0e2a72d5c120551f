"""Forward every call to another server, and report the traffic."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.types import Receive, Scope, Send

from leomock.files.recordings.compression import decoded
from leomock.files.recordings.model import RecordedExchange
from leomock.server.access_log import LOG_CONTEXT
from leomock.server.breakage import connection_of
from leomock.state.journal import Headers, Journal
from leomock.state.redaction import Redactor, one_line

# Returns the violations in an exchange as sentences; None if it does not belong to the API.
Judge = Callable[[RecordedExchange], list[str] | None]

# The bytes of exchanges that a recording keeps; every exchange is kept in full.
LONGEST_RECORDING = 256 * 2**20
# These describe one connection, not the message (RFC 9110, 7.6.1).
_HOP_BY_HOP = frozenset(
    name.encode()
    for name in (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    )
)
# The forwarded request has its own values for these.
_OF_THIS_HOP = frozenset((b"host", b"content-length", b"accept-encoding", b"via", b"expect"))


class Forwarding:
    """An app that forwards requests to the server at `origin` and returns its responses.

    `judge` is called with every exchange in a separate thread, and its sentences go to `say`. With `keep`,
    the exchanges are in `journal`, complete except for credentials (see `Redactor`; `redact` are further
    names of headers, parameters and fields); beyond `most_bytes` together, the oldest are dropped. `timeout`
    is in seconds, for each wait on the server.
    """

    def __init__(
        self,
        origin: str,
        *,
        judge: Judge | None = None,
        say: Callable[[str], object] = lambda line: None,
        keep: bool = False,
        most_bytes: int = LONGEST_RECORDING,
        redact: Sequence[str] = (),
        timeout: float = 120.0,
    ) -> None:
        self.journal = Journal(size=sys.maxsize, longest_body=sys.maxsize, most_bytes=most_bytes)
        self._origin = origin.rstrip("/")
        self._judge = judge
        self._say = say
        self._keep = keep
        self._redactor = Redactor(redact)
        self._timeout = timeout
        self._client = httpx.AsyncClient(follow_redirects=False)
        # One thread: calls are judged in order, and the CPU stays free for answering.
        self._bench = ThreadPoolExecutor(1, "leomock referee") if judge else None
        # Proxies recognize by this that a call has come back to them (RFC 9110, 7.6.3).
        self._name = f"leomock-{uuid.uuid4().hex[:12]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        url = f"{self._origin}{raw}{f'?{query}' if query else ''}"
        if any(name == b"via" and self._name.encode() in value for name, value in scope["headers"]):
            await _refuse(scope, send, 508, f"{scope['method']} {raw}: {self._origin} is this server itself")
            return
        body = await _body(receive)
        if body is not None:
            await _unless_it_leaves(receive, self._pass_on(scope, receive, send, raw, url, body))

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, raw: str, url: str, body: bytes
    ) -> None:
        """Send the request to the server, and return its response."""
        request = httpx.Request(
            scope["method"],
            self._origin,
            headers=self._onward(scope["headers"]),
            content=body,
            # Send it unchanged: httpx would normalize the path.
            extensions={"target": urlsplit(url)._replace(scheme="", netloc="").geturl().encode("latin-1")}
            | {"timeout": httpx.Timeout(self._timeout).as_dict()},
        )
        began, moment = time.perf_counter(), time.time()
        started = False
        chunks = []
        try:
            answer = await self._client.send(request, stream=True)
            try:
                headers = [pair for pair in answer.headers.raw if pair[0].lower() not in _dropped(answer)]
                headers = [(name.lower(), value) for name, value in headers]
                await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
                started = True
                async for chunk in answer.aiter_raw():
                    chunks.append(chunk)
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            finally:
                await answer.aclose()
        except httpx.TransportError as error:
            asked = f"{scope['method']} {raw}"
            if started:
                # The client must see that the response is incomplete, as it would with the server itself.
                self._say(f"leomock: {asked}: {self._origin} broke off its answer: {_told(error)}\n")
                connection_of(scope).end()
                await _left(receive)
            elif isinstance(error, httpx.TimeoutException):
                why = f"{asked}: {self._origin} did not answer within {self._timeout:g} s"
                await _refuse(scope, send, 504, why)
            else:
                await _refuse(scope, send, 502, f"{asked}: cannot reach {self._origin}: {_told(error)}")
            return
        await send({"type": "http.response.body", "body": b""})
        milliseconds = (time.perf_counter() - began) * 1000
        self._went_by(scope, url, body, answer, b"".join(chunks), moment, milliseconds)

    def _onward(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Return the headers of the forwarded request; accept only compressions that can be decoded."""
        onward = []
        encoding, via = b"identity", []
        left = _HOP_BY_HOP | _OF_THIS_HOP | _named(headers)
        for name, value in headers:
            assert isinstance(name, bytes)
            assert isinstance(value, bytes)
            if name == b"accept-encoding" and b"gzip" in value:
                encoding = b"gzip"
            elif name == b"via":
                via.append(value)
            if name not in left:
                onward.append((name, value))
        via.append(f"1.1 {self._name}".encode())
        return [*onward, (b"accept-encoding", encoding), (b"via", b", ".join(via))]

    def _went_by(
        self,
        scope: Scope,
        url: str,
        body: bytes,
        answer: httpx.Response,
        raw: bytes,
        moment: float,
        milliseconds: float,
    ) -> None:
        """Record an exchange, and have it judged."""
        try:
            content = decoded(raw, answer.headers.get("content-encoding", ""))
        except ValueError:
            content = raw
        if self._keep:
            # Headers first: the credentials in them are searched for in the rest.
            asked = self._redactor.headers(scope["headers"])
            answered = self._redactor.headers(answer.headers.raw)
            path, _, query = self._redactor.text(url).partition("?")
            self.journal.add(
                moment=moment,
                channel="api",
                operation="",
                method=scope["method"],
                path=path,
                query=query,
                request_headers=asked,
                request_body=self._redactor.body(body),
                status=answer.status_code,
                response_headers=answered,
                response_body=self._redactor.body(content),
                milliseconds=milliseconds,
            )
        if self._bench:
            recorded = RecordedExchange(
                scope["method"],
                url,
                {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
                body,
                answer.status_code,
                dict(answer.headers),
                content,
            )
            self._bench.submit(self._tell, recorded)

    def _tell(self, recorded: RecordedExchange) -> None:
        assert self._judge
        try:
            findings = self._judge(recorded)
        except Exception as error:  # a defect in the judge must be visible, and must not end its thread
            findings = [
                f"{recorded.method} {recorded.url}: cannot be judged: {type(error).__name__}: {error}"
            ]
        for finding in findings or ():
            self._say(f"leomock referee: {one_line(finding)}\n")

    async def close(self) -> None:
        """Close the connections once everything is judged."""
        await self._client.aclose()
        if self._bench:
            await asyncio.to_thread(self._bench.shutdown)


def _named(headers: Headers) -> set[bytes]:
    """Return the headers that Connection names: they belong to one connection as well."""
    return {
        word.strip().lower()
        for name, value in headers
        if isinstance(value, bytes) and name == b"connection"
        for word in value.split(b",")
    }


def _dropped(answer: httpx.Response) -> frozenset[bytes]:
    lowered = [(name.lower(), value) for name, value in answer.headers.raw]
    return _HOP_BY_HOP | _named(lowered)


async def _unless_it_leaves(receive: Receive, answering: Coroutine[Any, Any, None]) -> None:
    """Answer a client; cancel the upstream request if the client disconnects early."""
    tasks = [asyncio.ensure_future(answering), asyncio.ensure_future(_left(receive))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        answered, _ = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(answered, Exception):
        raise answered


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request; None if the client disconnected before its end."""
    chunks = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    """Answer a request that the upstream server did not answer, in the format of the API's errors."""
    if note := scope.get(LOG_CONTEXT):
        note.explain = why
    text = f"leomock: {status} {one_line(why)}"
    content = json.dumps({"error": text, "path": "$", "code": "unexpected"}).encode()
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(content)),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
