"""Presigned forms: how a client uploads a file into the bucket."""

from __future__ import annotations

import json

from leomock.leonardo.basis import Chosen, Inferred, based_on
from leomock.openapi.request_parser import Call
from leomock.state.world import World

# A form is valid for two minutes (documented).
FORM_SECONDS = 120
CONTENT_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "glb": "model/gltf-binary",
    "obj": "model/obj",
}


@based_on(
    Inferred("the fields are those that the AWS SDK presigns"),
    Chosen("the form allows uploads up to `--max-upload`; the real limit is not known"),
)
def presigned(call: Call, world: World, key: str, content_type: str) -> tuple[str, str]:
    """Return the fields (a JSON string, as on the wire) and the URL of the form for one file."""
    form = world.bucket.presign(
        key, content_type=content_type, seconds=FORM_SECONDS, max_bytes=world.settings.max_upload
    )
    return json.dumps(form, separators=(",", ":")), f"{call.addresses.uploads}/{world.bucket.name}/"
