"""Write one readable log line for every call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal, TypeAlias

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leomock.server.direct import Answer, DirectApp
from leomock.server.metrics import CallCounts
from leomock.state.journal import Channel
from leomock.state.redaction import one_line, shortened
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.operations.reply import Reply

LogFormat: TypeAlias = Literal["text", "json"]

# The key in the ASGI scope of the `LogContext` that routes fill in.
LOG_CONTEXT = "leomock.log_context"
# The key in the ASGI scope of a call that is part of another call, which is logged already.
PART = "leomock.part"
# The header of W3C Trace Context: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class LogContext:
    """Facts about a call beyond its request and status."""

    operation: str = ""
    key: str = ""
    explain: str = ""
    rules: Sequence[str] = ()
    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""

    def answered(self, reply: Reply, operation: str) -> None:
        """Take the facts about an API call."""
        self.operation = operation
        self.key = reply.world.key if reply.world else ""
        self.explain = reply.explain
        self.rules = reply.rules


class AccessLog:
    """Write one line about every answered HTTP call."""

    def __init__(self, app: ASGIApp, write: Callable[[str], object], log_format: LogFormat = "text") -> None:
        self._app = app
        self._direct = app.answer_directly if isinstance(app, DirectApp) else None
        self._write = write
        self._as_json = log_format == "json"
        self._line = _json_line if self._as_json else _line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and PART not in scope:
            scope[LOG_CONTEXT] = LogContext()
            await self._logged(self._app, time.perf_counter(), scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def answer_directly(self, scope: Scope, body: bytes) -> Answer | ASGIApp | None:
        """Answer as the app does (see `DirectApp`)."""
        if self._direct is None:
            return None
        context = scope[LOG_CONTEXT] = LogContext()
        began = time.perf_counter()
        answer = self._direct(scope, body)
        if isinstance(answer, Answer):
            if self._as_json:
                context.request_id = _request_id(answer.headers)
            self._write(self._line(scope, answer.status, (time.perf_counter() - began) * 1000, context))
            return answer
        return None if answer is None else partial(self._logged, answer, began)

    async def _logged(self, app: ASGIApp, began: float, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._as_json:
                    scope[LOG_CONTEXT].request_id = _request_id(message["headers"])
            await send(message)

        try:
            await app(scope, receive, watched)
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            self._write(self._line(scope, status, milliseconds, scope[LOG_CONTEXT]))


class JournalMiddleware:
    """Record calls outside the API, uploads and image downloads in the journal of their world.

    Only the bodies of errors are kept: files are in the bucket, and images can be rendered again.
    """

    def __init__(
        self,
        app: ASGIApp,
        channel: Channel,
        find: Callable[[str], World | None],
        counts: CallCounts | None = None,
    ) -> None:
        self._counts = counts or CallCounts()
        self._app = app
        self._channel: Channel = channel
        self._find = find  # the world of a path below the channel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        world = self._find(scope["path"].removeprefix(scope["root_path"]).lstrip("/"))
        if world is None:
            await self._app(scope, receive, send)
            return
        context = scope.setdefault(LOG_CONTEXT, LogContext())
        status = 0
        headers: list[tuple[bytes, bytes]] = []
        body = b""

        async def watched(message: Message) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            elif status >= 400:
                body += message.get("body", b"")
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - began
            self._counts.add(self._channel, status, seconds, context.rules)
            explain = dict(headers).get(b"x-leomock-explain", b"").decode("latin-1")
            context.explain = context.explain or explain
            world.journal.add(
                moment=world.clock.now(),
                channel=self._channel,
                operation="",
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                request_headers=scope["headers"],
                request_body=b"",
                status=status,
                response_headers=headers,
                response_body=body,
                rules=context.rules,
                explain=explain,
                milliseconds=seconds * 1000,
            )


def _line(scope: Scope, status: int, milliseconds: float, context: LogContext) -> str:
    moment = _time_of_day(int(time.time()))
    operation = f" {context.operation}" if context.operation else ""
    tenant = _tenant(context.key) if context.key else ""
    explain = f" | {one_line(context.explain)}" if context.explain else ""
    call = f"{scope['method']} {one_line(scope['path'])[:200]}{operation}"
    return f"{moment} {call} {status} {milliseconds:.1f} ms{tenant}{explain}\n"


@lru_cache(maxsize=256)
def _tenant(key: str) -> str:
    return f" key {shortened(key)}"


@lru_cache(maxsize=1)
def _time_of_day(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


def _json_line(scope: Scope, status: int, milliseconds: float, context: LogContext) -> str:
    """Return one JSON object on a line; status 0 means that no response was sent."""
    line = {
        "time": _now(),
        "level": "info",
        "method": scope["method"],
        "path": scope["path"].encode("utf-8", "replace").decode()[:200],
        "operation": context.operation,
        "status": status,
        "milliseconds": round(milliseconds, 1),
        "key": shortened(context.key) if context.key else "",
        "explain": context.explain,
        "rules": list(context.rules),
        "request_id": context.request_id,
        "trace_id": context.trace_id or _trace_id(scope),
        "span_id": context.span_id,
    }
    return orjson.dumps(line).decode() + "\n"


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id that the response to an API call carries, or ''."""
    return next((value.decode("latin-1") for name, value in headers if name == b"x-request-id"), "")


def _trace_id(scope: Scope) -> str:
    """Return the id of the caller's trace, or ''."""
    for name, value in scope["headers"]:
        if name == b"traceparent" and (found := _TRACEPARENT.match(value)):
            return str(found[1], "ascii")
    return ""


def warn_as_json(text: str) -> None:
    """Write a warning to stderr as one JSON object on a line."""
    to_stderr(orjson.dumps({"time": _now(), "level": "warning", "message": text.strip()}).decode() + "\n")


class WarningsAsJson(logging.Handler):
    """Write log records of libraries to stderr as one JSON object per line, like `warn_as_json`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        line = {"time": _now(), "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = logging.Formatter().formatException(record.exc_info)
        to_stderr(orjson.dumps(line).decode() + "\n")


@contextlib.contextmanager
def library_warnings_as_json(
    names: Sequence[str] = ("uvicorn.error", "asyncio", "opentelemetry"),
) -> Iterator[None]:
    """Write the warnings of these loggers as JSON only, inside `with`."""
    handler = WarningsAsJson(logging.WARNING)
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagates in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagates


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class StderrLog:
    """Write log lines to stderr. Lines of the same turn of the event loop share one system call."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __call__(self, line: str) -> None:
        """Write a line by the end of the turn."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(line)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        to_stderr("".join(lines))


def to_stderr(line: str) -> None:
    """Write a log line; a closed stderr disables only the log."""
    try:
        sys.stderr.write(line)
    except (OSError, ValueError):
        return
