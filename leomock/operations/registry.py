"""Which function answers which operation, and how it refuses what breaks a documented rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leomock.leonardo.basis import KINDS, all_stated, least_sure
from leomock.leonardo.errors import RULE_BROKEN, ApiError, Basis
from leomock.openapi.documents import SpecError
from leomock.openapi.operations import Operation
from leomock.openapi.request_parser import Call
from leomock.state.world import World

Handler = Callable[[Call, World], Any]

HANDLERS: dict[str, Handler] = {}


def operation(id: str) -> Callable[[Handler], Handler]:
    """Register the function that answers an operation.

    It takes a call and a world and returns what goes inside the envelope, or raises an `ApiError`.
    """

    def register(handler: Handler) -> Handler:
        if id in HANDLERS:
            raise SpecError(
                f'@operation("{id}") stands twice: {HANDLERS[id].__module__}, {handler.__module__}'
            )
        HANDLERS[id] = handler
        return handler

    return register


def basis_of(handler: Handler | None) -> tuple[Basis, str]:
    """How it is known that an operation answers as its handler does, at the least, and from where.

    Without a handler it answers a blank.
    """
    return least_sure(handler.__doc__) if handler else ("chosen", "the schema of the answer")


def bases_of(operation: Operation, handler: Handler | None) -> list[Basis]:
    """How it is known what an operation is, and what it answers beyond its document; the surest first."""
    decided = all_stated(handler.__doc__) if handler else [basis_of(None)]
    return sorted({operation.basis, *(basis for basis, _ in decided)}, key=KINDS.index)


def broken(call: Call, rule: str) -> ApiError:
    """The refusal of a call that breaks a rule from the descriptions of its parameters."""
    asked = call.operation
    return RULE_BROKEN(rule=rule, explain=f"{asked.id}: {rule} ({asked.file} {asked.method} {asked.path})")
