"""The tenants that an admin call is about.

A bearer key selects one tenant. Without a key, a call affects every tenant and the defaults for new ones.
"""

from __future__ import annotations

from starlette.requests import Request

from leomock.leonardo.errors import shown
from leomock.operations.dispatch import Dispatcher
from leomock.server.admin.requests import AdminError
from leomock.state.world import World

# Selects a tenant by its user id, for callers without a key that may see every tenant, such as the page.
TENANT_HEADER = "x-leomock-tenant"


class Tenants:
    """The tenants of one fake."""

    def __init__(self, api: Dispatcher) -> None:
        self._worlds = api.worlds

    def one(self, request: Request) -> World:
        """Return the world of the call's key or of its `X-Leomock-Tenant` header; 401 without either."""
        if user_id := request.headers.get(TENANT_HEADER):
            if world := self._worlds.of_user(user_id):
                return world
            raise AdminError(
                f"no tenant has the user id {shown(user_id)}; GET /_leomock/tenants lists them", 404
            )
        return self._worlds.enter(request.headers.get("authorization", ""))

    def selected(self, request: Request) -> list[World]:
        """Return the world of the call's key, or all worlds if the call has no key."""
        return [self.one(request)] if has_key(request) else list(self._worlds)


def has_key(request: Request) -> bool:
    """Return True if a call is about one tenant."""
    return TENANT_HEADER in request.headers or bool(request.headers.get("authorization"))
