"""The app of one worker: it answers what it owns, and lets other workers answer the rest."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leomock.server import direct
from leomock.server.access_log import PART
from leomock.server.admin.requests import LONGEST_BODY
from leomock.server.breakage import connection_of
from leomock.server.direct import DirectApp
from leomock.server.workers.combining import HEALTH, LIVE, METRICS, combine_for, worker_is_gone
from leomock.server.workers.ownership import FIRST, Ownership
from leomock.server.workers.peers import (
    Answer,
    PeerGoneError,
    Peers,
    answer_of,
    receiving,
    until_disconnected,
)

# Below this path are the calls without an accepted key, which the first worker gets.
_CALLS = "/_leomock/requests/"


class WorkerApp:
    """Route each request to the worker that owns it; `number` is that of this worker."""

    def __init__(self, app: ASGIApp, number: int, ownership: Ownership, peers: Peers) -> None:
        self._app = app
        self._direct = app.answer_directly if isinstance(app, DirectApp) else None
        self._number = number
        self._ownership = ownership
        self._peers = peers

    def answer_directly(self, scope: Scope, body: bytes) -> direct.Answer | ASGIApp | None:
        """Answer what this worker owns as the app does (see `DirectApp`)."""
        if self._direct is None or self._ownership.of(scope) != self._number:
            return None
        return self._direct(scope, body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = self._ownership.of(scope)
        if owner == self._number:
            await self._app(scope, receive, send)
            return
        try:
            if owner is not None:
                await self._peers.forward(owner, scope, receive, send)
            else:
                await self._answer_for_all(scope, receive, send)
        except PeerGoneError as error:
            text = f"leomock: {error}; its state is loaded again if --state keeps it. Try again"
            await JSONResponse({"error": text}, 503)(scope, receive, send)

    async def _answer_for_all(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call that no API key assigns to a worker."""
        path = scope["path"].rstrip("/")
        if path == LIVE and scope["method"] == "GET":
            await self._follow_all(scope, receive, send)
        elif combine_for(scope["method"], path):
            body = await _read_body(receive)
            answer = await self._combined(scope, body)
            content_type = dict(answer.headers)[b"content-type"].decode("latin-1")
            response = Response(answer.body, answer.status, {"content-type": content_type})
            await response(scope, receive, send)
        elif self._number == FIRST or _is_alike(path):
            await self._app(scope, receive, send)
        else:
            await self._peers.forward(
                FIRST, scope, receive, send
            )  # the first worker keeps the journal of such calls

    async def _combined(self, scope: Scope, body: bytes) -> Answer:
        """Ask all workers; if one refuses, return its answer for all."""
        combine = combine_for(scope["method"], scope["path"])
        assert combine
        asked = {**scope, "method": "GET" if scope["method"] == "HEAD" else scope["method"]}
        if scope["path"] == METRICS:
            asked["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept"]
        answers = await asyncio.gather(
            *(self._ask(number, asked, body) for number in range(self._ownership.workers))
        )
        if scope["path"].rstrip("/") not in HEALTH:
            for answer in answers:
                if answer.status >= 400:
                    return answer
        elif refused := next((a for a in answers if a.status not in (200, 503)), None):
            return refused
        return combine(scope, answers)

    async def _ask(self, number: int, scope: Scope, body: bytes) -> Answer:
        if number == self._number:
            return await answer_of(self._app, scope, body)
        asked = {**scope, PART: True}
        if scope["path"].rstrip("/") not in HEALTH:
            return await self._peers.ask(number, asked, body)
        try:
            return await self._peers.ask(number, asked, body, patience=0)
        except PeerGoneError as error:
            return worker_is_gone(str(error))

    async def _follow_all(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events of all workers as one stream, which ends when one of theirs does."""
        messages: asyncio.Queue[Message] = asyncio.Queue(maxsize=16)
        tasks = [asyncio.ensure_future(self._app({**scope}, receiving(b""), messages.put))]
        try:
            start = await messages.get()
            await send(start)
            if start["status"] != 200:
                await send(await messages.get())
                return
            asked = {**scope, PART: True}
            for number in range(self._ownership.workers):
                if number != self._number:
                    stream = self._peers.forward(number, asked, receiving(b""), _bodies_to(messages))
                    tasks.append(asyncio.ensure_future(stream))
            tasks.append(asyncio.ensure_future(_send_all(messages, send)))
            tasks.append(gone := asyncio.ensure_future(until_disconnected(receive)))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not gone.done() or gone.cancelled():
            connection_of(scope).end()
            await until_disconnected(receive)


def _bodies_to(messages: asyncio.Queue[Message]) -> Send:
    """Return a `send` that leaves out the head of a response."""

    async def put(message: Message) -> None:
        if message["type"] == "http.response.body":
            await messages.put(message)

    return put


async def _send_all(messages: asyncio.Queue[Message], send: Send) -> None:
    while True:
        await send({**await messages.get(), "more_body": True})


def _is_alike(path: str) -> bool:
    """Return True if every worker answers a call that concerns no key in the same way."""
    return path == "" or (path.startswith("/_leomock") and not path.startswith(_CALLS))


async def _read_body(receive: Receive) -> bytes:
    """Read the body of an admin call, up to one byte more than the longest that is accepted."""
    body = b""
    message: Message = {"more_body": True}
    while message.get("more_body") and len(body) <= LONGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
    return body[: LONGEST_BODY + 1]
