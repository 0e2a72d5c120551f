"""The images, videos and sounds that a version 2 call refers to."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from leomock.leonardo.basis import Chosen, Inferred, based_on
from leomock.leonardo.errors import ApiError, invalid, shown
from leomock.openapi.request_parser import Call
from leomock.operations.assets.lookup import find_generated, find_uploaded, find_variation
from leomock.operations.assets.resolver import render_cached, resolve_for
from leomock.operations.assets.upload_content import note_content
from leomock.state.bucket.objects import StoredObject
from leomock.state.remarks import GENERATED_IMAGE, NEVER_UPLOADED
from leomock.state.table import Row
from leomock.state.world import World

Given = Mapping[str, Any]
# By the type of an id: how to find the file, and how a row names its source.
_Find = Callable[[World, str], object]
_SOURCES: dict[str, tuple[_Find, str]] = {
    "GENERATED": (find_generated, "init_generation_image_id"),
    "UPLOADED": (find_uploaded, "init_image_id"),
    "VARIATION": (find_variation, "init_variation_id"),
}
# Older names of two types, which some guides list next to the newer ones.
_OLDER = {"INIT": "UPLOADED", "GENERATION": "GENERATED"}
# The guidances that are visible in a result, most visible first.
_SHOWN = ("start_frame", "image_reference", "image_to_image", "content", "style")
_IMAGE_IDS = (
    "GENERATED: generated_images[].id, UPLOADED: the id from POST /init-image, VARIATION: a variation's id"
)


class Reference(NamedTuple):
    """A file that a call names: `name` is its position in the call, `file` identifies the file."""

    name: str
    medium: str
    file: Given
    strength: str

    @property
    def kind(self) -> str:
        """Return the type of the reference by its newer name."""
        kind = str(self.file["type"])
        return _OLDER.get(kind, kind)

    def check(self, call: Call, world: World) -> None:
        """Raise the version 2 error if the file does not exist or has the wrong type."""
        field = {"URL": "url", "BASE64": "data"}.get(self.kind, "id")
        value = self.file.get(field)
        if not isinstance(value, str):
            raise self._wrong(call, f"{self.name}.{field} is required", f"the type is {self.kind}")
        if self.kind == "BASE64" and decoded(value) is None:
            raise self._wrong(call, f"{self.name}.data must be base64", "a data URL works as well")
        if self.kind in _SOURCES:
            _FINDERS[self.medium](self, call, world, value)

    def image(self, call: Call, world: World, id: str) -> None:
        """Check an image by its id."""
        if not _SOURCES[self.kind][0](world, id):
            why = self._why_no_image(world, id)
            raise self._missing(call, "an image", id, f"{why} ({_IMAGE_IDS})")
        row = world.init_images.get(id.lower()) if self.kind == "UPLOADED" else None
        if row and (stored := find_uploaded(world, id)):
            note_content(world, stored, row["key"], f"{self.name}.id")

    def _why_no_image(self, world: World, id: str) -> str:
        if self.kind == "UPLOADED" and world.init_images.get(id.lower()):
            return NEVER_UPLOADED
        if self.kind == "UPLOADED" and find_generated(world, id):
            return f"it {GENERATED_IMAGE}"
        return f"{self.kind} finds no finished picture of this API key"

    def video(self, call: Call, world: World, id: str) -> None:
        """Check a video by its id: an upload, or a generated image that has a video."""
        if self.kind == "UPLOADED":
            self._upload(call, world, id, "a video", ("mp4", "mov"))
        elif not (found := find_generated(world, id)) or "seconds" not in found[0]:
            why = "GENERATED takes the id of the generated image whose motionMP4URL is the video"
            raise self._missing(call, "a video", id, why)

    def audio(self, call: Call, world: World, id: str) -> None:
        """Check a sound by its id: uploaded or generated."""
        if self.kind == "UPLOADED":
            self._upload(call, world, id, "a sound", ("mp3", "wav"))
        elif not (found := find_generated(world, id)) or "sound" not in found[0]:
            raise self._missing(call, "a sound", id, "GENERATED takes the id of a generated sound")

    def _upload(self, call: Call, world: World, id: str, what: str, extensions: tuple[str, ...]) -> None:
        row = world.media.get(id.lower())
        if row is None or row["extension"] not in extensions:
            why = f"UPLOADED takes the uploadId of POST /media with an extension of {', '.join(extensions)}"
            raise self._missing(call, what, id, why)
        if row["key"] not in world.bucket.objects:
            why = "the form was presigned, but no file was posted to it yet"
            raise self._missing(call, what, id, why)

    def _missing(self, call: Call, what: str, id: str, why: str) -> ApiError:
        return self._wrong(call, f"{self.name}.id is not the id of {what}", f"{shown(id)}: {why}")

    def _wrong(self, call: Call, message: str, why: str) -> ApiError:
        return invalid([message], f"{call.operation.id}: {message}; {why}")

    def fields(self) -> Row:
        """Return the fields that a row stores about the reference; none for a file sent with the call."""
        named = _SOURCES.get(self.kind)
        return {named[1]: self.file["id"].lower()} if named else {}

    def content(self, world: World, cdn: str) -> bytes | None:
        """Return the bytes of an image that was sent with the call or has a URL of this fake."""
        if self.kind == "BASE64":
            return decoded(self.file["data"])
        if self.kind != "URL":
            return None
        if self.file["url"].startswith("data:"):
            return decoded(self.file["url"])
        if not self.file["url"].startswith(f"{cdn}/"):
            return None
        found = resolve_for(world, self.file["url"].removeprefix(f"{cdn}/").partition("?")[0])
        if isinstance(found, StoredObject):
            return found.body
        return (
            render_cached(found, world.user_id) if found and found.media_type.startswith("image/") else None
        )


_FINDERS: dict[str, Callable[[Reference, Call, World, str], None]] = {
    "image": Reference.image,
    "video": Reference.video,
    "audio": Reference.audio,
}


def decoded(text: str) -> bytes | None:
    """Return the bytes of base64 or of a data URL; None if the text is neither."""
    try:
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except ValueError:  # also raised for text that is not ASCII
        return None


@based_on(
    Inferred("the types INIT and GENERATION in some guides are older names of UPLOADED and GENERATED"),
    Chosen("entries of the usual form are looked up even in groups that the model does not list"),
)
def references(given: Given) -> Iterator[Reference]:
    """Yield the files that the parameters name, in guidances and in the older frame parameters."""
    guidances = given.get("guidances")
    for group, entries in guidances.items() if isinstance(guidances, Mapping) else ():
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            for medium in _FINDERS:
                file = entry.get(medium) if isinstance(entry, Mapping) else None
                if isinstance(file, Mapping) and isinstance(file.get("type"), str):
                    name = f"parameters.guidances.{group}.{number}.{medium}"
                    yield Reference(name, medium, file, str(entry.get("strength")))
    for name in ("start_frame", "end_frame"):
        frame = given.get(name)
        if isinstance(frame, Mapping) and isinstance(frame.get("type"), str):
            yield Reference(f"parameters.{name}", "image", frame, "")


def shown_reference(given: Given) -> Reference | None:
    """Return the image that results show: the first one of the most visible guidance."""
    guidances = given.get("guidances")
    for group in _SHOWN:
        entries = guidances.get(group) if isinstance(guidances, Mapping) else None
        for reference in references({"guidances": {group: entries}}):
            if reference.medium == "image":
                return reference
    return next((found for found in references({"start_frame": given.get("start_frame")})), None)
