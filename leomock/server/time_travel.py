"""Advance the time of a world, and process everything that becomes due on the way."""

from __future__ import annotations

import math
from typing import Any

from leomock.server.webhook_sender import Sender
from leomock.state.clock import timestamp
from leomock.state.world import World


async def advance(world: World, seconds: float, sender: Sender) -> list[dict[str, Any]]:
    """Advance a world's time by seconds, or with `math.inf` until nothing is due any more.

    Jobs and events are processed in order, each at its own time; webhooks are delivered and retried on the
    way. Returns the jobs and events that fired: `{"at", "job", "status"}` or `{"at", "webhook", "state"}`.
    Raises ValueError.
    """
    fired: list[dict[str, Any]] = []
    with world.lock:
        target = world.clock.now() + seconds
        if seconds != math.inf:
            world.clock.check(seconds)
    while True:
        with world.lock:
            ended = world.step(target)
            at = timestamp(world.clock.now())
            waiting = bool(world.outbox.due())
        if ended is None:
            break
        fired += [{"at": at, "job": row["id"], "status": row["status"]} for row in ended]
        if waiting:
            for event in await sender.deliver_due(world):
                fired.append({"at": at, "webhook": event.id, "state": event.state})
    if seconds != math.inf:
        with world.lock:
            world.clock.advance(max(0.0, target - world.clock.now()))
    return fired
