"""Textures: maps for a 3D model, painted from a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from leomock.leonardo.basis import Chosen, Inferred, SameAs, based_on
from leomock.leonardo.catalogue.prices import price
from leomock.leonardo.errors import NO_MODEL_ASSET
from leomock.openapi.request_parser import Call
from leomock.operations.assets.resolver import cdn_path
from leomock.operations.handlers.generations import LARGEST_SEED
from leomock.operations.registry import operation
from leomock.state.clock import timestamp
from leomock.state.limits import MODELS_3D
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media.texture import TextureMap

Kind = Literal["ALBEDO", "NORMAL", "DISPLACEMENT", "ROUGHNESS"]
KINDS: tuple[Kind, ...] = ("ALBEDO", "NORMAL", "DISPLACEMENT", "ROUGHNESS")


@operation("createTextureGeneration", basis=[SameAs("code:price")])
def create_texture_generation(call: Call, world: World) -> Row:
    """Start the texturing of a 3D model."""
    model = world.models_3d.get(call["modelAssetId"].lower())
    if model is None or model["key"] not in world.bucket.objects:
        raise NO_MODEL_ASSET(
            explain="createTextureGeneration: modelAssetId is not the id of a 3D model of this API key whose "
            "file was uploaded (POST /models-3d/upload, then the form)"
        )
    credits = price("TEXTURE_GENERATION", {"preview": call["preview"]})
    row = {
        "id": world.ids.new(),
        "createdAt": timestamp(world.clock.now()),
        "prompt": call["prompt"],
        "negativePrompt": call["negative_prompt"] or "",
        "seed": world.random.randrange(LARGEST_SEED) if call["seed"] is None else call["seed"],
        "preview": call["preview"] or False,
        "model": model["id"],
        "credits": credits,
    }
    world.begin(world.textures, row, credits, MODELS_3D)
    return {"id": row["id"], **world.account.cost(credits)}


@operation("getTextureGenerationById", basis=[SameAs("code:World.read"), SameAs("code:_kinds")])
def get_texture_generation_by_id(call: Call, world: World) -> Row | None:
    """Return one texture generation, or null."""
    row = world.read(world.textures, call["id"])
    return None if row is None else _shown(row, call, world)


@operation(
    "getTextureGenerationsByModelId",
    basis=[
        Inferred("newest first, as clients treat other lists; a model that does not exist has none"),
        SameAs("code:_kinds"),
    ],
)
def get_texture_generations_by_model_id(call: Call, world: World) -> list[Row]:
    """Return a page of the texture generations of a 3D model, newest first."""
    of_model = [row["id"] for row in world.textures if row["model"] == call["modelId"]][::-1]
    asked = of_model[call["offset"] : call["offset"] + call["limit"]]
    rows = [world.read(world.textures, id) for id in asked]
    return [_shown(row, call, world) for row in rows if row]


@operation("deleteTextureGenerationById", basis=[SameAs("code:World.remove")])
def delete_texture_generation_by_id(call: Call, world: World) -> Row | None:
    """Delete a texture generation with its maps; null if it does not exist."""
    return world.remove(world.textures, call["id"])


@cdn_path("users/{user}/textures/{id}/{name}")
def texture_map(world: World, id: str, name: str) -> TextureMap | None:
    """Return one map of a finished texture generation."""
    from leomock.media.texture import TextureMap

    row = world.textures.get(id)
    if row is None or row["status"] != "COMPLETE":
        return None
    return next((TextureMap(row["prompt"], row["seed"], k) for k in _kinds(row) if name == f"{k}.png"), None)


@based_on(Chosen("the URL of a map: nobody has seen one"))
def _shown(row: Row, call: Call, world: World) -> Row:
    """Return a row as the API shows it: with maps once it is COMPLETE."""
    maps: list[Row] = []
    if row["status"] == "COMPLETE":
        folder = f"{call.addresses.cdn}/users/{world.user_id}/textures/{row['id']}"
        kinds = _kinds(row)
        ids = world.ids.parts(row["id"], len(kinds))
        maps = [
            {"id": id, "type": kind, "url": f"{folder}/{kind}.png"}
            for id, kind in zip(ids, kinds, strict=True)
        ]
    return {**row, "model_asset_texture_images": maps}


@based_on(
    Chosen(
        "a generation produces four of the five kinds that the SDK knows (the fifth is derived from these), "
        "a preview only the colours"
    )
)
def _kinds(row: Row) -> tuple[Kind, ...]:
    """Return the kinds of maps that a texture generation paints."""
    return KINDS[:1] if row["preview"] else KINDS
