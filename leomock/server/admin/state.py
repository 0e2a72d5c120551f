"""What a tenant has: its credits and its whole state."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leomock.leonardo.errors import shown
from leomock.operations.dispatch import Dispatcher
from leomock.server.admin.requests import AdminError, Table, read_json, read_object
from leomock.server.admin.tenants import Tenants
from leomock.state.settings import LARGEST_INT
from leomock.state.snapshot import SnapshotError, restore, take


class StateRoutes:
    """Set credits; reset, save and restore the state."""

    def __init__(self, api: Dispatcher, tenants: Tenants) -> None:
        self._settings = api.settings
        self._tenants = tenants

    def table(self) -> Table:
        """Return the addresses of this subject."""
        return [
            ("PUT", "/account", self.set_account),
            ("POST", "/reset", self.reset),
            ("GET", "/state", self.take_state),
            ("PUT", "/state", self.restore_state),
        ]

    async def set_account(self, request: Request) -> Response:
        """Set the bought credits of a key: `{"credits": 40}`."""
        world = self._tenants.one(request)
        credits = (await read_object(request, {"credits"})).get("credits")
        if type(credits) is not int or not 0 <= credits <= LARGEST_INT:
            raise AdminError(f"credits={shown(credits)}: use a whole number from 0 to {LARGEST_INT}")
        with world.lock:
            world.account.set_paid(credits)
        return JSONResponse({"credits": world.account.balance})

    async def reset(self, request: Request) -> Response:
        """Reset one key, or all keys."""
        worlds = self._tenants.selected(request)
        for world in worlds:
            with world.lock:
                world.reset()
        return JSONResponse({"reset": len(worlds)})

    async def take_state(self, request: Request) -> Response:
        """Return the state of a key as JSON."""
        return Response(orjson.dumps(take(self._tenants.one(request))), media_type="application/json")

    async def restore_state(self, request: Request) -> Response:
        """Restore the state of a key from a snapshot."""
        world = self._tenants.one(request)
        try:
            restore(world, await read_json(request, self._settings.max_state, "--max-state"))
        except SnapshotError as error:
            raise AdminError(str(error)) from None
        return JSONResponse({name: len(table) for name, table in world.tables().items() if len(table)})
