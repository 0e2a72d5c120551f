"""Explain why the API answered null for an id."""

from __future__ import annotations

from leomock.leonardo.uuids import is_uuid
from leomock.openapi.operations import Operation
from leomock.operations.assets.lookup import find_generated
from leomock.state.redaction import shortened
from leomock.state.world import World
from leomock.state.worlds import Worlds

# Searching takes about 2 µs for each key; a client may poll a missing id.
MOST_KEYS_SEARCHED = 1000


def explain_missing(operation: Operation, id: str, world: World, worlds: Worlds) -> str:
    """Explain why an operation has no row for an id: deleted, another key's, or never made."""
    kind = _kind(operation)
    return f"unknown {kind} for this key: {_reason(id.lower(), world, worlds)}"


def _reason(id: str, world: World, worlds: Worlds) -> str:
    deletion = world.journal.newest("DELETE", f"/{id}", lambda body: b":null}" not in body)
    if deletion:
        return f"deleted in #{deletion}"
    for name, table in world.tables().items():
        if table.get(id):
            return f"the id is that of a row in {name}"
    if is_uuid(id) and (found := find_generated(world, id)):
        row, index = found
        return f"the id is that of picture {index} of generation {row['id']}"
    # With open keys one person may use every key; otherwise do not reveal other keys.
    if worlds.settings.auth == "open":
        for other, _ in zip(worlds, range(MOST_KEYS_SEARCHED), strict=False):
            if other is not world and any(table.get(id) for table in other.tables().values()):
                return f"made by another key, {shortened(other.key)}"
    return "never made"


def _kind(operation: Operation) -> str:
    """Return the noun for an operation's path: `generation` for `/generations/{id}`."""
    before = operation.path.partition("/{")[0].rpartition("/")[2]
    return before.removesuffix("s").replace("-", " ")
