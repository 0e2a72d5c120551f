"""Takes one raw request to its reply: the door that every other door goes through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leomock.errors import TOO_LARGE, ApiError
from leomock.operations import load
from leomock.settings import Settings
from leomock.spec.compile import Operation, Spec
from leomock.spec.parse import Request, parse
from leomock.state.world import World, Worlds


class Reply:
    """A status, a body (JSON values) and what the HTTP layer adds to it."""

    __slots__ = ("body", "explain", "headers", "operation", "status", "world")

    def __init__(self, status: int, body: Any, operation: Operation | None, world: World | None) -> None:
        self.status = status
        self.body = body
        self.operation = operation
        self.world = world
        self.headers: dict[str, str] = {}
        self.explain = ""


class Api:
    """The fake API: the documents, the handlers and the tenants.

    It is synchronous, knows nothing of HTTP and never sleeps. `source` is the steady clock behind the
    worlds' time (see `Clock`).
    """

    def __init__(self, settings: Settings | None = None, source: Callable[[], float] | None = None) -> None:
        self.settings = settings or Settings()
        self.spec = Spec()
        self.handlers = load(self.spec)
        self.worlds = Worlds(self.settings, source)

    def answer(self, request: Request) -> Reply:
        """Take one raw request to its reply; a refusal is a reply as well."""
        operation = world = None
        try:
            world = self.worlds.enter(request.authorization)
            operation, captured = self.spec.route(request.method, request.segments)
            if len(request.body) > self.settings.max_body:
                limit = self.settings.max_body
                raise TOO_LARGE(limit=limit, explain=f"{operation.id}: the body has more than {limit} bytes")
            call = parse(operation, captured, request)
            handler = self.handlers.get(operation.id)
            if handler is None:
                reply = Reply(200, {operation.envelope: operation.shaper.blank}, operation, world)
                reply.explain = f"{operation.id} answers a blank: leomock has no behaviour for it yet"
                return reply
            with world.lock:
                world.jobs.settle()
                value = operation.shaper.fit(handler(call, world))
            return Reply(200, {operation.envelope: value}, operation, world)
        except ApiError as error:
            reply = Reply(error.status, error.body, operation, world)
            reply.headers = error.headers
            reply.explain = error.explain
            return reply
