"""Generations and uploads for the gallery, and their thumbnails."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from mimetypes import guess_type
from typing import TYPE_CHECKING, Any

from leomock.operations.assets.keys import picture_keys, video_keys
from leomock.operations.assets.resolver import render_cached, resolve_for
from leomock.operations.offered import offered
from leomock.state.bucket.objects import StoredObject
from leomock.state.clock import timestamp
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media import Renderable

# Thumbnails are at most this many pixels a side.
THUMBNAIL = 192
MOST_ROWS = 60


def generations(world: World, limit: int = MOST_ROWS) -> list[dict[str, Any]]:
    """Return the newest generations of a tenant, newest first."""
    return [_generation(world, row) for row in world.generations.page(0, limit)]


def _generation(world: World, row: Row) -> dict[str, Any]:
    model = offered(world).models.get(row.get("modelId") or "")
    complete = row["status"] == "COMPLETE"
    pictures = picture_keys(row, world.user_id) if complete else []
    videos = video_keys(row, world.user_id) if complete else []
    return {
        "tenant": world.user_id,
        "id": row["id"],
        "created": row.get("createdAt"),
        "status": row["status"],
        "waits": world.jobs.waits_for(row),
        "prompt": row.get("prompt") or "",
        "model": model.name if model else row.get("modelId") or row.get("model") or "",
        "width": row.get("imageWidth"),
        "height": row.get("imageHeight"),
        "seed": row.get("seed"),
        "price": row.get("apiCreditCost"),
        "files": [_file(key) for key in videos or pictures],
    }


def uploads(world: World, limit: int = MOST_ROWS) -> list[dict[str, Any]]:
    """Return the files in a tenant's bucket, newest first."""
    newest = islice(reversed(list(world.bucket.objects.items())), limit)
    return [
        {
            "tenant": world.user_id,
            "created": timestamp(stored.modified) if getattr(stored, "modified", None) else None,
            "size": len(stored.body),
            **_file(key),
            "type": stored.content_type,
        }
        for key, stored in newest
    ]


def _file(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "name": key.rpartition("/")[2],
        "type": guess_type(key)[0] or "application/octet-stream",
    }


def thumbnail(world: World, key: str) -> bytes | None:
    """Return a small JPEG of the file at a key, or None if it is not an image. Thread-safe."""
    with world.lock:
        found = resolve_for(world, key)
    if isinstance(found, StoredObject):
        return _stored_thumbnail(found.body)
    return _rendered_thumbnail(found, world.user_id) if found else None


@lru_cache(maxsize=256)
def _rendered_thumbnail(result: Renderable, owner: str) -> bytes | None:
    still = getattr(result, "still", result)  # a video's thumbnail is its first frame
    if not still.media_type.startswith("image/"):
        return None
    return _small(render_cached(still, owner))


@lru_cache(maxsize=64)
def _stored_thumbnail(content: bytes) -> bytes | None:
    return _small(content)


def _small(content: bytes) -> bytes | None:
    from leomock.media.preview import preview  # Pillow is loaded when the first image is drawn

    return preview(content, THUMBNAIL)
