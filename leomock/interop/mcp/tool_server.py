"""The SDK's server, with tool calls that can be ended when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server

from leomock.interop.mcp.refusals import Refused


class ToolServer(Server[Any]):
    """A server whose calls of tools end with a tool error when it stops, instead of breaking off."""

    _ending = False
    tool_names: Sequence[str] = ()

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._calls: set[asyncio.Task[Any]] = set()

    async def ended_by_stop(
        self, call: Coroutine[Any, Any, types.CallToolResult], plain: bool
    ) -> types.CallToolResult:
        """Return the result of a call of a tool, or a tool error if the server stops first."""
        task = asyncio.ensure_future(call)
        self._calls.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._ending:
                raise
            refusal = Refused(
                "The server is being stopped, and the call was given up",
                "What it started may have begun all the same: look for it once the server is back.",
                code="stopping",
                retryable=True,
            )
            return refusal.result(plain)
        finally:
            self._calls.discard(task)

    def end_calls(self) -> None:
        """End the calls of tools that are in progress."""
        self._ending = True
        for task in list(self._calls):
            task.cancel()
