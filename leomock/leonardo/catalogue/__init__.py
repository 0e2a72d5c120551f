"""What the platform offers: models and prices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from leomock.leonardo.basis import BasisKind, Chosen, Documented, Inferred, Observed, based_on

# The flags of the pricing calculator, by family; two models of one family have their own.
_FLAGS = {
    "PHOENIX": "isPhoenix",
    "SDXL_1_0": "isSDXL",
    "SDXL_0_9": "isSDXL",
    "SDXL_LIGHTNING": "isSDXLLightning",
    "FLUX_DEV": "isFluxDev",
    "FLUX": "isFluxSchnell",
}


# The guidance scale where a request names none.
USUAL_GUIDANCE = 7
_GUIDANCE = {"Lucid Origin": 3.5}
# The largest width and height that a model takes: the document's, and those of guides.
LARGEST_SIZE = (1536, 1536)
_LARGEST_SIZES = {"Lucid Origin": (3840, 3616), "Lucid Realism": (2496, 2496)}


def _read(name: str) -> Any:
    return json.loads(files(__name__).joinpath(name).read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Model:
    """A platform model: its name, family (`sdVersion`), and the pricing calculator's flag for it."""

    id: str
    name: str
    sd_version: str
    flag: str
    basis: BasisKind

    @property
    @based_on(
        Documented("guides of the Lucid models; 1536 is the document's bound for all"),
        name="code:Model.largest_size",
    )
    def largest_size(self) -> tuple[int, int]:
        """The largest width and height of a request, in pixels."""
        return _LARGEST_SIZES.get(self.name, LARGEST_SIZE)

    @property
    @based_on(Observed("3.5 in answers of Lucid Origin, 7 in those of others"), name="code:Model.guidance")
    def guidance(self) -> float:
        """The guidance scale of a request that names none."""
        return _GUIDANCE.get(self.name, USUAL_GUIDANCE)

    @property
    def is_flux(self) -> bool:
        """Flux models take smaller seeds."""
        return self.sd_version.startswith("FLUX")

    @property
    def is_phoenix(self) -> bool:
        """Phoenix models want more contrast with alchemy."""
        return self.sd_version == "PHOENIX"


@cache
def prompt_words() -> dict[str, list[str]]:
    """Words for prompts that the fake makes up, by their kind. They are our own."""
    words: dict[str, list[str]] = _read("prompt_words.json")
    return words


@cache
def platform_models() -> dict[str, Model]:
    """The platform models by id."""
    return {
        row["id"]: Model(
            row["id"],
            row["name"],
            row["sdVersion"],
            "isFluxKontext" if "Kontext" in row["name"] else _FLAGS.get(row["sdVersion"], ""),
            row.get("basis", "inferred"),
        )
        for row in _read("models.json")
    }


@based_on(
    Observed("a table of the vendor, read by others, has about a hundred; the catalogue has some of them"),
    Chosen(
        "those of the family WAN21 are left out, since the document's closed list of "
        "families has not got it, and both SDKs stumble over it"
    ),
)
@dataclass(frozen=True, slots=True)
class Element:
    """A platform element (LoRA): its family, and the weights that it takes."""

    id: str
    name: str
    base_model: str
    weight_default: int
    weight_min: int
    weight_max: int


@based_on(
    Inferred("weights of 0.7 that were seen are told as 1: the document and the SDKs have whole numbers")
)
@cache
def elements() -> dict[str, Element]:
    """The platform elements by id."""
    return {
        row["akUUID"]: Element(
            row["akUUID"],
            row["name"],
            row["baseModel"],
            round(row["weightDefault"]),
            row["weightMin"],
            row["weightMax"],
        )
        for row in _read("elements.json")
    }


@dataclass(frozen=True, slots=True)
class Input:
    """What a version of a blueprint asks for."""

    node_id: str
    setting: str
    label: str
    required: bool


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a blueprint: its price in credits, what it asks for, and how many pictures it makes."""

    id: str
    created: str
    cost: int
    models: list[str]
    inputs: list[Input]
    outputs: int


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A recipe for pictures that people fill in; `created` and `updated` as the API tells moments."""

    id: str
    name: str
    description: str
    created: str
    updated: str
    categories: list[str]
    platforms: list[str]
    versions: list[Version]
    basis: BasisKind


@based_on(Chosen("which there are, but for the two of the published examples"))
@cache
def blueprints() -> dict[str, Blueprint]:
    """The blueprints by id, newest first."""
    return {
        row["akUUID"]: Blueprint(
            row["akUUID"],
            row["name"],
            row["description"],
            row["createdAt"],
            row["updatedAt"],
            row["categories"],
            row["platforms"],
            [_version(version) for version in row["versions"]],
            row["basis"],
        )
        for row in _read("blueprints.json")
    }


def _version(row: dict[str, Any]) -> Version:
    inputs = [Input(i["nodeId"], i["settingName"], i["label"], i["required"]) for i in row["inputs"]]
    return Version(row["akUUID"], row["createdAt"], row["cost"], row["models"], inputs, row["outputs"])
