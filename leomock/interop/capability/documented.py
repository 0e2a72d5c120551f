"""Match the operations of a capability with those of our documents."""

from __future__ import annotations

from leomock.interop.capability.model import Operation
from leomock.leonardo.errors import ApiError
from leomock.openapi.operations import Operation as Documented
from leomock.openapi.spec import Versions, version_of


def documented(versions: Versions, operation: Operation) -> Documented | None:
    """Return the operation of the same version with the same method and path, if any."""
    if not operation.path:
        return None  # several calls, or none
    spec = versions[version_of(operation.upstream.base_uri)]
    try:
        found, _ = spec.route(operation.method, operation.path.strip("/").split("/"))
    except ApiError:
        return None
    return found
