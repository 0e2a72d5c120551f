"""Choose the app that serves a capability's adapter: REST, MCP or skills."""

from __future__ import annotations

import os
from collections.abc import Collection
from importlib import import_module
from types import ModuleType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Mount

from leomock.interop.capability.credentials import CredentialsGuard
from leomock.interop.capability.model import Adapter
from leomock.interop.capability.rest_adapter import AdapterRoutes
from leomock.interop.capability.skill_adapter import SkillCatalogue, refused
from leomock.interop.capability.upstream import Caller
from leomock.interop.mcp.address import MCP_MISSING
from leomock.server.guard import Guard


def make_app(
    adapter: Adapter, caller: Caller, allow_hosts: Collection[str] = (), allow_origins: Collection[str] = ()
) -> Starlette:
    """Return the app of an adapter; callers need no key, so pages of other sites are rejected.

    Pages of `allow_origins` may call an MCP adapter. Without the extra, an MCP adapter responds with a
    sentence that says so.
    """
    key = [Middleware(CredentialsGuard, adapter.key, os.environ)] if adapter.key else []
    if adapter.kind != "mcp":
        catalogue = SkillCatalogue(adapter).routes if adapter.kind == "skill" else None
        return Starlette(
            routes=catalogue or [Mount("/", app=AdapterRoutes(adapter, caller))],
            middleware=[Middleware(Guard, allow_hosts, adapter.namespace), *key],
            exception_handlers={HTTPException: refused} if catalogue else None,
        )
    module = mcp_server()
    if module is None:
        return Starlette(routes=[Mount("/", app=JSONResponse({"error": f"leomock: {MCP_MISSING}"}, 501))])
    app: Starlette = module.make_app(adapter, caller, allow_hosts, allow_origins)
    app.user_middleware += key  # behind what rejects pages of other sites
    return app


def lacks(adapter: Adapter) -> str:
    """Return a sentence about the missing package that an adapter needs, or ''."""
    return MCP_MISSING if adapter.kind == "mcp" and mcp_server() is None else ""


def mcp_server() -> ModuleType | None:
    """Return `leomock.interop.mcp.serve`; needs the extra to be installed."""
    try:
        return import_module("leomock.interop.mcp.serve")
    except ModuleNotFoundError as error:
        if error.name != "leomock.interop.mcp.serve" and (error.name or "").startswith("leomock."):
            raise
        return None
