"""One readable log line for every call."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leomock.state.journal import one_line, shortened

# Under this key of the scope stands the note in which the routes say what they know of a call.
NOTE = "leomock.note"


@dataclass(slots=True)
class Note:
    """What is known of a call beyond its request and status."""

    operation: str = ""
    key: str = ""
    explain: str = ""


class Recording:
    """Watches every HTTP call and writes a line about it when it was answered."""

    def __init__(self, app: ASGIApp, write: Callable[[str], object]) -> None:
        self._app = app
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        note = scope[NOTE] = Note()
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


def _line(scope: Scope, status: int, milliseconds: float, note: Note) -> str:
    moment = time.strftime("%H:%M:%S")
    operation = f" {note.operation}" if note.operation else ""
    tenant = f" key {shortened(note.key)}" if note.key else ""
    explain = f" | {one_line(note.explain)}" if note.explain else ""
    call = f"{scope['method']} {one_line(scope['path'])[:200]}{operation}"
    return f"{moment} {call} {status} {milliseconds:.1f} ms{tenant}{explain}\n"


def to_stderr(line: str) -> None:
    """Write a log line; a closed stderr silences the log and nothing else."""
    try:
        sys.stderr.write(line)
    except (OSError, ValueError):
        return
