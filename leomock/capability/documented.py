"""Which operation of our documents an operation of a capability is."""

from __future__ import annotations

from leomock.capability.files import Operation
from leomock.errors import ApiError
from leomock.spec.compile import Operation as Documented
from leomock.spec.compile import Spec


def documented(spec: Spec, operation: Operation) -> Documented | None:
    """The operation that has the same method and path, if there is one."""
    try:
        found, _ = spec.route(operation.method, operation.path.strip("/").split("/"))
    except ApiError:
        return None
    return found
