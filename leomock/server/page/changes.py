"""Changes since a page last looked, read from the tenants without slowing down their calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from leomock.state.journal import Exchange, Journal
from leomock.state.redaction import shortened
from leomock.state.world import World

# More new calls than this are not sent one by one; the page says how many were skipped.
MOST_CALLS = 200

# The tenant of calls that carried no accepted key.
NOBODY = ""


def call_summary(exchange: Exchange, tenant: str) -> dict[str, Any]:
    """Return a call's data for the journal panel; the page fetches the rest when somebody opens it."""
    return {
        "tenant": tenant,
        "number": exchange.number,
        "created": exchange.created,
        "channel": exchange.channel,
        "method": exchange.method,
        "path": exchange.path,
        "operation": exchange.operation,
        "status": exchange.status,
        "milliseconds": round(exchange.milliseconds, 2),
        "rules": list(exchange.rules),
        "explain": exchange.explain,
        "answer": exchange.answer,
    }


def tenant_summary(world: World) -> dict[str, Any]:
    """Return one tenant for the list of keys; `id` is its user id, since keys are never shown whole."""
    return {
        "id": world.user_id,
        "key": shortened(world.key),
        "calls": world.journal.last,
        "generations": len(world.generations),
        "pending": len(world.jobs),
        "credits": world.account.balance,
    }


def revision(world: World) -> tuple[object, ...]:
    """Return a value that changes whenever a panel other than the journal has something new to show."""
    return (
        len(world.generations),
        len(world.jobs),
        len(world.bucket.objects),
        sum(len(event.attempts) + 1 for event in world.outbox.events),
        tuple(scenario.name for scenario in world.scenario_engine.scenarios),
        world.clock.rate,
        world.account.balance,
    )


class Changes:
    """The state that one page has already seen."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._revisions: dict[str, tuple[object, ...]] = {}

    def look(self, worlds: Iterable[World], unauthenticated: Journal | None) -> Iterator[tuple[str, Any]]:
        """Yield the events to send: `calls`, and `changed` with the ids of the tenants concerned."""
        changed, calls, skipped = [], [], 0
        for world in worlds:
            with world.lock:
                world.settle()
            fresh, left_out = self._calls(world.user_id, world.journal)
            calls += fresh
            skipped += left_out
            now = revision(world)
            if self._revisions.get(world.user_id) != now:
                self._revisions[world.user_id] = now
                changed.append(world.user_id)
        if unauthenticated is not None:
            fresh, left_out = self._calls(NOBODY, unauthenticated)
            calls += fresh
            skipped += left_out
        if calls:
            calls.sort(key=lambda call: call["created"])
            yield "calls", {"calls": calls[-MOST_CALLS:], "skipped": skipped + len(calls[:-MOST_CALLS])}
        if changed:
            yield "changed", {"tenants": changed}

    def _calls(self, tenant: str, journal: Journal) -> tuple[list[dict[str, Any]], int]:
        newest = journal.last
        seen = self._seen.get(tenant, 0)
        if newest == seen:
            return [], 0
        self._seen[tenant] = newest
        if newest < seen:  # the tenant was reset, and its journal starts again
            seen = 0
        found = [each for each in journal.tail(MOST_CALLS) if each.number > seen]
        # On the first look, do not report older calls as skipped.
        skipped = newest - seen - len(found) if seen else 0
        return [call_summary(each, tenant) for each in found], skipped
