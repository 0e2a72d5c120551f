"""Offer the API as one capability without a file: every operation of every version as a tool.

Names, descriptions and hints are by the conventions of the published files (`export`).
"""

from __future__ import annotations

from collections.abc import Mapping

from leomock.interop.capability.export import KEY, PROVIDER, hints, inputs, kebab, tool_name
from leomock.interop.capability.model import Adapter, Capability, Input, Offer, Operation, Upstream
from leomock.openapi.operations import Operation as Documented
from leomock.openapi.spec import Versions

NAME = "leonardo-ai"
# Sets of groups and operations that belong to one kind of task.
TASKS: Mapping[str, tuple[str, ...]] = {
    "basic": ("generations", "getUserSelf", "listPlatformModels"),
    "images": ("generations", "variations", "init_images", "getUserSelf", "listPlatformModels"),
    "tasks": ("generations", "variations", "init_images", "getUserSelf", "listPlatformModels"),
    "video": ("videos", "video_upscale", "getGenerationById", "getUserSelf"),
}
# These are POST, but they only compute and do not change anything.
_READ_ONLY = frozenset({"pricingCalculator"})
# These cost credits, although their answers have no `apiCreditCost`.
_COSTLY = frozenset({"executeBlueprint", "createGenerationSyncV2"})


def whole(versions: Versions, group: str = "", read_only: bool = False) -> Capability:
    """Return all operations of the documents behind one MCP adapter, or those of a group or task.

    Each version is an upstream, since each has a separate address. With `read_only`, only operations that
    do not change anything.
    """
    wanted = TASKS.get(group, (group,)) if group else ()
    upstreams: list[Upstream] = []
    offers: list[Offer] = []
    for name, spec in versions.items():
        upstream = Upstream(f"{NAME}-{name}", spec.effective["servers"][0]["url"], KEY)
        if found := [
            each
            for each in spec.operations.values()
            if (not wanted or each.group in wanted or each.id in wanted)
            and not (read_only and not _hints(each)["readOnly"])
        ]:
            upstreams.append(upstream)
            offers += (_offer(upstream, each) for each in found)
    label = f"{PROVIDER} API"
    adapter = Adapter("mcp", NAME, 0, f"{label} as tools, one for each operation.", tuple(offers))
    return Capability(
        label, adapter.description, tuple(upstreams), tuple(each.operation for each in offers), (adapter,)
    )


def groups(versions: Versions) -> list[str]:
    """Return the names that `whole` takes as a group."""
    return [*TASKS, *dict.fromkeys(each.group for each in versions.operations.values())]


def _hints(documented: Documented) -> dict[str, bool]:
    if documented.id in _READ_ONLY:
        return {"readOnly": True, "destructive": False, "idempotent": True}
    return hints(documented.method)


def _description(documented: Documented) -> str:
    """Return the description of an operation, with a note if it costs credits."""
    text: str = documented.entry["description"]
    if documented.method != "POST" or documented.id in _READ_ONLY:
        return text
    costs = documented.id in _COSTLY or "apiCreditCost" in str(documented.answer_schema)
    return f"{text} Costs credits." if costs else text


def _offer(upstream: Upstream, documented: Documented) -> Offer:
    name = kebab(documented.id)
    operation = Operation(
        f"{upstream.namespace}.{name}",
        upstream,
        documented.method,
        documented.path,
        _description(documented),
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
        hints=_hints(documented),
    )
