"""Turn one request into one reply, for the HTTP server, the MCP server and the in-process transport."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from leomock.files.account import account_of
from leomock.files.scenarios import (
    ScenarioError,
    ScenarioRegistry,
    ScenarioSource,
    is_file_name,
    scenarios_folder,
)
from leomock.leonardo.catalogue.retirements import retired_operation, retirement_note
from leomock.leonardo.errors import (
    ENDPOINT_GONE,
    RETIRED_OPERATION,
    TOO_LARGE,
    UNEXPECTED_VARIABLE,
    UNKNOWN_SCENARIO,
    ApiError,
    relayed,
)
from leomock.openapi.operations import Operation
from leomock.openapi.request_parser import Call, Request, parse
from leomock.openapi.spec import shipped_versions
from leomock.operations.account_contents import furnish
from leomock.operations.handlers.load import load
from leomock.operations.missing import explain_missing
from leomock.operations.offered import check_catalogue
from leomock.operations.registry import basis_of
from leomock.operations.reply import Reply
from leomock.operations.webhook_events import event_of
from leomock.state.clock import Clock
from leomock.state.journal import Headers, Journal
from leomock.state.limits import PER_MODEL
from leomock.state.redaction import shortened
from leomock.state.scenario import MatchContext, RuleEffects, Scenario
from leomock.state.settings import Settings
from leomock.state.table import Row
from leomock.state.world import MakeClock, World
from leomock.state.worlds import Worlds

# A prompt containing this selects a scenario, from any language, like the test cards of a payment service.
MAGIC_START = "[leomock:"
MAGIC = re.compile(r"\[leomock:([^\[\]]{1,100})\]")


class Dispatcher:
    """The fake API: the documents of its versions, the handlers and the tenants.

    It is synchronous, knows nothing of HTTP and never sleeps.
    """

    def __init__(self, settings: Settings | None = None, make_clock: MakeClock = Clock) -> None:
        self.settings = settings or Settings()
        self.specs = shipped_versions()
        self.spec = self.specs["v1"]
        self.operations = self.specs.operations
        self.handlers = load(self.operations)
        self.scenario_registry = ScenarioRegistry(
            scenarios_folder(), self.operations, {o.group for o in self.operations.values()}
        )
        _furnish_nothing_wrong(self.settings)
        check_catalogue(self.settings)
        self.worlds = Worlds(self.settings, make_clock, self._announce, _furnish)

    @classmethod
    def playing(
        cls, settings: Settings, names: Sequence[ScenarioSource], make_clock: MakeClock = Clock
    ) -> Dispatcher:
        """Return an API with active scenarios (names or files) and the settings that they require.

        Requests may name the files as well, by the names of their scenarios.

        Raises ScenarioError, or SettingError if a scenario requires an invalid setting.
        """
        api = cls(settings, make_clock)
        scenarios = tuple(api.scenario_registry.get(name) for name in names)
        wanted = {name: value for scenario in scenarios for name, value in scenario.settings.items()}
        if wanted:
            api = cls(replace(settings, **wanted), make_clock)
        api.worlds.scenarios = scenarios
        for name, scenario in zip(names, scenarios, strict=True):
            if isinstance(name, str | Path) and is_file_name(name):
                api.scenario_registry.add(scenario)
        return api

    def handle(self, request: Request) -> Reply:
        """Turn one request into one reply; an error is a reply, too."""
        operation = world = effects = None
        try:
            world = self.worlds.enter(request.authorization, request.addresses.are_real)
            if request.routed is None:
                request.routed = self.specs[request.version].route(request.method, request.segments)
            operation, captured = request.routed
            if len(request.body) > self.settings.max_body:
                limit = self.settings.max_body
                raise TOO_LARGE(limit=limit, explain=f"{operation.id}: the body has more than {limit} bytes")
            if retired := retired_operation(operation.id, world.settings.as_of):
                raise _retired(operation, retired)
            with world.lock:
                if world.limits:
                    world.limits.count(operation.id)
                call = parse(operation, captured, request)
                if operation.method == "POST":
                    self.worlds.row_limit.check(operation.id)
                world.cdn = request.addresses.cdn
                world.settle()
                world.jobs.requested = request.scenario
                effects = self._apply_rules(call, "/".join(captured.values()), request, world)
                reply = self._with_effects(effects, call, world) if effects else self._answered(call, world)
        except ApiError as refusal:
            error = refusal
            if operation and operation.lists_errors:
                error = relayed(refusal, version_2=operation.file.startswith("specs/v2/"))
            reply = Reply(error.status, error.body, operation, world)
            reply.headers = error.headers
            reply.explain = error.explain
            if error.wording is UNEXPECTED_VARIABLE and "; version 2 takes" not in error.explain:
                reply.explain += self._elsewhere(error.text.removeprefix("Unexpected variable "))
            reply.wording = error.wording
        if effects is not None:
            _mark(reply, effects)
        return reply

    def basis_of(self, reply: Reply) -> str:
        """Return how we know that the real service answers like this: the basis, and its source if known.

        Returns '' for a defect of the fake.
        """
        basis, source = self._basis_of(reply)
        return f"{basis}; {source}" if source else basis

    def _basis_of(self, reply: Reply) -> tuple[str, str]:
        if reply.wording:
            return reply.wording.basis, reply.wording.source
        if reply.operation is None or reply.world is None:
            return "", ""
        if reply.rules:
            name = reply.rules[0].rpartition("#")[0]
            playing = {scenario.name: scenario for scenario in reply.world.scenario_engine.scenarios}
            scenario = playing.get(name) or self._named(name)
            return scenario.basis, scenario.source
        statement = basis_of(reply.operation.id)
        return statement.kind, statement.source

    def _answered(self, call: Call, world: World) -> Reply:
        """Answer a call without any scenario rule."""
        operation = call.operation
        handler = self.handlers.get(operation.id)
        if handler is None:
            reply = Reply(200, operation.enveloped(operation.serializer.empty), operation, world)
            reply.explain = f"{operation.id} answers a blank: leomock has no behaviour for it yet"
            return reply
        world.note = ""
        answered = handler(call, world)
        value = operation.serializer.serialize(answered)
        reply = Reply(200, operation.enveloped(value), operation, world)
        reply.is_unfinished = call.has_late_texts
        reply.explain = call.explain or world.note
        if not answered and (id := call.get("id")):
            reply.explain = explain_missing(operation, str(id), world, self.worlds)
        return reply

    def _apply_rules(self, call: Call, resource: str, request: Request, world: World) -> RuleEffects | None:
        """Apply the active scenarios and those that the call requests itself."""
        prompt = call.prompt
        asks = bool(request.scenario) or MAGIC_START in prompt
        if not asks and not world.scenario_engine.scenarios:
            return None
        more = self._magic(prompt) + self.requested(request.scenario) if asks else []
        context = MatchContext(
            "call",
            operation=call.operation.id,
            group=call.operation.group,
            resource=resource,
            prompt=prompt,
            body=call,
            query=call.sent,
            headers=lambda: request.headers,
            request=_fingerprint(request, call, resource) if more else "",
        )
        return world.apply_rules(context, more)

    def _announce(self, world: World, row: Row, moment: float) -> None:
        """Put the event of an ended job into the outbox, with the delivery faults of matching scenarios."""
        event = event_of(row, world, world.cdn, moment)
        if event is None:
            return
        kind, body = event
        prompt = row.get("prompt", "")
        context = MatchContext("webhook", resource=row["id"], prompt=prompt, request=str(row["id"]))
        requested = self._magic(prompt) + self.requested(row.get("scenarios", ""))
        effects = world.apply_rules(context, requested)
        world.outbox.add(kind, body, effects.delivery if effects else None, moment)

    def _magic(self, prompt: str) -> list[Scenario]:
        """Return the scenarios that a prompt requests."""
        return [self._named(name) for name in MAGIC.findall(prompt)] if MAGIC_START in prompt else []

    def requested(self, names: str) -> list[Scenario]:
        """Return the scenarios of an X-Leomock-Scenario header, names separated by commas.

        Raises ApiError for unknown names.
        """
        return [self._named(name.strip()) for name in names.split(",") if name.strip()]

    def _elsewhere(self, variable: str) -> str:
        """Name the operations that have a variable which a call sent to another one."""
        if not (operations := self.specs.having(variable)):
            return ""
        return f"; {', '.join(operations)} {'has' if len(operations) == 1 else 'have'} it"

    def _named(self, name: str) -> Scenario:
        try:
            return self.scenario_registry.playable_named(name)
        except ScenarioError as error:
            raise UNKNOWN_SCENARIO(text=str(error), explain=str(error)) from None

    def record(
        self, request: Request, reply: Reply, path: str, response_headers: Headers, milliseconds: float
    ) -> int:
        """Add an exchange to the journal of its key and return its number."""
        world = reply.world
        return self._journal(reply).add(
            moment=world.clock.now() if world else self.worlds.now(),
            channel="api",
            operation=reply.operation.id if reply.operation else "",
            method=request.method,
            path=path,
            query=request.query,
            request_headers=request.raw_headers,
            request_body=request.body,
            status=reply.status,
            response_headers=response_headers,
            response_body=reply.content,
            rules=reply.rules,
            explain=_with_other_key(request, reply),
            milliseconds=milliseconds,
            breakage=reply.breakage or "",
            delay=reply.delay,
        )

    def record_unfinished(self, request: Request, path: str, milliseconds: float, late: str = "") -> None:
        """Record a request whose body did not become complete; nothing was executed.

        If its client disconnected, the exchange has status 0, because nothing was answered, and the breakage
        `client_disconnected`. If the server gave up and answered 408, `late` says why.
        """
        operation = None
        with contextlib.suppress(ApiError):
            operation, _ = self.specs[request.version].route(request.method, request.segments)
        reply = Reply(408 if late else 0, None, operation, self.worlds.find(request.authorization))
        reply.text = ""
        gone = "the client disconnected before the request body was complete"
        reply.explain = f"{late or gone}; the request was not executed"
        number = self.record(request, reply, path, (), milliseconds)
        if not late:
            self.record_disconnect(reply, number)

    def record_disconnect(self, reply: Reply, number: int) -> None:
        """Note in the journal that the client disconnected before its delayed reply was sent."""
        self._journal(reply).mark_disconnected(number)

    def _journal(self, reply: Reply) -> Journal:
        return reply.world.journal if reply.world else self.worlds.unauthenticated_journal

    def _with_effects(self, effects: RuleEffects, call: Call, world: World) -> Reply:
        """Return the scenario's response, or the usual one with the scenario's outcome for its job."""
        if effects.answer is None:
            seconds = None
            if effects.outcome and effects.outcome.seconds:
                seconds = world.scenario_engine.drawn(effects.outcome.seconds)
            with world.jobs.override_outcome(effects.outcome, seconds, ", ".join(effects.rules)):
                return self._answered(call, world)
        given = effects.answer
        if given.error:
            model = call.get("model") or "this"
            raise given.error(
                user_id=world.user_id, model=model, limit=PER_MODEL, headers=dict(given.headers)
            )
        reply = Reply(given.status, _filled(given.body, world), call.operation, world)
        reply.text = given.text
        reply.headers = dict(given.headers)
        return reply


def _with_other_key(request: Request, reply: Reply) -> str:
    """Return a reply's explanation. It names the key of an intercepted call if it is not the account's."""
    if not (request.addresses.are_real and reply.world):
        return reply.explain
    key = request.authorization.strip().partition(" ")[2].strip()
    if key == reply.world.key:
        return reply.explain
    note = f"the call has another key, {shortened(key)}"
    return f"{reply.explain}; {note}" if reply.explain else note


def _retired(operation: Operation, row: Mapping[str, Any]) -> ApiError:
    """Return the error of an operation that the vendor has retired."""
    template = ENDPOINT_GONE if row.get("gone") else RETIRED_OPERATION
    return template(name=row["name"], explain=f"{operation.id}: {row['name']}, {retirement_note(row)}")


def _furnish_nothing_wrong(settings: Settings) -> None:
    """Raise AccountError if the setting `has` is wrong."""
    if settings.has:
        account_of(settings.has, "")


def _furnish(world: World) -> None:
    """Add what the account of a new world already has."""
    if world.settings.has:
        furnish(world, *account_of(world.settings.has, world.key))


def _fingerprint(request: Request, call: Call, resource: str) -> str:
    """Return what a request and its retries have in common."""
    body = hashlib.sha256(request.body).hexdigest()[:16]
    return f"{call.operation.id} {resource} {body}"


def _mark(reply: Reply, effects: RuleEffects) -> None:
    reply.rules = effects.rules
    if effects.answer:
        reply.wording = None  # the scenario states the basis of this answer
    reply.delay = effects.delay
    reply.breakage = effects.breakage
    reply.explain = f"{effects.explain}; {reply.explain}" if reply.explain else effects.explain


def _filled(body: Any, world: World) -> Any:
    """Return a scenario's body with `{user_id}` replaced in its texts."""
    if isinstance(body, str):
        return body.replace("{user_id}", world.user_id)
    if isinstance(body, dict):
        return {name: _filled(value, world) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, world) for value in body]
    return body
