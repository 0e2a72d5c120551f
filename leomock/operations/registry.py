"""Register the function that answers each operation, with the basis of its behaviour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from leomock.leonardo.basis import (
    KINDS,
    Basis,
    BasisKind,
    Chosen,
    Documented,
    Stated,
    based_on,
    least_reliable,
    statements,
)
from leomock.leonardo.errors import RULE_BROKEN, ApiError
from leomock.openapi.documents import SpecError
from leomock.openapi.operations import Operation
from leomock.openapi.request_parser import Call
from leomock.state.world import World

Handler = Callable[[Call, World], Any]

HANDLERS: dict[str, Handler] = {}

# For a handler that only follows the operation's document.
BY_ITS_DOCUMENT = Documented("")

# For an operation without a handler.
BY_ITS_SCHEMA = Chosen("the schema of the response")


def operation(id: str, *, basis: Sequence[Stated]) -> Callable[[Handler], Handler]:
    """Register the function that answers an operation, and the basis of its decisions.

    The function takes a call and a world and returns what goes inside the envelope, or raises an `ApiError`.
    Raises SpecError if the operation has a handler already or `basis` is empty.
    """

    def register(handler: Handler) -> Handler:
        try:
            HANDLERS[id] = based_on(*basis, name=decision_name(id))(handler)
        except ValueError as error:
            raise SpecError(f'@operation("{id}") of {handler.__module__}: {error}') from None
        return handler

    return register


def decision_name(id: str) -> str:
    """Return the name under which an operation states its basis."""
    return f"operation:{id}"


def basis_of(id: str) -> Basis:
    """Return the least reliable statement that the responses of an operation are based on."""
    return least_reliable(decision_name(id)) if id in HANDLERS else BY_ITS_SCHEMA


def bases_of(operation: Operation) -> list[BasisKind]:
    """Return the kinds of basis of an operation and of what its handler decides, the most reliable first."""
    id = operation.id
    decided = statements(decision_name(id)) if id in HANDLERS else (BY_ITS_SCHEMA,)
    return sorted({operation.basis, *(each.kind for each in decided)}, key=KINDS.index)


def broken(call: Call, rule: str, why: str = "") -> ApiError:
    """Return the error for a call that breaks a rule about its parameters; `why` explains it further."""
    asked = call.operation
    told = f"{rule}; {why}" if why else rule
    return RULE_BROKEN(rule=rule, explain=f"{asked.id}: {told} ({asked.file} {asked.method} {asked.path})")
