"""Track which resources exist on the server, and which names in a call refer to resources.

The API rejects a call that names a missing resource. A check that ignored such errors would prove little, so
its calls name existing resources: `NAMES` maps each name in a call to a kind of resource, and `ResourcePool`
holds the known resources of each kind.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

# The kind, such as "init image", "generated image" or "dataset", as used in IN_PATHS and NAMES.
Kind: TypeAlias = str


@dataclass(frozen=True, slots=True)
class KindByField:
    """A kind that depends on the value of another property of the same object."""

    sibling: str
    kinds: Mapping[Any, Kind]
    otherwise: Kind | KindByField


_BY_TYPE: Mapping[Any, Kind] = {"UPLOADED": "init image", "GENERATED": "generated image"}
_OF_VARIATION = KindByField("isVariation", {True: "variation"}, "generated image")

# The kind that each body property refers to, in any operation.
NAMES: dict[str, Kind | KindByField] = {
    "init_image_id": "init image",
    "canvasInitId": "init image",
    "canvasMaskId": "init image",
    "imagePrompts": "init image",
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
# The kind that a property refers to in one operation, or inside one property of any operation.
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
# The kind that the variable after each path segment refers to.
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
    """The resources that a check may name, and all those that it created."""

    def __init__(self) -> None:
        self._known: dict[Kind, list[Any]] = {}
        self._made: set[str] = set()
        self._lock = threading.Lock()

    def add(self, kind: Kind, *ids: Any) -> None:
        """Add resources that exist and will not be deleted."""
        known = self._known.setdefault(kind, [])
        known += [id for id in ids if id is not None and id not in known]

    def of(self, kind: Kind) -> list[Any]:
        """Return the ids of a kind."""
        return self._known.get(kind, [])

    def pick(self, kind: Kind, random: Random) -> Any:
        """Return the id of one resource of a kind; None if none is known."""
        known = self.of(kind)
        return random.choice(known) if known else None

    def is_kept(self, id: Any) -> bool:
        """Return True if the check still needs the resource, so that it must not be deleted."""
        return any(str(id) == str(known) for ids in self._known.values() for known in ids)

    def made(self, answer: Any) -> None:
        """Record every id in the response to a call that created something."""
        with self._lock:
            self._made.update(_ids(answer))

    def may_delete(self, id: Any) -> bool:
        """Return True if the check created the resource and no longer needs it."""
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
    """Return the kind that a path variable refers to, such as dataset in `/datasets/{datasetId}/upload`."""
    steps = path.strip("/").split("/")
    place = steps.index(f"{{{name}}}") if f"{{{name}}}" in steps else 0
    return IN_PATHS.get(steps[place - 1]) if place else None


def kind_of(name: str, holder: Mapping[str, Any], within: Iterable[str]) -> Kind | None:
    """Return the kind that a property refers to in its object, operation and parent properties."""
    found = next((NAMES_WITHIN[w][name] for w in within if name in NAMES_WITHIN.get(w, ())), NAMES.get(name))
    while isinstance(found, KindByField):
        sibling = holder.get(found.sibling)
        found = found.kinds.get(sibling, found.otherwise) if isinstance(sibling, Hashable) else None
    return found
