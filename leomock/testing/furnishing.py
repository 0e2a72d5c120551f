"""Create state without API calls: finished generations from before a test, and the event of a job."""

from __future__ import annotations

from typing import Any

from leomock.leonardo.hosts import Addresses
from leomock.openapi.request_parser import Request
from leomock.operations.webhook_events import event_of
from leomock.state.table import Row
from leomock.state.world import World
from leomock.testing.host import Host


def add_generations(fake: Host, world: World, count: int) -> list[str]:
    """Create finished generations in a world; they cost no credits and do not appear in its journal."""
    with world.lock:
        account, scenarios = world.account.as_json(), world.scenario_engine.scenarios
        world.scenario_engine.play(())
        try:
            ids = [_generation(fake, world, number) for number in range(1, count + 1)]
        finally:
            world.scenario_engine.play(scenarios)
            world.account.resume(account)
    return ids


def _generation(fake: Host, world: World, number: int) -> str:
    request = Request(
        "POST",
        ["generations"],
        Addresses.under(fake.url),
        "",
        b'{"prompt": "an earlier picture %d"}' % number,
        f"Bearer {world.key}",
        [],
        "",
        "v1",
    )
    body = fake.api.handle(request).body
    id: str = body["sdGenerationJob"]["generationId"]
    world.jobs.finish(id)
    return id


def event_body(world: World, url: str, id: str | None) -> dict[str, Any]:
    """Finish the newest generation, or the row with this id, and return its event body."""
    with world.lock:
        world.settle()
        row = _row(world, id)
        world.jobs.finish(str(row["id"]))
        event = event_of(row, world, world.cdn or Addresses.under(url).cdn, world.clock.now())
    if event is None:
        raise LookupError(f"{id}: jobs of this kind have no event")
    return event[1]


def _row(world: World, id: str | None) -> Row:
    if id is None:
        if newest := world.generations.page(0, 1):
            return newest[0]
        raise LookupError("this account has no generation yet, so there is no event")
    for table in world.tables().values():
        if (row := table.get(id)) is not None:
            return row
    raise LookupError(f"this account has nothing with the id {id}")
