"""Breaks an answer on its way out: the connection, or what comes through it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.types import Message, Receive, Scope, Send

from leomock.state.scenario import Breakage

# Under this key of the scope a channel puts the `Connection` of a call.
CONNECTION = "leomock.connection"
# A stalled answer holds its connection for at most so long.
LONGEST_STALL = 300.0
# Statuses of an answer that is lost behind a gateway.
LOST: dict[Breakage, int] = {"lost_500": 500, "lost_502": 502, "lost_504": 504}


class Connection:
    """What can be done to the connection of a call; this one is of a server that lets nothing be done."""

    def reset(self) -> None:
        """Break it off so that the other side sees a reset."""
        raise ConnectionResetError("a scenario resets this connection")

    def end(self) -> None:
        """End it in order, though the answer is not whole."""
        raise ConnectionAbortedError("a scenario ends this connection")

    async def pause(self, seconds: float, receive: Receive) -> bool:
        """Wait before the answer; False when the other side has left meanwhile."""
        await asyncio.sleep(seconds)
        return True

    async def stall(self, receive: Receive) -> None:
        """Wait until the other side has left, for a bounded time."""
        await self.pause(LONGEST_STALL, receive)


def connection_of(scope: Scope) -> Connection:
    """The connection of a call."""
    connection: Connection = scope.get(CONNECTION) or Connection()
    return connection


def broken(how: Breakage, scope: Scope, receive: Receive, send: Send) -> Send:
    """Return a `send` that breaks the answer given to it."""
    if how in LOST:
        return _replaced(send, LOST[how])
    if how == "wrong_content_type":
        return _relabelled(send)
    if how == "malformed_json":
        return _cut_short(send)
    return _Interrupted(how, connection_of(scope), receive, send)


def _replaced(send: Send, status: int) -> Send:
    """The page of a gateway in place of the answer; what the call did stays done."""
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
    """An answer that is whole for HTTP and no JSON: its last third is missing."""
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
    """Sends nothing (`reset`) or half of the body, and then breaks off or stands still."""

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
        """Wait until the server has noticed: it complains of an app that returns before."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
