"""Break a response as it is sent: the connection, or its content."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.types import Message, Receive, Scope, Send

from leomock.state.scenario import Breakage

# The key of the ASGI scope under which a channel stores the `Connection` of a call.
CONNECTION = "leomock.connection"
# A stalled response holds its connection for at most this many seconds.
LONGEST_STALL = 300.0
# Statuses for a response that is lost behind a gateway.
LOST: dict[Breakage, int] = {"lost_500": 500, "lost_502": 502, "lost_504": 504}


class Connection:
    """The ways to break a call's connection; this base class is for servers that support none.

    `late` says why the server answered 408 and closed it, if the request did not arrive in time.
    """

    late = ""

    def reset(self) -> None:
        """Reset the connection."""
        raise ConnectionResetError("a scenario resets this connection")

    def end(self) -> None:
        """Close the connection normally, although the response is incomplete."""
        raise ConnectionAbortedError("a scenario ends this connection")

    async def pause(self, seconds: float, receive: Receive) -> bool:
        """Wait before the response; return False if the client disconnected meanwhile."""
        await asyncio.sleep(seconds)
        return True

    async def stall(self, receive: Receive) -> None:
        """Wait until the client disconnects, up to a limit."""
        await self.pause(LONGEST_STALL, receive)


class WatchedConnection(Connection):
    """A connection whose client is watched while it waits; `waiting` is true meanwhile.

    The client may wait for a long time, so a server that stops ends such connections.
    """

    waiting = False

    async def pause(self, seconds: float, receive: Receive) -> bool:
        """Wait before the response; return False at once if the client disconnects."""
        self.waiting = True
        try:
            async with asyncio.timeout(seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
            return False
        except TimeoutError:
            return True
        finally:
            self.waiting = False


def connection_of(scope: Scope) -> Connection:
    """Return the connection of a call."""
    connection: Connection = scope.get(CONNECTION) or Connection()
    return connection


def broken(how: Breakage, scope: Scope, receive: Receive, send: Send) -> Send:
    """Return a `send` that breaks the response passed to it."""
    if how in LOST:
        return _replaced(send, LOST[how])
    if how == "wrong_content_type":
        return _relabelled(send)
    if how == "malformed_json":
        return _cut_short(send)
    return _Interrupted(how, connection_of(scope), receive, send)


def _replaced(send: Send, status: int) -> Send:
    """Return a `send` that replaces the response with a gateway's error page; the call still took effect."""
    reason = HTTPStatus(status).phrase
    page = f"<html><head><title>{status} {reason}</title></head><body>{reason}</body></html>\n".encode()

    async def replace(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (b"content-type", b"text/html; charset=utf-8"),
                (b"content-length", b"%d" % len(page)),
            ]
            message = {**message, "status": status, "headers": headers}
        elif message["type"] == "http.response.body":
            message = {**message, "body": page, "more_body": False}
        await send(message)

    return replace


def _relabelled(send: Send) -> Send:
    async def relabel(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(n, v) for n, v in message["headers"] if n != b"content-type"]
            message = {**message, "headers": [*headers, (b"content-type", b"text/html; charset=utf-8")]}
        await send(message)

    return relabel


def _cut_short(send: Send) -> Send:
    """Return a `send` for a complete HTTP response with invalid JSON: its last third is missing."""
    started: list[Message] = []

    async def cut(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
            return
        (start,) = started
        body = message["body"][: len(message["body"]) * 2 // 3]
        headers = [(n, v) for n, v in start["headers"] if n != b"content-length"]
        headers.append((b"content-length", b"%d" % len(body)))
        await send({**start, "headers": headers})
        await send({**message, "body": body})

    return cut


class _Interrupted:
    """Send nothing (`reset`) or half of the body, and then disconnect or stall."""

    def __init__(self, how: Breakage, connection: Connection, receive: Receive, send: Send) -> None:
        self._how = how
        self._connection = connection
        self._receive = receive
        self._send = send

    async def __call__(self, message: Message) -> None:
        if self._how == "reset":
            if message["type"] == "http.response.body":
                self._connection.reset()
                await self._left()
            return
        if message["type"] == "http.response.start":
            await self._send(message)
            return
        half = message["body"][: len(message["body"]) // 2]
        await self._send({**message, "body": half, "more_body": True})
        if self._how == "stall":
            await self._connection.stall(self._receive)
        self._connection.end()
        await self._left()

    async def _left(self) -> None:
        """Wait until the server notices the disconnect; it complains if an app returns earlier."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
