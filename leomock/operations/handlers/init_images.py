"""Init images: images that a client uploads through a presigned form."""

from __future__ import annotations

from leomock.leonardo.basis import Chosen, Observed, SameAs, based_on
from leomock.openapi.request_parser import Call
from leomock.operations.assets.drawing import keep_for_results
from leomock.operations.assets.upload_forms import CONTENT_TYPES, presigned
from leomock.operations.registry import operation
from leomock.state.clock import timestamp
from leomock.state.table import Row
from leomock.state.world import World


@operation("uploadInitImage", basis=[SameAs("code:presigned")])
def upload_init_image(call: Call, world: World) -> Row:
    """Presign a form for one image; `fields` is a JSON string, as on the wire."""
    id, fields, key, url = _upload(call, world, call["extension"])
    return {"id": id, "fields": fields, "key": key, "url": url}


@operation("uploadCanvasInitImage", basis=[SameAs("code:presigned")])
def upload_canvas_init_image(call: Call, world: World) -> Row:
    """Presign two forms, for an image and its mask; the response has the mask's names in both spellings."""
    id, fields, key, url = _upload(call, world, call["initExtension"])
    answer = {"initImageId": id, "initFields": fields, "initKey": key, "initUrl": url}
    id, fields, key, url = _upload(call, world, call["maskExtension"])
    for mask in ("mask", "masks"):
        answer |= {f"{mask}ImageId": id, f"{mask}Fields": fields, f"{mask}Key": key, f"{mask}Url": url}
    return answer


@operation(
    "getInitImageById",
    basis=[
        Chosen("the URL is returned before anything is uploaded, and responds with 403 until then"),
        SameAs("code:World.read"),
    ],
)
def get_init_image_by_id(call: Call, world: World) -> Row | None:
    """Return one init image, or null; its URL works once the file was uploaded."""
    row = world.init_images.get(call["id"])
    return None if row is None else {**row, "url": f"{call.addresses.cdn}/{row['key']}"}


@operation("deleteInitImageById", basis=[SameAs("code:World.remove"), SameAs("code:keep_for_results")])
def delete_init_image_by_id(call: Call, world: World) -> Row | None:
    """Delete an init image with its file; null if it does not exist."""
    keep_for_results(world, call["id"])
    return world.remove(world.init_images, call["id"])


@based_on(Observed("the key contains the ids of the user and the image"))
def _upload(call: Call, world: World, extension: str) -> tuple[str, str, str, str]:
    """Add an init image and presign its form: id, fields, key and address."""
    id = world.ids.new()
    key = f"users/{world.user_id}/initImages/{id}.{extension}"
    world.init_images.add({"id": id, "createdAt": timestamp(world.clock.now()), "key": key})
    fields, url = presigned(call, world, key, CONTENT_TYPES[extension])
    return id, fields, key, url
