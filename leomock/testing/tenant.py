"""Python API for one API key of a fake: control its time and faults, and inspect what happened."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from leomock.files.scenarios import ScenarioError, ScenarioSource
from leomock.server.time_travel import advance
from leomock.state.clock import Clock
from leomock.state.journal import Exchange
from leomock.state.outbox import Event, Target
from leomock.state.redaction import shortened
from leomock.state.settings import (
    SettingError,
    check_authority,
    check_count,
    check_key,
    check_timeout,
)
from leomock.state.snapshot import restore, take
from leomock.state.story import story
from leomock.state.world import World
from leomock.testing.assertions import assert_called, assert_not_called
from leomock.testing.names import OperationId, ScenarioName
from leomock.testing.own_loop import StartedSteering, in_running_loop, running_loop

if TYPE_CHECKING:
    from leomock import McpSession
    from leomock.server.transport import Transport
    from leomock.testing.fast_polling import Timeline
    from leomock.testing.host import Host
    from leomock.testing.interception import Interceptor
    from leomock.testing.interception.routing import Children
    from leomock.verdict.review import Verdict


# Type checkers complete the names of shipped scenarios; files and rules are accepted as well.
AnyScenario: TypeAlias = ScenarioName | ScenarioSource


def flat(names: Sequence[ScenarioSource | Sequence[ScenarioSource]]) -> list[ScenarioSource]:
    """Return names, files and rules from lists of lists."""
    flattened: list[ScenarioSource] = []
    for name in names:
        if isinstance(name, str | Path | Mapping):
            flattened.append(name)
        else:
            flattened += name
    return flattened


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _by_argument(finding: str) -> str:
    """Name an argument of `fail` instead of its place in the rule that was made from it."""
    named = re.sub(r"^fail-\d+: rules\[0\]\.(?:when\.|then\.)?(\w+)", r"fail(\1=…)", finding)
    # What a rule calls `body` is the argument `json`.
    return named.replace("fail(body=…)", "fail(json=…)").replace("with 'body'", "with 'json'")


def _check_app(app: object) -> None:
    """Raise SettingError for an object that cannot be called as an ASGI app is."""
    try:
        inspect.signature(app).bind(None, None, None)  # type: ignore[arg-type]  # a TypeError if not callable
    except TypeError:
        raise SettingError(
            f"app={app!r:.100}: is not an ASGI app, which takes scope, receive and send; for a WSGI app "
            "(Flask, Django), set the url of its server, or post event() with its test client"
        ) from None
    except ValueError:  # a callable without a known signature
        pass


class Tenant:
    """One API key of a fake, with its own isolated world."""

    def __init__(self, fake: Host, api_key: str) -> None:
        self._fake = fake
        self.api_key = api_key
        self._budget: int | None = None

    def __repr__(self) -> str:
        return f"<leomock {type(self).__name__} {self.api_key[:4]}… at {self.url}>"

    def _repr_html_(self) -> str:
        """Return the journal as an HTML table, for notebooks."""
        from leomock.testing.notebook import journal_table

        return journal_table(self.requests)

    @property
    def url(self) -> str:
        """The address of the server, e.g. `http://127.0.0.1:41234`."""
        return self._fake.url

    @property
    def base_url(self) -> str:
        """The base URL that SDKs take: `url` and `/api/rest/v1`."""
        return f"{self.url}/api/rest/v1"

    @property
    def transport(self) -> Transport:
        """An httpx transport for `Client` and `AsyncClient` that calls the app without a port."""
        return self._fake.transport

    # --- state ---------------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """The state behind `api_key`."""
        return self._fake.api.worlds.of(self.api_key)

    @property
    def user_id(self) -> str:
        """The user id of `api_key`."""
        return self.world.user_id

    def reset(self) -> None:
        """Forget everything that happened; keep settings and credentials."""
        with self.world.lock:
            self.world.reset()

    def snapshot(self) -> dict[str, Any]:
        """Return the state as JSON values, for `restore`."""
        return take(self.world)

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Return to the state of a snapshot that this account took. Raises SnapshotError for others."""
        restore(self.world, snapshot)

    @property
    def budget(self) -> int | None:
        """The credits that the client may spend, for the verdict; None for any number.

        Setting it raises SettingError unless it is a whole number.
        """
        return self._budget

    @budget.setter
    def budget(self, credits: int | None) -> None:
        if credits is not None:
            check_count("budget", credits)
        self._budget = credits

    # --- time ----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The clock: `now()`, `freeze()`, `run(rate)`."""
        return self.world.clock

    def advance(self, seconds: float) -> list[dict[str, Any]]:
        """Advance the clock; process everything that becomes due in order, and return it.

        Called in a running event loop while a webhook is set, it starts at once and must be awaited like
        `aadvance`: otherwise a webhook in the same loop could not answer. Raises SettingError unless
        `seconds` is a number.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise SettingError(f"advance({seconds!r}): use a number of seconds, such as advance(2.5)")
        return self._advance(seconds)

    def advance_until_idle(self) -> list[dict[str, Any]]:
        """Advance the clock until no job and no webhook is due any more; return what happened."""
        return self._advance(math.inf)

    def fast_polling(self) -> AbstractContextManager[Timeline]:
        """Make the program wait on a simulated timeline inside `with` (see `leomock.testing.fast_polling`).

        Time advances when every known waiter is waiting, and the program's clocks advance too.
        """
        from leomock.testing.fast_polling import fast_polling

        return fast_polling(self._fake, self._move_on)

    def _move_on(self, seconds: float) -> None:
        """Advance the clock from a waiting thread, which may run an event loop."""
        worlds = [world for world in self._worlds() if world.outbox.is_on]
        started = self._advance(seconds)
        if isinstance(started, StartedSteering) and not any(world.outbox.target.loop for world in worlds):
            started.join()

    def _worlds(self) -> list[World]:
        """Return the worlds that `advance` affects."""
        return [self.world]

    def _advance(self, seconds: float) -> list[dict[str, Any]]:
        worlds = self._worlds()

        async def every() -> list[dict[str, Any]]:
            return [fired for world in worlds for fired in await advance(world, seconds, self._fake.sender)]

        if in_running_loop() and any(world.outbox.is_on for world in worlds):
            # Waiting here would block the loop that may have to answer the webhook.
            return cast("list[dict[str, Any]]", StartedSteering(self._fake.submit(every())))
        return self._fake.run(every())

    async def aadvance(self, seconds: float) -> list[dict[str, Any]]:
        """Run `advance` in an event loop without blocking it."""
        return await self._awaited(seconds)

    async def aadvance_until_idle(self) -> list[dict[str, Any]]:
        """Run `advance_until_idle` in an event loop without blocking it."""
        return await self._awaited(math.inf)

    async def _awaited(self, seconds: float) -> list[dict[str, Any]]:
        fired: Any = self._advance(seconds)
        return cast("list[dict[str, Any]]", await fired if isinstance(fired, StartedSteering) else fired)

    def add_generations(self, count: int) -> list[str]:
        """Give the account finished generations, free of charge and not in the journal; return their ids.

        Raises SettingError unless `count` is a whole number.
        """
        check_count("generations", count)
        from leomock.testing.furnishing import add_generations

        return add_generations(self._fake, self.world, count)

    def finish(self, id: str | None = None) -> list[str]:
        """Finish the pending job of a generation, or all; return the ids (for `jobs="manual"`).

        Raises SettingError for an id that is not pending.
        """
        with self.world.lock:
            pending = self.world.jobs.pending()
            if id is not None and id not in pending:
                known = f"pending: {', '.join(pending[:5])}" if pending else "nothing is pending"
                raise SettingError(f"finish({id!r}): no job is pending for this id; {known}")
            return [each for each in ([id] if id else pending) if self.world.jobs.finish(each)]

    # --- scenarios -----------------------------------------------------------------------------------

    @contextmanager
    def scenario(
        self, *names: ScenarioName | ScenarioSource | Sequence[ScenarioName | ScenarioSource]
    ) -> Iterator[None]:
        """Activate scenarios inside `with`: names, files, or `{"rules": [...]}`."""
        more = tuple(self._fake.api.scenario_registry.playable(name) for name in flat(names))
        world = self.world
        before = world.scenario_engine.scenarios
        with world.lock:
            world.scenario_engine.play((*more, *before))
        try:
            yield
        finally:
            with world.lock:
                world.scenario_engine.play(before)

    def fail(
        self,
        operation: OperationId | Sequence[OperationId],
        *,
        status: int | None = None,
        json: Any = None,
        text: str | None = None,
        headers: Mapping[str, str] | None = None,
        error: str | None = None,
        connection: Literal["reset", "truncate", "stall"] | None = None,
        delay: float | None = None,
        call: int | None = None,
        every: int | None = None,
        first: int | None = None,
        after: int | None = None,
        times: int | None = None,
        prompt: str | None = None,
    ) -> None:
        """Make calls of an operation (or several) fail from now on, until the next `reset`.

        `status`, with `json` or `text` and `headers`, is the response; `error` names an error of the real
        service, such as `rate_limited`; `connection` breaks the connection or the response; `delay` is in
        seconds. `call` is the number of the one call that fails, counted from now on; `every`, `first`,
        `after` choose several; `times` is the maximum number of failures. Without any of these, every call
        fails. Raises ScenarioError.
        """
        then: dict[str, Any] = {
            "status": status,
            "body": json,
            "text": text,
            "headers": headers,
            "error": error,
        }
        then |= {"connection": connection, "delay": delay}
        when: dict[str, Any] = {
            "operation": operation,
            "call": call,
            "every": every,
            "first": first,
            "after": after,
        }
        when |= {"prompt": prompt}
        rule: dict[str, Any] = {"when": _given(when), "then": _given(then)}
        if not rule["then"]:
            rule["then"] = {"error": "service_error"}
        if times is not None:
            rule["times"] = times
        world = self.world
        with world.lock:
            name = f"fail-{len(world.scenario_engine.scenarios) + 1}"
            try:
                scenario = self._fake.api.scenario_registry.from_values({"rules": [rule]}, name)
            except ScenarioError as error:
                raise ScenarioError(map(_by_argument, error.findings)) from None
            world.scenario_engine.add(scenario)

    # --- what happened -------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Exchange]:
        """The exchanges, oldest first."""
        return list(self.world.journal)

    def assert_called(
        self,
        operation: OperationId,
        *,
        times: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        status: int | str | None = None,
    ) -> list[Exchange]:
        """Fail unless an operation was called as expected; return the calls.

        `times`, `at_least`, `at_most` are numbers of calls; `body` and `query` are parts of a request,
        `status` is that of the response.
        """
        __tracebackhide__ = True
        try:
            return assert_called(
                self.requests,
                operation,
                times=times,
                at_least=at_least,
                at_most=at_most,
                body=body,
                query=query,
                status=status,
                **self._known(),
            )
        except AssertionError as error:
            raise AssertionError(f"{error}{self._called_elsewhere(operation)}") from None

    def _called_elsewhere(self, operation: str) -> str:
        """Describe calls of an operation that came with other keys, on one line; '' if there were none."""
        others = {
            world.key: sum(exchange.operation == operation for exchange in list(world.journal))
            for world in self._fake.api.worlds
            if world.key != self.api_key
        }
        told = [f"{count} with the key {shortened(key)}" for key, count in others.items() if count]
        if not told:
            return ""
        return (
            f"\n{operation} was called with other keys, which are other accounts: {', '.join(told)}. "
            "The program must use this account's key, or be intercepted by intercept() of this account"
        )

    def assert_not_called(
        self,
        operation: OperationId,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        status: int | str | None = None,
    ) -> None:
        """Fail if an operation was called in this way."""
        __tracebackhide__ = True
        assert_not_called(self.requests, operation, body=body, query=query, status=status, **self._known())

    def _known(self) -> dict[str, Any]:
        """Return what assertions need: the known operations and the number of forgotten exchanges."""
        return {
            "known_operations": list(self._fake.api.operations),
            "forgotten": self.world.journal.forgotten,
        }

    def verdict(self) -> Verdict:
        """Judge the client by its journal: polled too fast, billed twice, …"""
        from leomock.verdict.review import verdict

        return verdict(
            self.requests, events=self.webhooks, forgotten=self.world.journal.forgotten, budget=self.budget
        )

    @property
    def spent(self) -> int:
        """The credits that this account's calls cost, as the API reported; refunds are not subtracted."""
        return self.verdict().credits

    def assert_spent(self, *, at_most: int | None = None, exactly: int | None = None) -> int:
        """Fail if the calls cost more credits than `at_most`, or not `exactly` that; return the credits.

        Raises ValueError if neither is given.
        """
        __tracebackhide__ = True
        if at_most is None and exactly is None:
            raise ValueError("assert_spent() needs at_most or exactly; the property `spent` has the credits")
        spent = self.spent
        if (at_most is None or spent <= at_most) and (exactly is None or spent == exactly):
            return spent
        wanted = f"at most {at_most}" if exactly is None else f"exactly {exactly}"
        from leomock.verdict.evidence import credit_cost

        paid = [exchange for exchange in self.requests if credit_cost(exchange)]
        lines = [f"  {credit_cost(exchange)} credits: {exchange}" for exchange in paid]
        raise AssertionError(
            "\n".join([f"leomock: {spent} credits were spent, but {wanted} were allowed:", *lines])
        )

    def story(self) -> str:
        """Return the exchanges, one line each; polling is folded, and unfinished generations are noted."""
        return story(self.requests, events=self.webhooks, forgotten=self.world.journal.forgotten)

    # --- fixed hosts ---------------------------------------------------------------------------------

    def intercept(
        self, *, keys: Literal["any", "own"] = "any", children: Children | None = None
    ) -> AbstractContextManager[Interceptor]:
        """Redirect calls for the real hosts to the fake inside `with` (see `leomock.testing.interception`).

        A call belongs to this account unless its key is that of another account of this fake, because most
        programs read their key long before a test runs. With `keys="own"` every key is a separate account.
        With `children`, processes that the program starts are intercepted as well.
        """
        from leomock.testing.interception import intercept

        account = self.api_key if keys == "any" else ""
        return intercept(self._fake, account=account, children=children)

    # --- webhooks ------------------------------------------------------------------------------------

    def mcp(
        self,
        group: str = "basic",
        *,
        vendor: bool = False,
        plain: bool = False,
        confirm: bool = True,
        fetch_from: Collection[str] = (),
    ) -> McpSession:
        """Open a session with the API as MCP tools, on this account and in this process.

        `group` chooses the tools, as `leomock mcp --group` does ('' for all); see `leomock.McpSession`.
        Needs the extra `leomock[mcp]`; raises ModuleNotFoundError without it.
        """
        import leomock

        return leomock.McpSession(
            self, group, vendor=vendor, plain=plain, confirm=confirm, fetch_from=fetch_from
        )

    def set_webhook(
        self,
        url: str = "",
        key: str = "",
        *,
        app: Any = None,
        timeout: float = 5.0,
        verify: bool | str | Path = True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send events to a URL, with the key as bearer token; an empty URL turns them off.

        With `app`, an ASGI app, they go to that app without a port, at the path of `url` (by default `/`), in
        the event loop that is running now. `timeout` is in seconds; `verify` is False, or the file of the
        authority that signed the receiver's certificate; `headers` are sent with every event. Raises
        SettingError for an invalid value.
        """
        if app is not None:
            _check_app(app)
        elif url:
            self.world.settings.check_webhook(url, "url")
        check_key(key, "key")
        check_timeout("timeout", timeout)
        if not isinstance(verify, bool):
            check_authority("verify", verify)
        target = Target(
            url or ("http://app.invalid/" if app is not None else ""),
            key,
            timeout=timeout,
            verify=str(verify) if isinstance(verify, Path) else verify,
            headers=tuple((headers or {}).items()),
            app=app,
            loop=running_loop() if app is not None else None,
        )
        with self.world.lock:
            self.world.set_target(target)

    def event(self, id: str | None = None) -> dict[str, Any]:
        """Return the event body for a generation (by default the newest) without sending it.

        Its job is finished if it was pending. Raises LookupError for an id that this account does not have.
        """
        from leomock.testing.furnishing import event_body

        return event_body(self.world, self.url, id)

    @property
    def webhooks(self) -> list[Event]:
        """The events and every attempt to deliver them, oldest first."""
        with self.world.lock:
            return list(self.world.outbox.events)
