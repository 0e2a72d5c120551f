"""Knows which things exist on the server, and which names of a call stand for things.

The API refuses a call that names a thing which does not exist. A check that forgave such refusals would prove
little, so its calls name things that exist: `NAMES` says what kind of thing each name of a call stands for,
`ResourcePool` which things of a kind there are.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

# "init image", "generated image", "dataset", … as IN_PATHS and NAMES have them.
Kind: TypeAlias = str


@dataclass(frozen=True, slots=True)
class KindByField:
    """The kind hangs on the value of another property of the same object."""

    sibling: str
    kinds: Mapping[Any, Kind]
    otherwise: Kind | KindByField


_BY_TYPE: Mapping[Any, Kind] = {"UPLOADED": "init image", "GENERATED": "generated image"}
_OF_VARIATION = KindByField("isVariation", {True: "variation"}, "generated image")

# What the properties of bodies stand for, wherever they are.
NAMES: dict[str, Kind | KindByField] = {
    "init_image_id": "init image",
    "canvasInitId": "init image",
    "canvasMaskId": "init image",
    "init_generation_image_id": "generated image",
    "generatedImageId": "generated image",
    "variationId": "variation",
    "modelId": "model",
    "datasetId": "dataset",
    "akUUID": "element",
    "userLoraId": "user element",
    "blueprintVersionId": "blueprint version",
    "userId": "user",
    "modelAssetId": "3D model",
    "sourceGenerationId": "video",
}
# What a property stands for in one operation, or within one property of any.
NAMES_WITHIN: dict[str, dict[str, Kind | KindByField]] = {
    "controlnets": {"initImageId": KindByField("initImageType", _BY_TYPE, "generated image")},
    "contextImages": {"id": KindByField("type", _BY_TYPE, "generated image")},
    "endFrameImage": {"id": KindByField("type", _BY_TYPE, "generated image")},
    "CreateUniversalUpscalerJob": {"initImageId": "init image"},
    "createVariationUnzoom": {"id": _OF_VARIATION},
    "createVariationUpscale": {"id": "generated image"},
    "createVariationNoBG": {"id": _OF_VARIATION},
    "createSVDMotionGeneration": {"imageId": KindByField("isInitImage", {True: "init image"}, _OF_VARIATION)},
    "createImageToVideoGeneration": {"imageId": KindByField("imageType", _BY_TYPE, "generated image")},
}
# What the variable after each step of a path stands for.
IN_PATHS: dict[str, Kind] = {
    "user": "user",
    "generations": "generation",
    "init-image": "init image",
    "datasets": "dataset",
    "media": "media",
    "elements": "user element",
    "models": "custom model",
    "models-3d": "3D model",
    "variations": "variation",
    "motion-variations": "motion variation",
    "blueprints": "blueprint",
    "blueprint-executions": "blueprint execution",
}


class ResourcePool:
    """The things that a check may name, and all that it made itself."""

    def __init__(self) -> None:
        self._known: dict[Kind, list[Any]] = {}
        self._made: set[str] = set()
        self._lock = threading.Lock()

    def add(self, kind: Kind, *ids: Any) -> None:
        """ResourcePool that exist, and go on to do so."""
        known = self._known.setdefault(kind, [])
        known += [id for id in ids if id is not None and id not in known]

    def of(self, kind: Kind) -> list[Any]:
        """The ids of a kind."""
        return self._known.get(kind, [])

    def pick(self, kind: Kind, random: Random) -> Any:
        """The id of one thing of a kind; None when there is none."""
        known = self.of(kind)
        return random.choice(known) if known else None

    def is_kept(self, id: Any) -> bool:
        """Whether the check needs a thing on, so that it must not be deleted."""
        return any(str(id) == str(known) for ids in self._known.values() for known in ids)

    def made(self, answer: Any) -> None:
        """Note every id in the answer to a call that made something."""
        with self._lock:
            self._made.update(_ids(answer))

    def may_delete(self, id: Any) -> bool:
        """Whether a thing is the check's own, and not needed on."""
        return str(id) in self._made and not self.is_kept(id)


def _ids(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str | int) and name.lower().endswith(("id", "akuuid")):
                yield str(part)
            else:
                yield from _ids(part)
    elif isinstance(value, list):
        for part in value:
            yield from _ids(part)


def kind_in_path(path: str, name: str) -> Kind | None:
    """What a variable of a path stands for: `/datasets/{datasetId}/upload` has a dataset there."""
    steps = path.strip("/").split("/")
    place = steps.index(f"{{{name}}}") if f"{{{name}}}" in steps else 0
    return IN_PATHS.get(steps[place - 1]) if place else None


def kind_of(name: str, holder: Mapping[str, Any], within: Iterable[str]) -> Kind | None:
    """What a property stands for: of which object, within which operation and properties."""
    found = next((NAMES_WITHIN[w][name] for w in within if name in NAMES_WITHIN.get(w, ())), NAMES.get(name))
    while isinstance(found, KindByField):
        sibling = holder.get(found.sibling)
        found = found.kinds.get(sibling, found.otherwise) if isinstance(sibling, Hashable) else None
    return found
