"""Media: videos and sounds that a client uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leomock.leonardo.basis import Chosen, SameAs
from leomock.openapi.request_parser import Call
from leomock.operations.assets.resolver import cdn_path
from leomock.operations.assets.upload_forms import CONTENT_TYPES, presigned
from leomock.operations.registry import broken, operation
from leomock.state.clock import timestamp
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media.image import Picture

SOUNDS = ("mp3", "wav")


@operation("uploadMedia", basis=[Chosen("the key of a file: nobody has seen one"), SameAs("code:presigned")])
def upload_media(call: Call, world: World) -> Row:
    """Presign a form for one video or sound."""
    extension: str = call["extension"]
    if extension in SOUNDS and not call["originalFilename"]:
        raise broken(call, f"originalFilename is required for audio ({', '.join(SOUNDS)})")
    id = world.ids.new()
    key = f"users/{world.user_id}/media/{id}.{extension}"
    fields, url = presigned(call, world, key, CONTENT_TYPES[extension])
    world.media.add({"id": id, "createdAt": timestamp(world.clock.now()), "extension": extension, "key": key})
    return {"uploadId": id, "fields": fields, "url": url}


@operation(
    "getUploadedMediaById",
    basis=[
        Chosen(
            "PENDING until the file arrives, then COMPLETE with facts read from the file, or FAILED with a "
            "reason if it is not a file of its kind: only the names of the fields are known"
        ),
        Chosen("a video has a picture as its thumbnail, a sound has none"),
        SameAs("code:World.read"),
    ],
)
def get_uploaded_media_by_id(call: Call, world: World) -> Row | None:
    """Return one upload, or null."""
    row = world.media.get(call["id"])
    if row is None:
        return None
    is_film = row["extension"] not in SOUNDS
    shown = {**row, "mediaType": "VIDEO" if is_film else "AUDIO", "status": "PENDING"}
    shown["url"] = f"{call.addresses.cdn}/{row['key']}"
    stored = world.bucket.objects.get(row["key"])
    if stored is None:
        return shown
    from leomock.media.metadata import facts_of

    facts = facts_of(stored.body, row["extension"])
    if facts is None:
        return {**shown, "status": "FAILED", "statusReason": f"not a readable {row['extension']} file"}
    if is_film:
        shown["thumbnailUrl"] = f"{call.addresses.cdn}/users/{world.user_id}/media/{row['id']}/thumbnail.jpg"
    return {
        **shown,
        "status": "COMPLETE",
        "duration": facts.duration,
        "width": facts.width,
        "height": facts.height,
        "video_fps": facts.frames_per_second,
    }


@operation("deleteUploadedMediaById", basis=[SameAs("code:World.remove")])
def delete_uploaded_media_by_id(call: Call, world: World) -> Row | None:
    """Delete an upload with its file; null if it does not exist."""
    return world.remove(world.media, call["id"])


@cdn_path("users/{user}/media/{id}/thumbnail.jpg")
def thumbnail(world: World, id: str) -> Picture | None:
    """Return an image that represents an uploaded video; the video itself is not read."""
    from leomock.media.image import Picture

    row = world.media.get(id)
    if row is None or row["key"] not in world.bucket.objects:
        return None
    return Picture(f"uploaded {row['extension']}", int(id[:8], 16), 0, 640, 360, label="thumbnail")
