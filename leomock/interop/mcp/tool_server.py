"""The SDK's server, with tool calls that can be ended when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server

from leomock.interop.mcp.refusals import Refused
from leomock.interop.mcp.tools import Answer


class ToolServer(Server[Any]):
    """A server whose tool calls end with a tool error when it stops, instead of breaking off."""

    _ending = False
    tool_names: Sequence[str] = ()

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._calls: set[asyncio.Task[Any]] = set()

    async def ended_by_stop(self, call: Coroutine[Any, Any, Answer], plain: bool) -> Answer:
        """Return the result of a call of a tool, or a tool error if the server stops first."""
        task = asyncio.ensure_future(call)
        self._calls.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._ending:
                raise
            refusal = Refused(
                "The server is stopping, and the call was abandoned",
                "Its work may have begun anyway: look for it once the server is back.",
                code="stopping",
                retryable=True,
            )
            return refusal.result(plain)
        finally:
            self._calls.discard(task)

    def get_capabilities(self, *arguments: Any, **settings: Any) -> types.ServerCapabilities:
        """Return what the server can do. Its lists never change, and the SDK assumes that they might."""
        capabilities = super().get_capabilities(*arguments, **settings)
        for each in (capabilities.tools, capabilities.prompts, capabilities.resources):
            if each is not None:
                each.list_changed = False
        return capabilities

    def end_calls(self) -> None:
        """End the calls of tools that are in progress."""
        self._ending = True
        for task in list(self._calls):
            task.cancel()
