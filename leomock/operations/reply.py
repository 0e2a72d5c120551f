"""The reply to one call, before HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from leomock.leonardo.errors import ErrorTemplate
from leomock.openapi.operations import Operation
from leomock.operations.late import with_late_texts
from leomock.state.scenario import Breakage
from leomock.state.world import World


class Reply:
    """A status, a body (JSON values, or `text` that is none) and what the HTTP layer adds to it.

    `delay` (seconds, before the answer) and `breakage` (of the connection or the content) are for the HTTP
    layer to bring about; `rules` are the scenario rules that struck, `wording` that of a refusal. If
    `is_unfinished`, `finish` must be called without the world's lock before the body is read.
    """

    __slots__ = (
        *("_content", "body", "breakage", "delay", "explain", "headers"),
        *("is_unfinished", "operation", "rules", "status", "text", "wording", "world"),
    )

    def __init__(self, status: int, body: Any, operation: Operation | None, world: World | None) -> None:
        self.status = status
        self.body = body
        self.text: str | None = None
        self._content: bytes | None = None
        self.operation = operation
        self.world = world
        self.headers: dict[str, str] = {}
        self.explain = ""
        self.wording: ErrorTemplate | None = None
        self.delay = 0.0
        self.breakage: Breakage | None = None
        self.rules: Sequence[str] = ()
        self.is_unfinished = False

    def finish(self) -> None:
        """Make the texts of the body that take long, such as pictures; any thread may call this."""
        self.body = with_late_texts(self.body)
        self.is_unfinished = False

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        if self._content is None:
            if self.is_unfinished:
                self.finish()
            self._content = orjson.dumps(self.body) if self.text is None else self.text.encode()
        return self._content
