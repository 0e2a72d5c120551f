"""Serve MCP tools over Streamable HTTP or stdio."""

from __future__ import annotations

import base64
from collections.abc import Collection

import mcp_types as types
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leomock.interop.capability.model import Adapter, Capability
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.address import MCP_PATH
from leomock.interop.mcp.door import close_door
from leomock.interop.mcp.events import ResumableSessions
from leomock.interop.mcp.file_library import FileLibrary, FilePrompts
from leomock.interop.mcp.handlers import make_server
from leomock.interop.mcp.keys import KEY, IsRefused
from leomock.interop.mcp.library import library_of
from leomock.interop.mcp.prompts import LeonardoPrompts
from leomock.interop.mcp.task_tools import task_tools
from leomock.interop.mcp.tool_server import ToolServer
from leomock.interop.mcp.tools import tools_of
from leomock.interop.mcp.vendor import vendor_tool
from leomock.openapi.spec import Versions
from leomock.state.settings import Settings

INSTRUCTIONS = (
    "Leonardo.AI's API, as tools named after its operations; the API may be leomock, a fake of it. A "
    "generation is PENDING at first: read it with `wait` until it is COMPLETE."
)
NAME = "leonardo-ai"
PLAIN_INSTRUCTIONS = (
    "Leonardo.AI's API, as tools named after its operations. A generation is PENDING at first: read it with "
    "`wait` until it is COMPLETE."
)
# A picture frame with a hill and a sun.
_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#5b4bdb" d="M3 3h18v18H3z"/>'
    b'<path fill="#fff" d="m5 18 5-8 4 5 2-2 3 5z"/><circle cx="16" cy="8" r="2" fill="#ffd54a"/></svg>'
)
ICON = types.Icon(
    src=f"data:image/svg+xml;base64,{base64.b64encode(_SVG).decode()}",
    mime_type="image/svg+xml",
    sizes=["any"],
)
# How long a client waits before it resumes a stream that broke.
RETRY_MILLISECONDS = 1000
TITLE, DESCRIPTION = "Leonardo.AI", "Draws images with Leonardo.AI's API, and reads and changes them."


def make_app(
    adapter: Adapter, caller: Caller, allow_hosts: Collection[str] = (), allow_origins: Collection[str] = ()
) -> Starlette:
    """Return the app of a capability's adapter, which calls with the key that the capability binds."""
    server = make_adapter_server(adapter, caller)
    return http_app(server, allow_hosts=allow_hosts, allow_origins=allow_origins)


def make_adapter_server(adapter: Adapter, caller: Caller) -> ToolServer:
    """Return the server of a capability's adapter: its tools, resources and prompts."""
    return make_server(
        tools_of(adapter, caller, Versions()),
        adapter.namespace,
        adapter.description,
        plain=caller.plain,
        library=FileLibrary(adapter.resources, caller) if adapter.resources else None,
        prompts=FilePrompts(adapter.prompts) if adapter.prompts else None,
    )


def make_api_server(
    capability: Capability,
    caller: Caller,
    vendor: bool = False,
    passed_on: Collection[str] = (KEY,),
    tasks: bool = False,
    confirm: bool = True,
    fetch_from: Collection[str] = (),
) -> ToolServer:
    """Return a server of the API itself: callers over HTTP may send their own key.

    With `tasks`, its tools are those of `task_tools` instead of one for each operation; `fetch_from` is for
    them. With `confirm`, clients that can ask their user do so before a tool deletes something or spends
    credits.
    """
    if tasks:
        tools = task_tools(capability, caller, only_reads(capability), fetch_from)
    else:
        tools = tools_of(capability.adapters[0], caller, Versions())
    if vendor:
        tools.append(vendor_tool(capability, caller))
    name, instructions = (NAME, PLAIN_INSTRUCTIONS) if caller.plain else ("leomock", INSTRUCTIONS)
    library = library_of(capability, caller)
    return make_server(
        tools,
        name,
        instructions,
        passed_on,
        plain=caller.plain,
        confirm=confirm,
        library=library,
        prompts=LeonardoPrompts(library, tasks) if library and not only_reads(capability) else None,
        title=TITLE,
        description=DESCRIPTION if caller.plain else f"{DESCRIPTION} Served by leomock.",
        icons=[ICON],
    )


def only_reads(capability: Capability) -> bool:
    """Return True if a capability has no operation that changes anything."""
    return all((offer.hints or {}).get("readOnly") for offer in capability.adapters[0].offers)


def make_vendor_server(
    capability: Capability, caller: Caller, passed_on: Collection[str] = (KEY,)
) -> ToolServer:
    """Return a server with the one tool that Leonardo.AI's own server has, for the path of that server."""
    return make_server(
        [vendor_tool(capability, caller)], NAME, "", passed_on, plain=caller.plain, title=TITLE
    )


def http_app(
    server: ToolServer,
    path: str = MCP_PATH,
    *,
    allow_hosts: Collection[str] = (),
    allow_origins: Collection[str] = (),
    needs_key: bool = False,
    is_refused: IsRefused | None = None,
) -> Starlette:
    """Return a Streamable HTTP server at a path, with `close_door` in front of it.

    A client whose connection broke resumes its streams with `Last-Event-ID`.
    """
    sessions = ResumableSessions(
        server,
        max_request_body_size=Settings().max_body,
        retry_interval=RETRY_MILLISECONDS,
        # Guard does this, by the same rules as the rest of leomock.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    async def about(request: Request) -> Response:
        return JSONResponse({"name": server.name, "mcp": path, "tools": server.tool_names})

    app = Starlette(
        routes=[
            Route(path, endpoint=StreamableHTTPASGIApp(sessions)),
            Route("/", endpoint=about, methods=["GET"]),
        ],
        lifespan=lambda app: sessions.run(),
    )
    close_door(
        app,
        server,
        allow_hosts=allow_hosts,
        allow_origins=allow_origins,
        needs_key=needs_key,
        is_refused=is_refused,
    )
    app.add_exception_handler(404, _elsewhere)
    return app


async def _elsewhere(request: Request, _: Exception) -> Response:
    text = f"leomock: there is nothing at {request.url.path[:100]}; MCP is at {MCP_PATH}"
    return JSONResponse({"error": text}, 404)


async def serve_stdio(server: ToolServer) -> None:
    """Serve the only client on stdin and stdout, until it closes them."""
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
