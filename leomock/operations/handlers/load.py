"""Import every handler module and return the registered handlers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from leomock.leonardo.basis import require_basis
from leomock.openapi.documents import SpecError
from leomock.openapi.operations import Operation
from leomock.openapi.suggest import suggestion
from leomock.operations.registry import HANDLERS, Handler, decision_name


def load(operations: Mapping[str, Operation]) -> dict[str, Handler]:
    """Import every handler module and return the handlers by operation id.

    Raises SpecError if a handler names an operation that no document has, or a basis that is not recorded.
    """
    resources = import_module("leomock.operations.handlers")
    for module in sorted(Path(resources.__path__[0]).glob("[a-z]*.py")):
        import_module(f"{resources.__name__}.{module.stem}")
    for id, handler in HANDLERS.items():
        if id not in operations:
            raise SpecError(
                f'{handler.__module__}: @operation("{id}") is in no document{suggestion(id, operations)}'
            )
        try:
            require_basis(decision_name(id))
        except ValueError as error:
            raise SpecError(f'{handler.__module__}: @operation("{id}"): {error}') from None
    return HANDLERS
