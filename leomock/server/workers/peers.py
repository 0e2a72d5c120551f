"""Let one worker answer a request that another one received, over a Unix socket.

The messages of ASGI go over the socket as they are, so a request is parsed once and its response is framed
once, by the worker that holds the connection. Each request has a connection between the workers to itself,
whose end means that the client or the worker has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import marshal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leomock.server.accepting import MOST_WAITING
from leomock.server.access_log import PART
from leomock.server.breakage import CONNECTION, WatchedConnection, connection_of

# Messages of a client that are read before the app asks for them.
MOST_UNREAD = 4
# While a worker restarts, calls for it wait up to this long.
SECONDS_FOR_A_PEER = 20.0
SECONDS_BETWEEN_ATTEMPTS = 0.05
_LATE = "leomock.late"  # in the message of a disconnect: why the server answered 408
_SENT_KEYS = (
    *("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path"),
    *("headers", "client", "server", PART),
)


class PeerGoneError(Exception):
    """Another worker cannot be reached, or it ended before it had answered."""


class Answer(NamedTuple):
    """A whole response of a worker."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


async def _write(writer: asyncio.StreamWriter, kind: str, value: Any) -> None:
    """Send a message. Raises ConnectionError if the other side has gone."""
    _write_soon(writer, kind, value)
    await writer.drain()


def _write_soon(writer: asyncio.StreamWriter, kind: str, value: Any) -> None:
    if writer.is_closing():  # uvloop's own error for this is a RuntimeError
        raise ConnectionResetError("the other worker has closed the connection")
    content = marshal.dumps((kind, value))
    writer.write(len(content).to_bytes(4) + content)


async def _read(reader: asyncio.StreamReader) -> tuple[str, Any] | None:
    """Return the next message; None at the end of the connection."""
    try:
        size = int.from_bytes(await reader.readexactly(4))
        kind, value = marshal.loads(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, OSError):
        return None
    return kind, value


