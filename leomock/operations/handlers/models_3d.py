"""3D models: meshes that a client uploads for texturing."""

from __future__ import annotations

from leomock.leonardo.basis import Chosen, SameAs
from leomock.openapi.request_parser import Call
from leomock.operations.assets.upload_forms import CONTENT_TYPES, presigned
from leomock.operations.registry import operation
from leomock.state.clock import timestamp
from leomock.state.table import Row
from leomock.state.world import World


@operation(
    "uploadModelAsset",
    basis=[
        Chosen("the key of a mesh, and the generic binary content type if it is neither GLB nor OBJ"),
        SameAs("code:presigned"),
    ],
)
def upload_model_asset(call: Call, world: World) -> Row:
    """Presign a form for one mesh."""
    id, extension = world.ids.new(), call["modelExtension"].lower()
    key = f"users/{world.user_id}/models3D/{id}/mesh.{extension}"
    now = timestamp(world.clock.now())
    fields, url = presigned(call, world, key, CONTENT_TYPES.get(extension, "application/octet-stream"))
    world.models_3d.add({"id": id, "createdAt": now, "updatedAt": now, "name": call["name"], "key": key})
    return {"modelId": id, "modelFields": fields, "modelKey": key, "modelUrl": url}


@operation("get3DModelById", basis=[SameAs("code:World.read"), SameAs("operation:getInitImageById")])
def get_3d_model_by_id(call: Call, world: World) -> Row | None:
    """Return one 3D model, or null; its URL works once the file was uploaded."""
    row = world.models_3d.get(call["id"])
    return None if row is None else _shown(row, call, world)


@operation("get3DModelsByUserId", basis=[SameAs("code:World.page")])
def get_3d_models_by_user_id(call: Call, world: World) -> list[Row]:
    """Return a page of the user's 3D models, newest first; another user's are not visible."""
    rows = world.page(world.models_3d, call["userId"], call["offset"], call["limit"])
    return [_shown(row, call, world) for row in rows]


@operation(
    "delete3DModelById",
    basis=[Chosen("the textures of a model are deleted with it"), SameAs("code:World.remove")],
)
def delete_3d_model_by_id(call: Call, world: World) -> Row | None:
    """Delete a 3D model with its file and its textures; null if it does not exist."""
    for texture in [row for row in world.textures if row["model"] == call["id"]]:
        world.remove(world.textures, texture["id"])
    return world.remove(world.models_3d, call["id"])


def _shown(row: Row, call: Call, world: World) -> Row:
    return {**row, "userId": world.user_id, "meshUrl": f"{call.addresses.cdn}/{row['key']}"}
