"""Save a world as JSON values and restore it: for branches (try A, restore, try B) and `serve --state`."""

from __future__ import annotations

import base64
import hashlib
import re
from random import Random
from typing import Any

import orjson

from leomock.leonardo.errors import shown
from leomock.state.bucket.objects import StoredObject
from leomock.state.jobs import Job
from leomock.state.limits import QUEUES
from leomock.state.outbox import Event
from leomock.state.scenario import Outcome
from leomock.state.table import Row, Table, new_row
from leomock.state.world import World

VERSION = 1
_WHOLE = re.compile(rb"\.0(?=[,}\]])")


class SnapshotError(ValueError):
    """A snapshot that cannot be restored; the world is unchanged."""


def take(world: World) -> dict[str, Any]:
    """Return the state of a world as JSON values, without settings, credentials, webhook and scenarios.

    The checksum detects a damaged or edited snapshot before it can break the world.
    """
    with world.lock:
        snapshot = {
            "leomock": VERSION,
            "user_id": world.user_id,
            "clock": {"moment": world.clock.now(), "rate": world.clock.rate},
            "random": _random_out(world.random),
            "last_id_step": world.ids.last_step,
            "fixed_parts": world.ids.fixed_parts,
            "tables": {name: [row.copy() for row in table] for name, table in world.tables().items()},
            "jobs": world.jobs.as_json(),
            "account": world.account.as_json(),
            "scenarios": world.scenario_engine.as_json(),
            "events": world.outbox.to_json()["events"],
            "objects": {
                key: {
                    "body": base64.b64encode(stored.body).decode(),
                    "content_type": stored.content_type,
                    "etag": stored.etag,
                    "metadata": stored.metadata,
                    "modified": stored.modified,
                    "expires": stored.expires,
                    "headers": stored.headers,
                }
                for key, stored in world.bucket.objects.items()
            },
        }
        return {**snapshot, "checksum": _checksum(snapshot)}


def restore(world: World, snapshot: Any) -> None:
    """Restore a world from a snapshot; raises SnapshotError and then changes nothing."""
    if not isinstance(snapshot, dict) or snapshot.get("leomock") != VERSION:
        raise SnapshotError(f"not a snapshot of leomock (version {VERSION})")
    if snapshot.get("user_id") != world.user_id:
        raise SnapshotError(
            "the snapshot belongs to another API key or seed: its user is "
            f"{shown(snapshot.get('user_id'))}, this world's is {shown(world.user_id)}; restore it to the "
            "account that took it, or declare with `has` what an account has from the start"
        )
    if snapshot.get("checksum") != _checksum(snapshot):
        raise SnapshotError("the snapshot was damaged or edited: its checksum does not match")
    try:
        tables = {name: _table(name, snapshot["tables"][name]) for name in world.tables()}
        rows = {str(row["id"]): row for table in tables.values() for row in table}
        objects = {key: _object(entry) for key, entry in snapshot["objects"].items()}
        random = _random_in(snapshot["random"])
        clock = snapshot["clock"]
        events = [Event.from_json(entry) for entry in snapshot["events"]]
        jobs = [_job(entry, rows) for entry in snapshot["jobs"]]
        account = {name: float(value) for name, value in snapshot["account"].items()}
        # Snapshots of earlier versions have no such ids.
        fixed_parts = {
            str(whole): [str(part) for part in parts]
            for whole, parts in snapshot.get("fixed_parts", {}).items()
        }
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SnapshotError(f"the snapshot cannot be read: {type(error).__name__}: {error}") from None
    _check_size(objects, world)
    with world.lock:
        playing = world.scenario_engine.scenarios
        world.reset()
        world.scenario_engine.play(playing)
        world.clock.set(clock["moment"])
        if world.clock.rate != clock["rate"]:
            world.clock.run(clock["rate"])
        world.random.setstate(random.getstate())
        world.ids.last_step = snapshot["last_id_step"]
        world.ids.fixed_parts = fixed_parts
        for name, table in tables.items():
            setattr(world, name, table)
        for job in jobs:
            world.jobs.resume(job)
        world.account.resume(account)
        world.bucket.objects.update(objects)
        world.scenario_engine.resume(snapshot["scenarios"])
        world.outbox.resume(events)


def _check_size(objects: dict[str, StoredObject], world: World) -> None:
    """Raise SnapshotError if there is no room for the files of a snapshot."""
    size = sum(len(stored.body) for stored in objects.values())
    if objects and size > (left := max(0, world.bucket.most)):
        raise SnapshotError(
            f"the files of the snapshot take {size} bytes, and {left} are left for this key "
            "(leomock serve --max-stored and --max-stored-all change the limits)"
        )


def _checksum(snapshot: dict[str, Any]) -> str:
    """Return a digest of everything else; writing a snapshot as JSON and reading it does not change it."""
    rest = {name: value for name, value in snapshot.items() if name != "checksum"}
    try:
        text = orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # too deep, or a number too large: not taken from a world
        return ""
    # Other languages write 30.0 as 30.
    return hashlib.blake2b(_WHOLE.sub(b"", text), digest_size=16).hexdigest()


def _random_out(random: Random) -> list[Any]:
    version, state, gauss = random.getstate()
    return [version, list(state), gauss]


def _random_in(state: Any) -> Random:
    random = Random()
    random.setstate((state[0], tuple(state[1]), state[2]))
    return random


def _table(kind: str, rows: Any) -> Table:
    table = Table()
    for row in rows:
        if not isinstance(row["id"], str | int):
            raise TypeError("a row without an id")
        table.add(new_row(kind, row))
    return table


def _object(entry: Any) -> StoredObject:
    return StoredObject(
        base64.b64decode(entry["body"], validate=True),
        str(entry["content_type"]),
        str(entry["etag"]),
        {str(name): str(value) for name, value in entry["metadata"].items()},
        float(entry["modified"]),
        None if entry["expires"] is None else float(entry["expires"]),
        {str(name): str(value) for name, value in entry["headers"].items()},
    )


def _job(entry: Any, rows: dict[str, Row]) -> Job:
    row = rows.get(entry["id"])
    if row is None:
        raise KeyError(f"job {entry['id']} has no row")
    nsfw, no_url = (
        indexes if (indexes := entry.get(name, ())) == "all" else tuple(indexes)
        for name in ("nsfw", "no_url")
    )
    outcome = Outcome(entry["status"], entry["images"], nsfw, no_url)
    due, reads = entry["due"], entry["reads_left"]
    return Job(
        row,
        outcome,
        QUEUES[entry["queue"]],
        int(entry["price"]),
        float(entry["begins"]),
        None if due is None else float(due),
        None if reads is None else int(reads),
        str(entry["rules"]),
    )
