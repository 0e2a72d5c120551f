"""The platform's models, elements, blueprints and prices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from leomock.leonardo.basis import BasisKind, Chosen, Documented, Inferred, Observed, based_on
from leomock.leonardo.catalogue.v2 import ModelV2

# Pricing calculator flags by family; two models of one family have separate flags.
_FLAGS = {
    "PHOENIX": "isPhoenix",
    "SDXL_1_0": "isSDXL",
    "SDXL_0_9": "isSDXL",
    "SDXL_LIGHTNING": "isSDXLLightning",
    "FLUX_DEV": "isFluxDev",
    "FLUX": "isFluxSchnell",
}


# The guidance scale of a request that names none.
USUAL_GUIDANCE = 7
_GUIDANCE = {"Lucid Origin": 3.5}
KONTEXT = "FLUX.1 Kontext"
# The largest width and height that a model accepts, from the document and from guides.
LARGEST_SIZE = (1536, 1536)
_LARGEST_SIZES = {
    "Lucid Origin": (3840, 3616),
    "Lucid Realism": (2496, 2496),
}
# The only widths and heights that a model accepts.
_SIDES = {KONTEXT: (672, 720, 752, 832, 880, 944, 1024, 1104, 1184, 1248, 1392, 1456, 1568)}


def _read(name: str) -> Any:
    return orjson.loads(Path(__file__).with_name(name).read_bytes())


class Model(NamedTuple):
    """A platform model: its name, family (`sdVersion`), and the pricing calculator's flag for it."""

    id: str
    name: str
    sd_version: str
    flag: str
    basis: BasisKind
    own_largest_size: tuple[int, int] | None = None

    @property
    @based_on(
        Documented("guides of the Lucid models; for all others, the document's limit of 1536"),
        name="code:Model.largest_size",
    )
    def largest_size(self) -> tuple[int, int]:
        """Return the largest width and height of a request, in pixels."""
        if self.sides:
            return self.sides[-1], self.sides[-1]
        return self.own_largest_size or _LARGEST_SIZES.get(self.name, LARGEST_SIZE)

    @property
    @based_on(
        Documented("guide and recipes of FLUX.1 Kontext send 832x1248"),
        Observed(
            "FLUX.1 Kontext accepted eight heights from 672 to 1104 and refused 1216; its list ends in 1568"
        ),
        Inferred("those above 1104: public programs keep a list of pairs"),
        name="code:Model.sides",
    )
    def sides(self) -> tuple[int, ...]:
        """Return the only widths and heights that the model accepts, in order; none if it has a range."""
        return _SIDES.get(self.name, ())

    @property
    @based_on(
        Observed("3.5 in responses of Lucid Origin, 7 in those of other models"), name="code:Model.guidance"
    )
    def guidance(self) -> float:
        """Return the guidance scale of a request that names none."""
        return _GUIDANCE.get(self.name, USUAL_GUIDANCE)

    @property
    def is_flux(self) -> bool:
        """True for Flux models, which accept only smaller seeds."""
        return self.sd_version.startswith("FLUX")

    @property
    def is_phoenix(self) -> bool:
        """True for Phoenix models, which require more contrast with alchemy."""
        return self.sd_version == "PHOENIX"


@cache
def prompt_words() -> dict[str, list[str]]:
    """Return our words for the prompts that the fake generates, by kind."""
    words: dict[str, list[str]] = _read("prompt_words.json")
    return words


@cache
def platform_models() -> dict[str, Model]:
    """Return the platform models by id."""
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


class SeenModel(NamedTuple):
    """A model that no page of the vendor lists; `source` says where its id was seen."""

    model: Model
    source: str


@based_on(
    Observed("ids of platform models in public programs and in dumps of GET /platformModels"),
    Inferred("their families, judging by their names and ages"),
    Chosen("they are accepted but not listed: nobody knows whether they still work"),
)
@cache
def seen_models() -> dict[str, SeenModel]:
    """Return the models that were only seen in public programs, by id."""
    return {
        row["id"]: SeenModel(Model(row["id"], row["name"], row["sdVersion"], "", "observed"), row["source"])
        for row in _read("models_seen.json")
    }


@cache
def named_models() -> dict[str, Model]:
    """Return the models of the platform that leomock has a name for, by id, listed or not."""
    return platform_models() | {id: seen.model for id, seen in seen_models().items()}


@based_on(
    Observed(
        "a table of the vendor, as read by others, lists about a hundred; the catalogue has some of them"
    ),
    Chosen(
        "elements of the family WAN21 are left out, since the document's closed list of families lacks it "
        "and both SDKs fail on it"
    ),
)
class Element(NamedTuple):
    """A platform element (LoRA): its family, and the range of weights it accepts."""

    id: str
    name: str
    base_model: str
    weight_default: int
    weight_min: int
    weight_max: int


@based_on(
    Inferred("observed weights of 0.7 are reported as 1: the document and the SDKs only have whole numbers")
)
@cache
def elements() -> dict[str, Element]:
    """Return the platform elements by id."""
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


class Input(NamedTuple):
    """An input of a blueprint version."""

    node_id: str
    setting: str
    label: str
    required: bool


class Version(NamedTuple):
    """A version of a blueprint: its price in credits, its inputs, and its number of images."""

    id: str
    created: str
    cost: int
    models: list[str]
    inputs: list[Input]
    outputs: int


class Blueprint(NamedTuple):
    """A template for images that users fill in; `created` and `updated` have the API's time format."""

    id: str
    name: str
    description: str
    created: str
    updated: str
    categories: list[str]
    platforms: list[str]
    versions: list[Version]
    basis: BasisKind


@based_on(Chosen("which blueprints exist, except the two in the published examples"))
@cache
def blueprints() -> dict[str, Blueprint]:
    """Return the blueprints by id, newest first."""
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


class Catalogue(NamedTuple):
    """What the platform offers to one fake: leomock's own catalogue and what its user added.

    `models_v2` holds only added models of version 2, by name; `styles` only added styles of version 2, as
    names by id.
    """

    models: Mapping[str, Model]
    elements: Mapping[str, Element]
    blueprints: Mapping[str, Blueprint]
    models_v2: Mapping[str, ModelV2]
    styles: Mapping[str, str]
