"""The clock of a tenant, and the jobs that wait for it."""

from __future__ import annotations

import math
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leomock.leonardo.errors import shown
from leomock.server.admin.requests import AdminError, Table, read_number, read_object
from leomock.server.admin.tenants import Tenants, has_key
from leomock.server.time_travel import advance
from leomock.server.webhook_sender import Sender
from leomock.state.clock import timestamp
from leomock.state.world import World


class ClockRoutes:
    """Read and move clocks, and end jobs."""

    def __init__(self, tenants: Tenants, sender: Sender) -> None:
        self._tenants = tenants
        self._sender = sender

    def table(self) -> Table:
        """Return the addresses of this subject."""
        return [
            ("GET", "/clock", self.clock),
            ("POST", "/clock", self.set_clock),
            ("GET", "/jobs", self.jobs),
            ("POST", "/jobs/{id}/finish", self.finish_job),
        ]

    async def clock(self, request: Request) -> Response:
        """Return the time and the rate of a key's clock."""
        return JSONResponse(_clock(self._tenants.one(request)))

    async def set_clock(self, request: Request) -> Response:
        """`{"freeze": true}`, `{"rate": 10}`, `{"advance": 60}` or `{"advance_until": "idle"}`."""
        content = await read_object(request, {"freeze", "rate", "advance", "advance_until"})
        if len(content) != 1:
            raise AdminError("send exactly one of freeze, rate, advance and advance_until")
        ((word, value),) = content.items()
        worlds = self._tenants.selected(request)
        fired: list[dict[str, Any]] = []
        try:
            if word == "freeze":
                if value is not True:
                    raise ValueError(f"freeze={shown(value)}: use true (and rate to continue)")
                for world in worlds:
                    with world.lock:
                        world.clock.freeze()
            elif word == "rate":
                for world in worlds:
                    with world.lock:
                        world.clock.run(read_number(word, value))
            else:
                if word == "advance_until" and value != "idle":
                    raise ValueError(f"advance_until={shown(value)}: use 'idle'")
                seconds = math.inf if word == "advance_until" else read_number(word, value)
                for world in worlds:
                    fired += await advance(world, seconds, self._sender)
        except ValueError as error:
            raise AdminError(str(error)) from None
        if has_key(request):
            return JSONResponse({**_clock(worlds[0]), "fired": fired})
        return JSONResponse({"worlds": len(worlds), "fired": fired})

    async def jobs(self, request: Request) -> Response:
        """List the pending jobs."""
        world = self._tenants.one(request)
        with world.lock:
            world.settle()
            return JSONResponse({"pending": world.jobs.pending()})

    async def finish_job(self, request: Request) -> Response:
        """Finish a pending job; with `{"status": "FAILED"}`, it fails."""
        world = self._tenants.one(request)
        id = request.path_params["id"].lower()
        status = (await read_object(request, {"status"})).get("status") if await request.body() else None
        if status not in (None, "COMPLETE", "FAILED"):
            raise AdminError(f"status={shown(status)}: use COMPLETE or FAILED")
        with world.lock:
            world.settle()
            if not world.jobs.finish(id, status):
                raise AdminError(f"no pending job {id}; GET /_leomock/jobs lists them", 404)
        return JSONResponse({"finished": [id]})


def _clock(world: World) -> dict[str, Any]:
    with world.lock:
        now = world.clock.now()
        due = world.next_due()
        return {
            "now": timestamp(now),
            "moment": now,
            "rate": world.clock.rate,
            "next_due": None if due is None else timestamp(due),
        }
