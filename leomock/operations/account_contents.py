"""Put into a new world what the setting `has` says that its account already has."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from leomock.leonardo.basis import Chosen, Observed, based_on
from leomock.operations.assets.keys import picture_keys
from leomock.operations.handlers.generations import DEFAULT_SD_VERSION, generation_row
from leomock.operations.offered import offered
from leomock.state.clock import timestamp
from leomock.state.ids import stable
from leomock.state.world import World

Entry = Mapping[str, Any]
_MEDIA_TYPES = {"png": "image/png", "webp": "image/webp"}


@based_on(
    Observed(
        "programs contain ids of elements, models, datasets and pictures made in the web app (five programs)"
    ),
    Chosen(
        "everything that the file leaves out; a picture without a file is drawn, an upload without one "
        "is grey"
    ),
)
def furnish(world: World, contents: Mapping[str, list[Entry]], folder: Path) -> None:
    """Add the contents to a world: they are finished, cost nothing and are not in the journal."""
    for kind, add in _KINDS.items():
        for entry in contents.get(kind, ()):
            add(world, entry, folder)


def _element(world: World, entry: Entry, folder: Path) -> None:
    now = timestamp(world.clock.now())
    world.elements.add(
        {
            "id": entry["id"],
            "createdAt": now,
            "updatedAt": now,
            "name": entry.get("name", f"Element {entry['id']}"),
            "description": "",
            "instancePrompt": entry.get("instance_prompt"),
            "resolution": 1024,
            "learningRate": 0.000001,
            "trainingEpoch": 100,
            "trainTextEncoder": True,
            "baseModel": entry.get("base_model", "SDXL_1_0"),
            "focus": entry.get("focus", "General"),
            "datasetId": None,
            "credits": 0,
            "status": "COMPLETE",
        }
    )


def _model(world: World, entry: Entry, folder: Path) -> None:
    now = timestamp(world.clock.now())
    world.models.add(
        {
            "id": entry["id"].lower(),
            "createdAt": now,
            "updatedAt": now,
            "name": entry.get("name", "Custom model"),
            "description": "",
            "instancePrompt": entry.get("instance_prompt"),
            "modelHeight": 512,
            "modelWidth": 512,
            "public": False,
            "nsfw": False,
            "sdVersion": entry.get("sd_version", "v1_5"),
            "type": "GENERAL",
            "datasetId": None,
            "credits": 0,
            "status": "COMPLETE",
        }
    )


def _dataset(world: World, entry: Entry, folder: Path) -> None:
    now = timestamp(world.clock.now())
    id = entry["id"].lower()
    images = []
    for index, name in enumerate(entry.get("images", ())):
        image = _derived_id(id, index)
        key = f"users/{world.user_id}/datasets/{id}/images/{image}/image{Path(name).suffix.lower()}"
        _keep(world, key, folder / name)
        images.append({"id": image, "key": key, "createdAt": now})
    world.datasets.add(
        {
            "id": id,
            "createdAt": now,
            "updatedAt": now,
            "name": entry.get("name", "Dataset"),
            "description": "",
            "dataset_images": images,
        }
    )


def _init_image(world: World, entry: Entry, folder: Path) -> None:
    id = entry["id"].lower()
    suffix = Path(entry["file"]).suffix.lower() if "file" in entry else ".png"
    key = f"users/{world.user_id}/initImages/{id}{suffix}"
    world.init_images.add({"id": id, "createdAt": timestamp(world.clock.now()), "key": key})
    _keep(world, key, folder / entry["file"] if "file" in entry else None)


def _generation(world: World, entry: Entry, folder: Path) -> None:
    id = entry["id"].lower()
    images = entry.get("images") or [{}]
    model = offered(world).models.get(entry.get("model", "").lower())
    fields: dict[str, Any] = {}
    if entry.get("kind") == "video":
        fields = {"motion": True, "motionModel": "MOTION2", "seconds": 5, "imageToVideo": False}
    row = generation_row(
        world,
        prompt=entry.get("prompt", "an earlier picture"),
        seed=int.from_bytes(stable("seed of a generation", id, size=3), "big"),
        modelId=entry.get("model"),
        sdVersion=model.sd_version if model else DEFAULT_SD_VERSION,
        imageWidth=entry.get("width", 1024),
        imageHeight=entry.get("height", 768),
        num_images=len(images),
        **fields,
    )
    row |= {"id": id, "status": "COMPLETE"}
    world.ids.fix_parts(id, [image.get("id", "").lower() for image in images])
    for key, image in zip(picture_keys(row, world.user_id), images, strict=True):
        if "file" in image:
            _keep(world, key, folder / image["file"])
    world.generations.add(row)


_KINDS: Mapping[str, Callable[[World, Entry, Path], None]] = {
    "elements": _element,
    "models": _model,
    "datasets": _dataset,
    "init_images": _init_image,
    "generations": _generation,
}


def _keep(world: World, key: str, file: Path | None) -> None:
    content = file.read_bytes() if file else _grey()
    extension = key.rpartition(".")[2]
    world.bucket.keep(key, content, _MEDIA_TYPES.get(extension, "image/jpeg"))


def _derived_id(whole: str, index: int) -> str:
    """Return an id that is the same in every run."""
    digits = stable("part", whole, index, size=16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def _grey() -> bytes:
    """Return a small grey PNG."""
    side = 64

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * side) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
