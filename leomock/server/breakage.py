"""Breaks an answer on its way out: the connection, or what comes through it."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from leomock.state.scenario import Breakage

# Under these keys of the scope a door says how its connections are reset, and how one stands still (a
# coroutine function that returns when the other side has left). Only the first must be there.
RESET = "leomock.reset"
STALL = "leomock.stall"
# A stalled answer holds its connection for at most so long.
LONGEST_STALL = 300.0


def broken(how: Breakage, scope: Scope, receive: Receive, send: Send) -> Send:
    """Return a `send` that breaks the answer given to it."""
    if how == "wrong_content_type":
        return _relabelled(send)
    if how == "malformed_json":
        return _cut_short(send)
    return _Interrupted(how, scope, receive, send)


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

    def __init__(self, how: Breakage, scope: Scope, receive: Receive, send: Send) -> None:
        self._how = how
        self._scope = scope
        self._receive = receive
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._how != "reset":
                await self._send(message)
            return
        if self._how != "reset":
            half = message["body"][: len(message["body"]) // 2]
            await self._send({**message, "body": half, "more_body": True})
        if self._how == "stall":
            stall: Any = self._scope.get(STALL, self._wait_until_left)
            await stall()
        self._scope[RESET]()
        await self._wait_until_left()

    async def _wait_until_left(self) -> None:
        try:
            async with asyncio.timeout(LONGEST_STALL):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return
