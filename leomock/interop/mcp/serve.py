"""Serve MCP tools over Streamable HTTP or stdio."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leomock.interop.capability.files import Adapter, Capability
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.address import MCP_PATH
from leomock.interop.mcp.door import close_door
from leomock.interop.mcp.tasks import task_tools
from leomock.interop.mcp.tool_server import ToolServer
from leomock.interop.mcp.tools import Tool, Use, tools_of
from leomock.interop.mcp.vendor import vendor_tool
from leomock.openapi.spec import Versions
from leomock.openapi.suggest import suggestion
from leomock.server.access_log import LOG_CONTEXT
from leomock.state.settings import Settings
from leomock.version import __version__

KEY = "authorization"
INSTRUCTIONS = (
    "Leonardo.AI's API, as tools named after its operations; leomock, a fake of it, may be what answers. A "
    "generation is PENDING at first: read it with `wait` until it is COMPLETE."
)
NAME = "leonardo-ai"
PLAIN_INSTRUCTIONS = (
    "Leonardo.AI's API, as tools named after its operations. A generation is PENDING at first: read it with "
    "`wait` until it is COMPLETE."
)
# Passed to the API: it asks the fake for a fault, and the real API ignores it.
_SCENARIO = "x-leomock-scenario"


def make_app(
    adapter: Adapter, caller: Caller, allow_hosts: Collection[str] = (), allow_origins: Collection[str] = ()
) -> Starlette:
    """Return the app of a capability's adapter, which calls with the key that the capability binds."""
    tools = tools_of(adapter, caller, Versions())
    server = make_server(tools, adapter.namespace, adapter.description, plain=caller.plain)
    return http_app(server, allow_hosts=allow_hosts, allow_origins=allow_origins)


def make_api_server(
    capability: Capability,
    caller: Caller,
    vendor: bool = False,
    passed_on: Collection[str] = (KEY,),
    tasks: bool = False,
) -> ToolServer:
    """Return a server of the API itself: callers over HTTP may send their own key.

    With `tasks`, its tools are those of `task_tools` instead of one for each operation.
    """
    if tasks:
        read_only = all((offer.hints or {}).get("readOnly") for offer in capability.adapters[0].offers)
        tools = task_tools(capability, caller, read_only)
    else:
        tools = tools_of(capability.adapters[0], caller, Versions())
    if vendor:
        tools.append(vendor_tool(capability, caller))
    name, instructions = (NAME, PLAIN_INSTRUCTIONS) if caller.plain else ("leomock", INSTRUCTIONS)
    return make_server(tools, name, instructions, passed_on, caller.plain)


def make_vendor_server(
    capability: Capability, caller: Caller, passed_on: Collection[str] = (KEY,)
) -> ToolServer:
    """Return a server with the one tool that Leonardo.AI's own server has, for the path of that server."""
    return make_server([vendor_tool(capability, caller)], NAME, "", passed_on, caller.plain)


def http_app(
    server: ToolServer,
    path: str = MCP_PATH,
    *,
    allow_hosts: Collection[str] = (),
    allow_origins: Collection[str] = (),
    needs_key: bool = False,
) -> Starlette:
    """Return a Streamable HTTP server at a path, with `close_door` in front of it."""
    app = server.streamable_http_app(
        streamable_http_path=path,
        max_request_body_size=Settings().max_body,
        # Guard does this, by the same rules as the rest of leomock.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    close_door(app, server, allow_hosts=allow_hosts, allow_origins=allow_origins, needs_key=needs_key)
    app.add_exception_handler(404, _elsewhere)
    return app


async def _elsewhere(request: Request, _: Exception) -> Response:
    text = f"leomock: there is nothing at {request.url.path[:100]}; MCP is at {MCP_PATH}"
    return JSONResponse({"error": text}, 404)


async def serve_stdio(server: ToolServer) -> None:
    """Serve the one client behind stdin and stdout, until it closes them."""
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def make_server(
    tools: Sequence[Tool],
    name: str,
    instructions: str,
    passed_on: Collection[str] = (),
    plain: bool = False,
) -> ToolServer:
    """Return a server of tools; `passed_on` names headers of HTTP callers that are passed to the API.

    With `authorization` among them, `API-Key: <key>` is equivalent.
    """
    by_name = {tool.definition.name: tool for tool in tools}
    listed = types.ListToolsResult(tools=[tool.definition for tool in tools])

    async def list_tools(
        context: ServerRequestContext, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return listed

    async def call_tool(
        context: ServerRequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = by_name.get(params.name)
        if tool is None:
            text = f"leomock: there is no tool {params.name[:100]!r}{suggestion(params.name, by_name)}"
            raise MCPError(types.INVALID_PARAMS, text)
        headers = {}
        if request := context.request:
            headers = _passed(request.headers, passed_on)
            if LOG_CONTEXT in request.scope:
                request.scope[LOG_CONTEXT].operation = params.name

        async def progress(done: float, total: float, text: str) -> None:
            await context.session.report_progress(done, total, text)

        call = tool.use(Use(params.arguments or {}, headers, progress))
        return await server.ended_by_stop(call, plain)

    server = ToolServer(
        name,
        version=__version__,
        instructions=instructions or None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    return server


def _passed(given: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    headers = {name: given[name] for name in (*names, _SCENARIO) if name in given}
    if KEY in names and KEY not in headers and "api-key" in given:
        headers[KEY] = f"Bearer {given['api-key']}"
    return headers
