"""The reply to one call, independent of HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leomock.leonardo.errors import ErrorTemplate
from leomock.openapi.operations import Operation
from leomock.openapi.serializer import to_json
from leomock.operations.late import with_late_texts
from leomock.state.scenario import Breakage
from leomock.state.world import World


class Reply:
    """A status, a body (JSON values, or other `text`) and instructions for the HTTP layer.

    The HTTP layer waits for `delay` seconds and applies `breakage` to the connection or the content. `rules`
    are the scenario rules that applied; `wording` is the template of an error. If
    `is_unfinished`, call `finish` without the world's lock before reading the body.
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
        """Make the slow texts of the body, such as images; any thread may call this."""
        self.body = with_late_texts(self.body)
        self.is_unfinished = False

    @property
    def content(self) -> bytes:
        """Return the body as bytes."""
        if self._content is None:
            if self.is_unfinished:
                self.finish()
            self._content = to_json(self.body) if self.text is None else self.text.encode()
        return self._content
