"""The journal of a tenant or of all, and what it says about the client."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leomock.leonardo.errors import shown
from leomock.openapi.suggest import suggestion
from leomock.operations.dispatch import Dispatcher
from leomock.server.admin.requests import AdminError, Table
from leomock.server.admin.tenants import Tenants, has_key
from leomock.state.journal import Exchange
from leomock.state.outbox import Event
from leomock.state.story import story
from leomock.state.world import World
from leomock.verdict import verdict as judge
from leomock.version import __version__

# Seconds that a call which reads everything may keep other calls waiting.
LONGEST_TURN = 0.005


class JournalRoutes:
    """Show, judge and clear journals."""

    def __init__(self, api: Dispatcher, tenants: Tenants) -> None:
        self._api = api
        self._tenants = tenants
        self._long_reads = asyncio.Lock()

    def table(self) -> Table:
        """Return the addresses of this subject."""
        return [
            ("GET", "/requests", self.requests),
            ("DELETE", "/requests", self.forget_requests),
            ("GET", "/journal", self.journal),
            ("GET", "/verdict", self.verdict),
            ("GET", "/requests/{number}", self.one_request),
        ]

    async def requests(self, request: Request) -> Response:
        """List calls; filter by operation, status, method, path, rule, since, limit or body.NAME."""
        query = dict(request.query_params)
        har = query.pop("format", "json")
        body: dict[str, Any] = {}
        for name in [name for name in query if name.startswith("body.")]:
            text = query.pop(name)
            try:
                body[name.removeprefix("body.")] = orjson.loads(text)
            except orjson.JSONDecodeError:
                body[name.removeprefix("body.")] = text
        known = {"operation", "status", "method", "path", "rule", "since", "limit"}
        if unknown := query.keys() - known:
            filters = ", ".join([*sorted(known), "body.NAME", "format"])
            name = sorted(unknown)[0]
            near = suggestion(name, dict.fromkeys(known))
            raise AdminError(f"unknown filter {shown(name)}{near or f'; the filters are {filters}'}")
        if har not in ("json", "har"):
            raise AdminError(f"format={shown(har)}: use json or har")
        operation = query.get("operation", "")
        if operation and operation not in self._api.operations:
            near = suggestion(operation, self._api.operations)
            raise AdminError(f"operation={shown(operation)}: there is no such operation{near}")
        wanted: dict[str, Any] = {**query, "body": body or None}
        try:
            for name in ("since", "limit"):
                if name in wanted:
                    wanted[name] = int(wanted[name])
            found = await self._exchanges(request, wanted)
        except ValueError as error:
            raise AdminError(str(error)) from None
        found.sort(key=lambda exchange: exchange.moment)
        if (limit := wanted.get("limit")) is not None:
            found = found[max(0, len(found) - limit) :]
        if har == "har":
            from leomock.files.har import to_har  # imported on first use

            return JSONResponse(to_har(found, __version__))
        listed, turn = [], _Turn()
        for exchange in found:
            listed.append(exchange.as_json())
            if turn.is_long:
                await asyncio.sleep(0)
                turn = _Turn()
        return Response(orjson.dumps({"requests": listed}), media_type="application/json")

    async def _exchanges(self, request: Request, wanted: Mapping[str, Any]) -> list[Exchange]:
        """Return the selected exchanges of a key or, without one, of all keys and of calls without a key.

        All keys together may have a million. So other calls are answered meanwhile, only one of the requests
        that take long goes on at a time, and none whose client has gone. Raises ValueError for an invalid
        filter.
        """
        if has_key(request):
            return self._tenants.one(request).journal.select(**wanted)
        journals = [world.journal for world in self._tenants.selected(request)]
        journals.append(self._api.worlds.unauthenticated_journal)
        found: list[Exchange] = []
        async with contextlib.AsyncExitStack() as stack:
            turn, goes_on = _Turn(), False
            for journal in journals:
                found += journal.select(**wanted)
                if turn.is_long:
                    if goes_on:
                        await asyncio.sleep(0)
                    else:
                        await stack.enter_async_context(self._long_reads)
                        goes_on = True
                    if await request.is_disconnected():
                        return []
                    turn = _Turn()
        return found

    async def one_request(self, request: Request) -> Response:
        """Return one call by its number, from the journal of a key or of calls without a key."""
        journal = (
            self._tenants.one(request).journal
            if has_key(request)
            else self._api.worlds.unauthenticated_journal
        )
        number = request.path_params["number"]
        found = journal.select(since=int(number) - 1) if number.isdecimal() and len(number) < 16 else []
        if not found or found[0].number != int(number):
            raise AdminError(f"the journal has no call {shown(number)}; it may have been forgotten", 404)
        return JSONResponse(found[0].as_json())

    async def forget_requests(self, request: Request) -> Response:
        """Clear the journal."""
        for world in self._tenants.selected(request):
            world.journal.clear()
        if not has_key(request):
            self._api.worlds.unauthenticated_journal.clear()
        return JSONResponse({"requests": []})

    async def journal(self, request: Request) -> Response:
        """Return the journal of a key as text, one line per call."""
        world = self._tenants.one(request)
        text = story(list(world.journal), events=_events(world), forgotten=world.journal.forgotten)
        return Response(f"{text}\n", media_type="text/plain; charset=utf-8")

    async def verdict(self, request: Request) -> Response:
        """Judge the client of a key; `?format=` is json, text or junit, `?ignore=RULE,RULE` waives rules."""
        world = self._tenants.one(request)
        query = dict(request.query_params)
        written = query.pop("format", "json")
        ignored = [name for name in query.pop("ignore", "").split(",") if name]
        if query:
            raise AdminError(f"unknown parameter {shown(sorted(query)[0])}; use format and ignore")
        try:
            verdict = judge(list(world.journal), events=_events(world), forgotten=world.journal.forgotten)
            verdict = verdict.without(ignored)
        except ValueError as error:
            raise AdminError(str(error)) from None
        match written:
            case "json":
                return JSONResponse({**verdict.as_json(), "text": str(verdict)})
            case "text":
                return Response(f"{verdict}\n", media_type="text/plain; charset=utf-8")
            case "junit":
                return Response(verdict.junit(), media_type="application/xml")
        raise AdminError(f"format={shown(written)}: use json, text or junit")


class _Turn:
    """A turn of the event loop, begun now."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def is_long(self) -> bool:
        """True if other calls have waited for `LONGEST_TURN`."""
        return time.monotonic() - self._began >= LONGEST_TURN


def _events(world: World) -> list[Event]:
    with world.lock:
        return list(world.outbox.events)
