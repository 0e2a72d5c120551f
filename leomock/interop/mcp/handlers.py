"""What an MCP server answers, apart from resources: tools, prompts, completions and logging."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import mcp_types as types
from mcp.server.connection import allowed_log_levels
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from leomock.interop.mcp.background import EXTENSION, Task, Tasks
from leomock.interop.mcp.confirmation import declined, question_of
from leomock.interop.mcp.keys import KEY, authorization_of
from leomock.interop.mcp.log_levels import LogLevels
from leomock.interop.mcp.resource_handlers import Library, ResourceHandlers, as_protocol_error
from leomock.interop.mcp.tool_server import ToolServer
from leomock.interop.mcp.tools import Answer, Tool, Use
from leomock.openapi.suggest import suggestion
from leomock.server.access_log import LOG_CONTEXT
from leomock.version import __version__

# Passed on to the API: it asks the fake for a fault, and the real API ignores it.
_SCENARIO = "x-leomock-scenario"
SESSION = "mcp-session-id"
MOST_COMPLETIONS = 100
Headers = Mapping[str, str]
Context = ServerRequestContext[Any, Any]


class Prompts(Protocol):
    """The prompts of a server."""

    @property
    def listed(self) -> Sequence[types.Prompt]:
        """The prompts to list."""
        ...

    async def get(self, name: str, arguments: Mapping[str, str], headers: Headers) -> types.GetPromptResult:
        """Return the messages of a prompt. Raises `Refused`."""
        ...

    async def complete(self, prompt: str, argument: str, headers: Headers) -> Sequence[str]:
        """Return the values of an argument of a prompt."""
        ...


def make_server(
    tools: Sequence[Tool],
    name: str,
    instructions: str,
    passed_on: Collection[str] = (),
    *,
    plain: bool = False,
    confirm: bool = True,
    library: Library | None = None,
    prompts: Prompts | None = None,
    **record: Any,
) -> ToolServer:
    """Return a server of tools; `passed_on` names headers of HTTP callers that are passed to the API.

    With `authorization` among them, `API-Key: <key>` is equivalent. With `confirm`, a client that can ask its
    user does so before a tool deletes something or spends credits. `record` is for the server's record, such
    as `title`, `description` and `icons`.
    """
    handlers = _Handlers(tools, passed_on, plain, confirm)
    offered: dict[str, Any] = {"on_list_tools": handlers.list_tools, "on_call_tool": handlers.call_tool}
    if library:
        offered |= ResourceHandlers(library, handlers.headers).by_name()
    if prompts:
        offered |= _prompt_handlers(prompts, handlers.headers)
    if library or prompts:
        offered["on_completion"] = _completion(library, prompts, handlers.headers)
    server = ToolServer(name, version=__version__, instructions=instructions or None, **offered, **record)
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, handlers.set_level)
    for method, (params, handler) in handlers.tasks.methods().items():
        server.add_request_handler(method, params, handler)
    server.extensions[EXTENSION] = {}
    handlers.server = server
    server.tool_names = [tool.definition.name for tool in tools]
    return server


class _Handlers:
    """The handlers of tools and logging."""

    server: ToolServer

    def __init__(self, tools: Sequence[Tool], passed_on: Collection[str], plain: bool, confirm: bool) -> None:
        self._tools = {tool.definition.name: tool for tool in tools}
        self._listed = types.ListToolsResult(tools=[tool.definition for tool in tools])
        self._passed_on = passed_on
        self._plain = plain
        self._confirm = confirm
        self._levels = LogLevels()
        self.tasks = Tasks(lambda context: self.headers(context).get(KEY, ""))

    def headers(self, context: Context) -> dict[str, str]:
        """Return the headers of an HTTP caller that are passed to the API."""
        return _passed(context.request.headers, self._passed_on) if context.request else {}

    async def list_tools(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """Answer `tools/list`."""
        return self._listed

    async def call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> Answer | dict[str, Any]:
        """Answer `tools/call`. A call that may take long becomes a task, if the client has tasks."""
        tool = self._tool(params.name)
        if context.request and LOG_CONTEXT in context.request.scope:
            context.request.scope[LOG_CONTEXT].operation = params.name
        if self._confirm and (question := question_of(tool.definition)):
            refused = await declined(context, params, question)
            if isinstance(refused, types.InputRequiredResult):
                return refused
            if refused:
                return refused.result(self._plain)

        async def progress(done: float, total: float, text: str) -> None:
            await context.session.report_progress(done, total, text)

        use = Use(params.arguments or {}, self.headers(context), progress, context, params)

        async def call(task: Task) -> Answer:
            return await self._result(tool, replace(use, progress=task.report, task=task))

        if tool.is_long(use) and (started := self.tasks.started(context, call)):
            return started
        result = await self._result(tool, use)
        await self._log(context, params.name, result)
        return result

    def _tool(self, name: str) -> Tool:
        tool = self._tools.get(name)
        if tool is None:
            text = f"leomock: there is no tool {name[:100]!r}{suggestion(name, self._tools)}"
            raise MCPError(types.INVALID_PARAMS, text)
        return tool

    async def _result(self, tool: Tool, use: Use) -> Answer:
        return await self.server.ended_by_stop(tool.use(use), self._plain)

    async def set_level(self, context: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        """Answer `logging/setLevel`."""
        self._levels.set(_session(context), params.level)
        return types.EmptyResult()

    async def _log(self, context: Context, name: str, result: Answer) -> None:
        """Tell the client's log how a call ended: info, or warning for errors. A question does not count."""
        if isinstance(result, types.InputRequiredResult):
            return
        level: types.LoggingLevel = "warning" if result.is_error else "info"
        if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            wanted = level in allowed_log_levels(context.protocol_version, context.meta)
        else:
            wanted = self._levels.wants(_session(context), level)
        if not wanted:
            return
        first = result.content[0] if result.content else None
        text = (
            first.text if result.is_error and isinstance(first, types.TextContent) else "the call succeeded"
        )
        note = types.LoggingMessageNotificationParams(
            level=level, logger=self.server.name, data=f"{name}: {text}"
        )
        await context.session.send_notification(
            types.LoggingMessageNotification(params=note), related_request_id=context.request_id
        )


