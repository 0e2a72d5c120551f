"""What an MCP server answers about resources: lists, contents, and changes to subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp.shared.exceptions import MCPError

from leomock.interop.mcp.refusals import Refused

# Resources that one connection may watch, and such streams that all clients together may have open.
MOST_WATCHES, MOST_STREAMS = 100, 1000
_WATCHES = "leomock.watches"
Headers = Mapping[str, str]
Context = ServerRequestContext[Any, Any]


class Library(Protocol):
    """The resources of a server. Methods raise `Refused` for what cannot be read."""

    @property
    def templates(self) -> Sequence[types.ResourceTemplate]:
        """The templates of addresses."""
        ...

    async def listed(self, headers: Headers) -> Sequence[types.Resource]:
        """Return the resources to list."""
        ...

    async def read(
        self, uri: str, headers: Headers
    ) -> Sequence[types.TextResourceContents | types.BlobResourceContents]:
        """Return the contents of a resource."""
        ...

    async def next_change(self, uri: str, headers: Headers) -> Callable[[], Awaitable[bool]] | None:
        """Return a function that waits for the next change; None if there will be none.

        It returns False after the last change.
        """
        ...

    async def complete(self, template: str, argument: str, headers: Headers) -> Sequence[str]:
        """Return the values of a variable of a template."""
        ...


class ResourceHandlers:
    """The handlers of resources."""

    def __init__(self, library: Library, headers: Callable[[Context], Headers]) -> None:
        self._library = library
        self._headers = headers
        self._streams = 0

    def by_name(self) -> dict[str, Any]:
        """Return the handlers by the SDK's names."""
        return {
            "on_list_resources": self.listed,
            "on_list_resource_templates": self.templates,
            "on_read_resource": self.read,
            "on_subscribe_resource": self.subscribe,
            "on_unsubscribe_resource": self.unsubscribe,
            "on_subscriptions_listen": self.listen,
        }

    async def listed(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """Answer `resources/list`."""
        with_error = as_protocol_error(self._library.listed(self._headers(context)))
        return types.ListResourcesResult(resources=list(await with_error))

    async def templates(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """Answer `resources/templates/list`."""
        return types.ListResourceTemplatesResult(resource_templates=list(self._library.templates))

    async def read(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Answer `resources/read`."""
        uri = str(params.uri)
        contents = await as_protocol_error(self._library.read(uri, self._headers(context)), uri)
        return types.ReadResourceResult(contents=list(contents))

    async def subscribe(self, context: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        """Answer `resources/subscribe` of older clients: tell them of each change."""
        uri = str(params.uri)

        async def tell() -> None:
            await context.session.send_resource_updated(uri)

        await self._watch(context, uri, tell)
        return types.EmptyResult()

    async def unsubscribe(
        self, context: Context, params: types.UnsubscribeRequestParams
    ) -> types.EmptyResult:
        """Answer `resources/unsubscribe`."""
        if task := _watches(context).pop(str(params.uri), None):
            task.cancel()
        return types.EmptyResult()

    async def listen(
        self, context: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Answer `subscriptions/listen` of newer clients, on the stream of the request itself.

        Each stream has a separate bus, since callers may watch the same address in different accounts.
        """
        if self._streams >= MOST_STREAMS:
            text = f"leomock: {MOST_STREAMS} subscriptions are open already; close one first"
            raise MCPError(types.INTERNAL_ERROR, text)
        bus = InMemorySubscriptionBus()
        for uri in params.notifications.resource_subscriptions or ():
            await self._watch(context, str(uri), partial(bus.publish, ResourceUpdated(str(uri))))
        self._streams += 1
        try:
            return await ListenHandler(bus)(context, params)
        finally:
            self._streams -= 1

    async def _watch(self, context: Context, uri: str, tell: Callable[[], Awaitable[None]]) -> None:
        """Call `tell` at each change of a resource. Raises `MCPError` if it cannot be read."""
        watches = _watches(context)
        if uri not in watches and len(watches) >= MOST_WATCHES:
            text = f"leomock: this connection watches {MOST_WATCHES} resources, and cannot watch more"
            raise MCPError(types.INVALID_PARAMS, text)
        change = await as_protocol_error(self._library.next_change(uri, self._headers(context)), uri)
        if change is None:
            return

        async def watch() -> None:
            more = True
            while more:
                more = await change()
                await tell()

        if old := watches.pop(uri, None):
            old.cancel()
        task = watches[uri] = asyncio.create_task(watch())
        task.add_done_callback(partial(_ended, watches, uri))


def _watches(context: Context) -> dict[str, asyncio.Task[None]]:
    """Return the tasks that watch resources for a connection, by address. They end with the connection."""
    connection = context.session._connection  # The SDK has no public name for it.
    if _WATCHES not in connection.state:
        watches: dict[str, asyncio.Task[None]] = {}
        connection.state[_WATCHES] = watches
        connection.exit_stack.callback(lambda: [task.cancel() for task in watches.values()])
    found: dict[str, asyncio.Task[None]] = connection.state[_WATCHES]
    return found


def _ended(watches: dict[str, asyncio.Task[None]], uri: str, task: asyncio.Task[None]) -> None:
    """Forget a subscription that ended, also if its client is gone or its resource cannot be read."""
    if watches.get(uri) is task:
        del watches[uri]
    if not task.cancelled():
        task.exception()


async def as_protocol_error(awaitable: Awaitable[Any], uri: str = "") -> Any:
    """Return a result; a `Refused` becomes an error of the protocol."""
    try:
        return await awaitable
    except Refused as refusal:
        unknown = refusal.code in ("not-found", "wrong-argument")
        code = types.INVALID_PARAMS if unknown else types.INTERNAL_ERROR
        data = {**refusal.values(), **({"uri": uri} if uri else {})}
        raise MCPError(code, refusal.message, data) from None
