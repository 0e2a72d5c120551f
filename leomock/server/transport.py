"""An httpx transport without a port: requests go straight to the app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any
from urllib.parse import unquote

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope

from leomock.server.breakage import CONNECTION, Connection

Submit = Callable[[Coroutine[Any, Any, httpx.Response]], "Future[httpx.Response]"]


class Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Call an ASGI app on the event loop of a fake, for sync and async clients alike.

    The loop is not the client's own, so a sync client works inside a running loop, and an async client works
    with any event loop policy.
    """

    def __init__(self, app: ASGIApp, submit: Submit) -> None:
        self._app = app
        self._submit = submit

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a sync client."""
        try:
            return self._submit(self._call(request, request.read())).result()
        except CancelledError:
            raise httpx.ReadError("the fake was closed", request=request) from None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer an async client (asyncio)."""
        return await asyncio.wrap_future(self._submit(self._call(request, await request.aread())))

    async def _call(self, request: httpx.Request, body: bytes) -> httpx.Response:
        status = 500
        headers: list[tuple[bytes, bytes]] = []
        chunks: list[bytes] = []
        sent = False
        connection = _NoConnection(request)

        async def receive() -> Message:
            nonlocal sent
            if sent:
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            elif message["type"] == "http.response.body":
                chunks.append(message.get("body", b""))

        await self._app({**_scope(request), CONNECTION: connection}, receive, send)
        if connection.error:
            raise connection.error
        content = b"" if request.method == "HEAD" else b"".join(chunks)
        return httpx.Response(status, headers=headers, stream=_Bytes(content))


class _NoConnection(Connection):
    """Simulate a scenario's connection faults without a connection: raise what httpx raises over a socket."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self.error: httpx.TransportError | None = None

    def reset(self) -> None:
        self.error = httpx.ReadError("the connection was reset", request=self._request)

    def end(self) -> None:
        self.error = self.error or httpx.RemoteProtocolError("the answer broke off", request=self._request)

    async def pause(self, seconds: float, receive: Receive) -> bool:
        patience = self._request.extensions.get("timeout", {}).get("read")
        if patience is None or patience > seconds:
            return await super().pause(seconds, receive)
        self.error = httpx.ReadTimeout("the answer comes too late", request=self._request)
        return False

    async def stall(self, receive: Receive) -> None:
        self.error = httpx.ReadTimeout("the answer stalls", request=self._request)


class _Bytes(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A response body that is complete from the start."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Any:
        yield self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def _scope(request: httpx.Request) -> Scope:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": unquote(url.path),
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 0),
        "server": (url.host, url.port or (443 if url.scheme == "https" else 80)),
    }