class PeerServer:
    """Answer requests that other workers received, at a Unix socket."""

    def __init__(self, app: ASGIApp, path: Path) -> None:
        self._app = app
        self._path = path
        self._server: asyncio.AbstractServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen on the socket; a file that a worker left there when it crashed is replaced."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, self._path, backlog=MOST_WAITING)

    async def close(self, seconds: float) -> None:
        """Stop listening, and give requests in progress some seconds to finish."""
        if self._server:
            self._server.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            await self._answer(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = await _read(reader)
        if began is None:
            return
        connection = _PeerConnection(writer)
        messages: asyncio.Queue[Message] = asyncio.Queue(maxsize=MOST_UNREAD)
        reading = asyncio.create_task(_read_all(reader, messages))
        gone = False

        async def receive() -> Message:
            nonlocal gone
            message = {"type": "http.disconnect"} if gone else await messages.get()
            gone = message["type"] == "http.disconnect"
            connection.late = message.get(_LATE, "")
            return message

        async def send(message: Message) -> None:
            with contextlib.suppress(OSError):  # the other worker's client has disconnected
                await _write(writer, "send", message)

        try:
            with contextlib.suppress(OSError):
                await self._app({**began[1], CONNECTION: connection}, receive, send)
                await _write(writer, "done", None)
            # Closing with something unread resets the connection, which can lose the end of the response.
            while not gone:
                await receive()
        finally:
            reading.cancel()


async def _read_all(reader: asyncio.StreamReader, messages: asyncio.Queue[Message]) -> None:
    """Read what a client sends, in a task, since an app may stop waiting for it at any time."""
    while message := await _read(reader):
        await messages.put(message[1])
    await messages.put({"type": "http.disconnect"})


class _PeerConnection(WatchedConnection):
    """A connection that another worker holds; it breaks it when asked to."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting = False

    @property
    def waiting(self) -> bool:
        """True while the client waits and may do so for a long time; a stop then ends its connection."""
        return self._waiting

    @waiting.setter
    def waiting(self, value: bool) -> None:
        self._waiting = value
        self._tell("waiting", value)

    def reset(self) -> None:
        self._tell("reset", None)

    def end(self) -> None:
        self._tell("end", None)

    def _tell(self, kind: str, value: Any) -> None:
        with contextlib.suppress(OSError):
            _write_soon(self._writer, kind, value)


class Peers:
    """The other workers; `path_of` returns the path of a worker's Unix socket."""

    def __init__(self, path_of: Callable[[int], Path]) -> None:
        self._path_of = path_of

    async def forward(
        self,
        number: int,
        scope: Scope,
        receive: Receive,
        send: Send,
        patience: float = SECONDS_FOR_A_PEER,
    ) -> None:
        """Let a worker answer a request. Raises PeerGoneError if that failed before anything was sent."""
        connection = connection_of(scope)
        started = False
        async with self._connected(number, scope, receive, patience) as reader:
            while message := await _read(reader):
                kind, value = message
                match kind:
                    case "send":
                        started = True
                        await send(value)
                    case "done":
                        return
                    case "reset" | "end":
                        connection.reset() if kind == "reset" else connection.end()
                        await until_disconnected(receive)
                        return
                    case "waiting" if hasattr(connection, "waiting"):
                        connection.waiting = value
        if not started:
            raise PeerGoneError(f"worker {number} ended")
        connection.reset()  # half of a response must not look like a whole one
        await until_disconnected(receive)

    async def ask(
        self, number: int, scope: Scope, body: bytes, patience: float = SECONDS_FOR_A_PEER
    ) -> Answer:
        """Return a worker's whole answer to a request without a client. Raises PeerGoneError.

        A worker that starts may take `patience` seconds for that.
        """
        found: list[Message] = []
        # Without a connection to break, an answer that stops halfway raises ConnectionError.
        try:
            await self.forward(number, {**scope, CONNECTION: None}, receiving(body), _into(found), patience)
        except ConnectionError:
            raise PeerGoneError(f"worker {number} ended") from None
        return whole(found)

    @contextlib.asynccontextmanager
    async def _connected(
        self, number: int, scope: Scope, receive: Receive, patience: float
    ) -> AsyncIterator[asyncio.StreamReader]:
        """Send a request to a worker, its body as it arrives, inside `async with`."""
        reader, writer = await self._connect(number, patience)
        sending = asyncio.create_task(_send_up(writer, scope, receive))
        try:
            yield reader
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.close()

    async def _connect(
        self, number: int, patience: float
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        attempts = 1 + round(patience / SECONDS_BETWEEN_ATTEMPTS)
        for attempt in range(attempts):
            try:
                return await asyncio.open_unix_connection(self._path_of(number))
            except OSError:
                if attempt + 1 < attempts:
                    await asyncio.sleep(SECONDS_BETWEEN_ATTEMPTS)
        raise PeerGoneError(f"worker {number} does not run")


async def _send_up(writer: asyncio.StreamWriter, scope: Scope, receive: Receive) -> None:
    """Send a request and all that its client sends, until it disconnects."""
    sent = {name: scope[name] for name in _SENT_KEYS if name in scope}
    sent["headers"] = list(scope["headers"])
    await _write(writer, "call", sent)
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
        if message["type"] == "http.disconnect":
            message = {**message, _LATE: connection_of(scope).late}
        await _write(writer, "receive", message)


async def until_disconnected(receive: Receive) -> None:
    """Wait until the server notices the disconnect; it complains if an app returns earlier."""
    while (await receive())["type"] != "http.disconnect":
        pass


def receiving(body: bytes) -> Receive:
    """Return a `receive` for a request whose body is known, and whose client never disconnects."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    return receive


def _into(found: list[Message]) -> Send:
    async def send(message: Message) -> None:
        found.append(message)

    return send


def whole(messages: list[Message]) -> Answer:
    """Return the response that some messages make up. Raises PeerGoneError if there is none."""
    if not messages:
        raise PeerGoneError("nothing was answered")
    body = b"".join(bytes(message.get("body", b"")) for message in messages[1:])
    return Answer(messages[0]["status"], list(messages[0]["headers"]), body)


async def answer_of(app: ASGIApp, scope: Scope, body: bytes) -> Answer:
    """Return an app's whole answer to a request without a client."""
    found: list[Message] = []
    await app({**scope, CONNECTION: None}, receiving(body), _into(found))
    return whole(found)
