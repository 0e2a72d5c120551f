"""The API as one capability that needs no file: every operation of every version as a tool.

Names, descriptions and hints are by the conventions of the published files (`export`).
"""

from __future__ import annotations

from leomock.interop.capability.export import KEY, PROVIDER, hints, inputs, kebab, tool_name
from leomock.interop.capability.files import Adapter, Capability, Input, Offer, Operation, Upstream
from leomock.openapi.operations import Operation as Documented
from leomock.openapi.spec import Versions

NAME = "leonardo-ai"


def whole(versions: Versions, group: str = "") -> Capability:
    """All operations of the documents, or those of one group, behind one MCP adapter.

    Each version is an upstream, since each has an address of its own.
    """
    upstreams: list[Upstream] = []
    offers: list[Offer] = []
    for name, spec in versions.items():
        upstream = Upstream(f"{NAME}-{name}", spec.effective["servers"][0]["url"], KEY)
        if found := [each for each in spec.operations.values() if not group or each.group == group]:
            upstreams.append(upstream)
            offers += (_offer(upstream, each) for each in found)
    label = f"{PROVIDER} API"
    adapter = Adapter("mcp", NAME, 0, f"{label} as tools, one for each operation.", tuple(offers))
    return Capability(
        label, adapter.description, tuple(upstreams), tuple(each.operation for each in offers), (adapter,)
    )


def _offer(upstream: Upstream, documented: Documented) -> Offer:
    name = kebab(documented.id)
    operation = Operation(
        f"{upstream.namespace}.{name}",
        upstream,
        documented.method,
        documented.path,
        documented.entry["description"],
        tuple(Input(*each.values()) for each in inputs(documented.entry, documented.resolved)),
    )
    return Offer(
        name=tool_name(name),
        label=documented.entry["summary"],
        description=operation.description,
        operation=operation,
        inputs=operation.inputs,
        takes={each.name: each.name for each in operation.inputs},
        fixed={},
        mapping=None,
        hints=hints(documented.method),
    )