def _prompt_handlers(prompts: Prompts, headers: Callable[[Context], Headers]) -> dict[str, Any]:
    async def listed(
        context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=list(prompts.listed))

    async def get(context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        got: types.GetPromptResult = await as_protocol_error(
            prompts.get(params.name, params.arguments or {}, headers(context))
        )
        return got

    return {"on_list_prompts": listed, "on_get_prompt": get}


def _completion(
    library: Library | None, prompts: Prompts | None, headers: Callable[[Context], Headers]
) -> Callable[[Context, types.CompleteRequestParams], Awaitable[types.CompleteResult]]:
    async def complete(context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        ref, argument = params.ref, params.argument
        known: Sequence[str] = ()
        if isinstance(ref, types.PromptReference) and prompts:
            known = await prompts.complete(ref.name, argument.name, headers(context))
        elif isinstance(ref, types.ResourceTemplateReference) and library:
            known = await library.complete(str(ref.uri), argument.name, headers(context))
        part = argument.value.lower()
        values = [each for each in known if part in each.lower()]
        return types.CompleteResult(
            completion=types.Completion(
                values=values[:MOST_COMPLETIONS],
                total=len(values),
                has_more=len(values) > MOST_COMPLETIONS,
            )
        )

    return complete


def _session(context: Context) -> str:
    """Return the session's id; '' over stdio, where there is only one client."""
    return context.request.headers.get(SESSION, "") if context.request else ""


def _passed(given: Headers, names: Collection[str]) -> dict[str, str]:
    headers = {name: given[name] for name in (*names, _SCENARIO) if name in given}
    if KEY in names and (authorization := authorization_of(given)):
        headers[KEY] = authorization
    return headers
