"""Map CDN keys to the files behind them: generated results and uploads."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from leomock.leonardo.basis import Chosen, based_on
from leomock.media import Renderable
from leomock.state.bucket.objects import StoredObject
from leomock.state.render_cache import RENDERED
from leomock.state.world import World
from leomock.state.worlds import Worlds

Found = Renderable | StoredObject | None
# Takes the world of the key's user, and the path segments that the pattern names.
Finder = Callable[..., Found]

_FINDERS: dict[re.Pattern[str], Finder] = {}
_STEP = re.compile(r"\{(\w+)\}")
OWNER = re.compile(r"users/([^/]+)/")


def cdn_path(pattern: str) -> Callable[[Finder], Finder]:
    """Register the finder for keys like `users/{user}/generations/{id}/{name}`.

    The finder is called with the user's world and with the segments below `{user}` by name; if the pattern
    has no user, with the segments only.
    """

    def register(finder: Finder) -> Finder:
        _FINDERS[re.compile(_STEP.sub(r"(?P<\1>[^/]+)", pattern), re.ASCII)] = finder
        return finder

    return register


def resolve(worlds: Worlds, key: str) -> Found:
    """Return the result to render or the uploaded file at a key, or None."""
    finder, steps = _finder(key)
    if finder and "user" not in steps:
        return finder(**steps)
    owner = OWNER.match(key)
    world = worlds.of_user(owner[1]) if owner else None
    if world is None:
        return None
    with world.lock:
        world.settle()
        return resolve_for(world, key)


def resolve_for(world: World, key: str) -> Found:
    """Return the result or file at a key of this world's user, or None."""
    if stored := world.bucket.objects.get(key):
        if stored.expires is None or world.clock.now() < stored.expires:
            return stored
        del world.bucket.objects[key]
    finder, steps = _finder(key)
    return finder(world, **steps) if finder and steps.pop("user", "") == world.user_id else None


@based_on(Chosen("a result was last modified when its job was created"))
def modified_at(worlds: Worlds, key: str) -> float | None:
    """Return when the file at a key was made, in seconds since 1970, or None if no row says so."""
    owner = OWNER.match(key)
    world = worlds.of_user(owner[1]) if owner else None
    if world is None:
        return None
    with world.lock:
        for step in key.split("/")[2:]:
            for table in world.tables().values():
                row = table.get(step)
                if row is not None and isinstance(made := row.get("createdAt"), str):
                    return datetime.fromisoformat(made).replace(tzinfo=UTC).timestamp()
    return None


def _finder(key: str) -> tuple[Finder | None, dict[str, str]]:
    for pattern, finder in _FINDERS.items():
        if found := pattern.fullmatch(key):
            return finder, found.groupdict()
    return None, {}


def render_cached(result: Renderable, owner: str = "") -> bytes:
    """Return the bytes of a result, cached for a while because clients repeat requests (HEAD, Range, ETag).

    `owner` is the id of the user whose reset drops them.
    """
    return RENDERED.render(result, result.render, owner)


class Cached(NamedTuple):
    """A result whose bytes come from the cache if present; `owner` as in `render_cached`."""

    result: Renderable
    owner: str

    @property
    def media_type(self) -> str:
        """Return the media type of the file."""
        return self.result.media_type

    def render(self) -> bytes:
        """Return the bytes of the result."""
        return render_cached(self.result, self.owner)
