"""One readable log line for every call."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Under this key of the scope the routes say what they know of a call: operation, key, explain.
NOTE = "leomock.note"


class Recording:
    """Watches every HTTP call and writes a line about it when it was answered."""

    def __init__(self, app: ASGIApp, write: Callable[[str], object] | None) -> None:
        self._app = app
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        note: dict[str, Any] = {}
        scope[NOTE] = note
        if self._write is None:
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            self._write(_line(scope, status, (time.perf_counter() - began) * 1000, note))


def _line(scope: Scope, status: int, milliseconds: float, note: dict[str, Any]) -> str:
    moment = time.strftime("%H:%M:%S")
    path = one_line(scope["path"])[:200]
    operation = f" {note['operation']}" if "operation" in note else ""
    tenant = f" key {shortened(note['key'])}" if "key" in note else ""
    explain = f" | {one_line(note['explain'])}" if note.get("explain") else ""
    call = f"{scope['method']} {path}{operation}"
    return f"{moment} {call} {status} {milliseconds:.1f} ms{tenant}{explain}\n"


def shortened(key: str) -> str:
    """Enough of an API key to tell tenants apart, never the whole of it."""
    visible = key[: min(4, len(key) // 2)]
    return one_line(visible) + "…"


def one_line(text: str) -> str:
    """A text without what would break a line or steer a terminal."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def to_stderr(line: str) -> None:
    """Write a log line; a closed stderr silences the log and nothing else."""
    try:
        sys.stderr.write(line)
    except (OSError, ValueError):
        return
