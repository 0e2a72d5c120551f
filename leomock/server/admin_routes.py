"""Control the fake over HTTP under `/_leomock/`.

A bearer key selects one tenant. Without a key, a call affects every tenant and the defaults for new ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from leomock.files.scenarios import ScenarioError
from leomock.leonardo.errors import shown
from leomock.leonardo.hosts import Addresses
from leomock.openapi.documents import SpecError
from leomock.openapi.suggest import suggestion
from leomock.operations.dispatch import Dispatcher
from leomock.server.admin_requests import (
    AdminError,
    read_json,
    read_number,
    read_object,
)
from leomock.server.api_routes import addresses
from leomock.server.health import Health
from leomock.server.time_travel import advance
from leomock.server.webhook_sender import Sender
from leomock.state.clock import timestamp
from leomock.state.journal import Exchange
from leomock.state.outbox import Event
from leomock.state.settings import LARGEST_INT, SettingError, check_key
from leomock.state.snapshot import SnapshotError, restore, take
from leomock.state.story import story
from leomock.state.world import World
from leomock.verdict import verdict as judge
from leomock.version import __version__

Answer = Callable[[Request], Awaitable[Response]]
# Seconds that a call which reads everything may keep other calls waiting.
LONGEST_TURN = 0.005

# Selects a tenant by its user id, for callers without a key that may see every tenant, such as the page.
TENANT_HEADER = "x-leomock-tenant"


class Admin:
    """The admin API of one fake."""

    def __init__(self, api: Dispatcher, sender: Sender, health: Health | None = None) -> None:
        self._health = health or Health()
        self.api = api
        self.sender = sender
        self._long_reads = asyncio.Lock()

    def _table(self) -> list[tuple[str, str, Answer]]:
        """Return the method, the path below `/_leomock` and the handler of every address."""
        return [
            ("GET", "/", self.index),
            ("GET", "/health", self.health),
            ("GET", "/health/live", self.live),
            ("GET", "/health/ready", self.ready),
            ("GET", "/openapi.json", self.document),
            ("GET", "/bucket", self.bucket),
            ("GET", "/clock", self.clock),
            ("POST", "/clock", self.set_clock),
            ("GET", "/jobs", self.jobs),
            ("POST", "/jobs/{id}/finish", self.finish_job),
            ("PUT", "/account", self.set_account),
            ("GET", "/scenarios", self.scenarios),
            ("GET", "/scenario", self.scenario),
            ("PUT", "/scenario", self.play),
            ("DELETE", "/scenario", self.play_nothing),
            ("GET", "/requests", self.requests),
            ("DELETE", "/requests", self.forget_requests),
            ("GET", "/journal", self.journal),
            ("GET", "/verdict", self.verdict),
            ("GET", "/requests/{number}", self.one_request),
            ("POST", "/reset", self.reset),
            ("GET", "/state", self.take_state),
            ("PUT", "/state", self.restore_state),
            ("GET", "/webhook", self.webhook),
            ("PUT", "/webhook", self.set_webhook),
            ("GET", "/webhooks", self.webhooks),
            ("POST", "/webhooks/{id}/redeliver", self.redeliver),
        ]

    def routes(self) -> list[BaseRoute]:
        """Return the routes, relative to the path where they are mounted."""
        by_path: dict[str, dict[str, Answer]] = {}
        for method, path, answer in self._table():
            by_path.setdefault(path, {})[method] = answer
        return [Route(path, _by_method(answers), methods=list(answers)) for path, answers in by_path.items()]

    # --- the tenants of a call -------------------------------------------------------------------

    def one(self, request: Request) -> World:
        """Return the world of the call's key or of its `X-Leomock-Tenant` header; 401 without either."""
        if user_id := request.headers.get(TENANT_HEADER):
            if world := self.api.worlds.of_user(user_id):
                return world
            raise AdminError(
                f"no tenant has the user id {shown(user_id)}; GET /_leomock/tenants lists them", 404
            )
        return self.api.worlds.enter(request.headers.get("authorization", ""))

    def selected_tenants(self, request: Request) -> list[World]:
        """Return the world of the call's key, or all worlds if the call has no key."""
        return [self.one(request)] if _has_key(request) else list(self.api.worlds)

    def _addresses(self, request: Request) -> Addresses:
        host = request.headers.get("host", "").encode("latin-1")
        return addresses(self.api.settings.public_url, request.url.scheme, host, request.scope.get("server"))

    # --- the fake ------------------------------------------------------------------------------------

    async def index(self, request: Request) -> Response:
        """List these addresses."""
        return JSONResponse(
            {
                "leomock": __version__,
                "addresses": {
                    f"{method} /_leomock{path if path != '/' else ''}": (answer.__doc__ or "").splitlines()[0]
                    for method, path, answer in self._table()
                },
            }
        )

    async def health(self, request: Request) -> Response:
        """Report version and readiness; always 200 while the server is alive."""
        operations = len(self.api.operations)
        auth = self.api.settings.auth
        return JSONResponse(
            {**self._health.as_json(), "version": __version__, "operations": operations, "auth": auth}
        )

    async def live(self, request: Request) -> Response:
        """Answer 200 while the server is alive."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Answer 200 if the server is ready; 503 if it is stopping or cannot save the state."""
        report = self._health.as_json()
        return JSONResponse(report, 200 if report["ready"] else 503)

    async def document(self, request: Request) -> Response:
        """Return a version's corrected OpenAPI document; `?published=1` or `?plain=1` for other forms."""
        published, plain = (
            request.query_params.get(name, "") not in ("", "0", "false") for name in ("published", "plain")
        )
        if published and plain:
            raise AdminError("published and plain exclude each other; give one")
        version = request.query_params.get("version", "v1")
        specs = self.api.specs
        if version not in specs:
            raise AdminError(f"version={shown(version)}: use {' or '.join(specs)}")
        try:
            server = f"{self._addresses(request).api}/{version}"
            spec = specs[version]
            document = spec.plain_document(server) if plain else spec.document(server, published=published)
        except SpecError as error:
            raise AdminError(str(error)) from None
        return Response(orjson.dumps(document), media_type="application/json")

    async def bucket(self, request: Request) -> Response:
        """Return the bucket of a key and its credentials, so that a test can sign any policy."""
        bucket = self.one(request).bucket
        return JSONResponse(
            {
                "bucket": bucket.name,
                "region": bucket.region,
                "accessKeyId": bucket.access_key_id,
                "secretAccessKey": bucket.secret_access_key,
                "url": f"{self._addresses(request).uploads}/{bucket.name}/",
            }
        )

    # --- time ----------------------------------------------------------------------------------------

    async def clock(self, request: Request) -> Response:
        """Return the time and the rate of a key's clock."""
        return JSONResponse(_clock(self.one(request)))

    async def set_clock(self, request: Request) -> Response:
        """`{"freeze": true}`, `{"rate": 10}`, `{"advance": 60}` or `{"advance_until": "idle"}`."""
        content = await read_object(request, {"freeze", "rate", "advance", "advance_until"})
        if len(content) != 1:
            raise AdminError("send exactly one of freeze, rate, advance and advance_until")
        ((word, value),) = content.items()
        worlds = self.selected_tenants(request)
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
                    fired += await advance(world, seconds, self.sender)
        except ValueError as error:
            raise AdminError(str(error)) from None
        if _has_key(request):
            return JSONResponse({**_clock(worlds[0]), "fired": fired})
        return JSONResponse({"worlds": len(worlds), "fired": fired})

    async def jobs(self, request: Request) -> Response:
        """List the pending jobs."""
        world = self.one(request)
        with world.lock:
            world.settle()
            return JSONResponse({"pending": world.jobs.pending()})

    async def finish_job(self, request: Request) -> Response:
        """Finish a pending job; with `{"status": "FAILED"}`, it fails."""
        world = self.one(request)
        id = request.path_params["id"].lower()
        status = (await read_object(request, {"status"})).get("status") if await request.body() else None
        if status not in (None, "COMPLETE", "FAILED"):
            raise AdminError(f"status={shown(status)}: use COMPLETE or FAILED")
        with world.lock:
            world.settle()
            if not world.jobs.finish(id, status):
                raise AdminError(f"no pending job {id}; GET /_leomock/jobs lists them", 404)
        return JSONResponse({"finished": [id]})

    async def set_account(self, request: Request) -> Response:
        """Set the bought credits of a key: `{"credits": 40}`."""
        world = self.one(request)
        credits = (await read_object(request, {"credits"})).get("credits")
        if type(credits) is not int or not 0 <= credits <= LARGEST_INT:
            raise AdminError(f"credits={shown(credits)}: use a whole number from 0 to {LARGEST_INT}")
        with world.lock:
            world.account.set_paid(credits)
        return JSONResponse({"credits": world.account.balance})

    # --- scenarios -----------------------------------------------------------------------------------

    async def scenarios(self, request: Request) -> Response:
        """List the shipped scenarios."""
        return JSONResponse(
            {
                "scenarios": [
                    {"name": s.name, "description": s.description, "basis": s.basis}
                    for s in self.api.scenario_registry.all()
                ]
            }
        )

    async def scenario(self, request: Request) -> Response:
        """List the active scenarios."""
        worlds = self.api.worlds
        playing = self.one(request).scenario_engine.scenarios if _has_key(request) else worlds.scenarios
        return JSONResponse({"scenarios": [scenario.name for scenario in playing]})

    async def play(self, request: Request) -> Response:
        """`{"scenarios": ["flaky", …], "rules": [{"when": …, "then": …}]}`: replace the active ones."""
        body = await read_object(request, {"scenarios", "rules"})
        names = body.get("scenarios", [])
        names = [names] if isinstance(names, str) else names
        if not body or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise AdminError(
                'send {"scenarios": [names]} or {"rules": [{"when": …, "then": …}]}; '
                "GET /_leomock/scenarios lists the names"
            )
        return self._play(request, names, {"rules": body["rules"]} if "rules" in body else None)

    async def play_nothing(self, request: Request) -> Response:
        """Deactivate all scenarios."""
        return self._play(request, [])

    def _play(self, request: Request, names: Iterable[str], rules: dict[str, Any] | None = None) -> Response:
        try:
            scenarios = tuple(self.api.scenario_registry.playable_named(name) for name in names)
            if rules is not None:
                scenarios = (self.api.scenario_registry.from_values(rules), *scenarios)
        except ScenarioError as error:
            raise AdminError(str(error)) from None
        worlds = self.selected_tenants(request)
        if not _has_key(request):
            self.api.worlds.scenarios = scenarios
        for world in worlds:
            with world.lock:
                world.scenario_engine.play(scenarios)
        return JSONResponse({"scenarios": [scenario.name for scenario in scenarios]})

    # --- the journal ---------------------------------------------------------------------------------

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
        if operation and operation not in self.api.operations:
            near = suggestion(operation, self.api.operations)
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
        if _has_key(request):
            return self.one(request).journal.select(**wanted)
        journals = [world.journal for world in self.selected_tenants(request)]
        journals.append(self.api.worlds.unauthenticated_journal)
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
        journal = self.one(request).journal if _has_key(request) else self.api.worlds.unauthenticated_journal
        number = request.path_params["number"]
        found = journal.select(since=int(number) - 1) if number.isdecimal() and len(number) < 16 else []
        if not found or found[0].number != int(number):
            raise AdminError(f"the journal has no call {shown(number)}; it may have been forgotten", 404)
        return JSONResponse(found[0].as_json())

    async def forget_requests(self, request: Request) -> Response:
        """Clear the journal."""
        for world in self.selected_tenants(request):
            world.journal.clear()
        if not _has_key(request):
            self.api.worlds.unauthenticated_journal.clear()
        return JSONResponse({"requests": []})

    async def journal(self, request: Request) -> Response:
        """Return the journal of a key as text, one line per call."""
        world = self.one(request)
        text = story(list(world.journal), events=_events(world), forgotten=world.journal.forgotten)
        return Response(f"{text}\n", media_type="text/plain; charset=utf-8")

    async def verdict(self, request: Request) -> Response:
        """Judge the client of a key; `?format=` is json, text or junit, `?ignore=RULE,RULE` waives rules."""
        world = self.one(request)
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

    # --- state ---------------------------------------------------------------------------------------

    async def reset(self, request: Request) -> Response:
        """Reset one key, or all keys."""
        worlds = self.selected_tenants(request)
        for world in worlds:
            with world.lock:
                world.reset()
        return JSONResponse({"reset": len(worlds)})

    async def take_state(self, request: Request) -> Response:
        """Return the state of a key as JSON."""
        return Response(orjson.dumps(take(self.one(request))), media_type="application/json")

    async def restore_state(self, request: Request) -> Response:
        """Restore the state of a key from a snapshot."""
        world = self.one(request)
        try:
            restore(world, await read_json(request, self.api.settings.max_state, "--max-state"))
        except SnapshotError as error:
            raise AdminError(str(error)) from None
        return JSONResponse({name: len(table) for name, table in world.tables().items() if len(table)})

    # --- webhooks ------------------------------------------------------------------------------------

    async def webhook(self, request: Request) -> Response:
        """Return the webhook target of a key."""
        outbox = self.one(request).outbox
        return JSONResponse({"url": outbox.url, "key": bool(outbox.key)})

    async def set_webhook(self, request: Request) -> Response:
        """`{"url": "http://…", "key": "…"}`; an empty url turns the webhook off."""
        content = await read_object(request, {"url", "key"})
        url, key = content.get("url"), content.get("key", "")
        if not isinstance(url, str) or not isinstance(key, str):
            raise AdminError('send {"url": "http://…", "key": "…"}; an empty url turns the webhook off')
        try:
            if url:
                self.api.settings.check_webhook(url, "url")
            check_key(key, "key")
        except SettingError as error:
            raise AdminError(str(error)) from None
        for world in self.selected_tenants(request):
            with world.lock:
                world.set_webhook(url, key)
        if not _has_key(request):
            self.api.worlds.webhook = self.api.worlds.webhook.at(url, key)
        return JSONResponse({"url": url, "key": bool(key)})

    async def webhooks(self, request: Request) -> Response:
        """List the events of a key and every attempt to deliver them."""
        world = self.one(request)
        with world.lock:
            world.settle()
            return Response(
                orjson.dumps({"events": [event.to_json() for event in world.outbox.events]}),
                media_type="application/json",
            )

    async def redeliver(self, request: Request) -> Response:
        """Send an event again, now."""
        world = self.one(request)
        id = request.path_params["id"]
        with world.lock:
            if not world.outbox.redeliver(id):
                raise AdminError(f"no event {id}; GET /_leomock/webhooks lists them", 404)
        sent = await self.sender.deliver_due(world)
        return JSONResponse({"attempted": [event.id for event in sent]})


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


def _by_method(answers: dict[str, Answer]) -> Answer:
    async def answer(request: Request) -> Response:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return answer


def _has_key(request: Request) -> bool:
    if TENANT_HEADER in request.headers:
        return True
    return bool(request.headers.get("authorization"))


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
