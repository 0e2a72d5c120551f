"""What the platform offers to a world: leomock's catalogue, and what its settings add to it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from leomock.files.catalogue_file import additions_of
from leomock.leonardo.basis import Chosen, based_on
from leomock.leonardo.catalogue import (
    Blueprint,
    Catalogue,
    Element,
    Input,
    Model,
    Version,
    blueprints,
    elements,
    platform_models,
)
from leomock.leonardo.catalogue.v2 import ModelV2, id_from_slug
from leomock.leonardo.uuids import is_uuid
from leomock.state.settings import Settings
from leomock.state.world import World

Entry = dict[str, Any]
DEFAULT_FAMILY = "v1_5"
ADDED = "named by the user"
# Blueprints that a user adds were made on this day, for the order of the list and for cursors.
_DAY = "2026-01-01T00:00:00.000Z"


def offered(world: World) -> Catalogue:
    """Return the catalogue of a world."""
    return catalogue_of(world.settings.models, world.settings.catalogue)


def check_catalogue(settings: Settings) -> None:
    """Raise CatalogueError if the file of additions is wrong."""
    catalogue_of(settings.models, settings.catalogue)


@based_on(
    Chosen("a user's additions are listed with the platform's own, and an added id overrides a known one"),
    Chosen(
        "defaults for what the user leaves out: family v1_5, weights of -1 to 2, one picture of 50 credits"
    ),
)
@lru_cache(maxsize=32)
def catalogue_of(models: tuple[str, ...], additions: str) -> Catalogue:
    """Return the catalogue with the models of `--model ID=NAME` and the file of additions."""
    added = additions_of(additions)
    pairs = [(id.strip(), name.strip()) for id, _, name in (text.partition("=") for text in models)]
    named = [{"id": id, "name": name} for id, name in pairs if is_uuid(id)]
    slugs = [{"slug": id, "name": name} | ({"id": id} if is_uuid(id) else {}) for id, name in pairs]
    own_models = [_model(entry) for entry in (*named, *added.get("models", ()))]
    own_elements = [_element(entry) for entry in added.get("elements", ())]
    own_blueprints = [_blueprint(entry) for entry in added.get("blueprints", ())]
    of_version_2 = [_model_v2(entry) for entry in (*slugs, *added.get("models_v2", ()))]
    return Catalogue(
        platform_models() | {model.id: model for model in own_models},
        elements() | {element.id: element for element in own_elements},
        {blueprint.id: blueprint for blueprint in own_blueprints} | blueprints(),
        {model.slug: model for model in of_version_2},
        {entry["id"].lower(): entry.get("name", entry["id"]) for entry in added.get("styles", ())},
    )


def _model(entry: Entry) -> Model:
    size = (entry["width"], entry["height"]) if {"width", "height"} <= entry.keys() else None
    id = entry["id"].lower()
    return Model(id, entry.get("name", id), entry.get("sd_version", DEFAULT_FAMILY), "", "chosen", size)


@based_on(Chosen("a version 2 model that only its user knows makes pictures, and accepts all parameters"))
def _model_v2(entry: Entry) -> ModelV2:
    slug = entry["slug"]
    id: str = entry["id"].lower() if "id" in entry else id_from_slug(slug)
    return ModelV2(slug, id, str(entry.get("name", slug)), entry.get("kind", "image"), "chosen", ADDED, {})


def unlisted_model_v2(slug: str) -> ModelV2:
    """Return a stand-in for a version 2 model that nobody declared."""
    return _model_v2({"slug": slug})


def _element(entry: Entry) -> Element:
    id = entry["id"].lower()
    return Element(
        id,
        entry.get("name", id),
        entry.get("base_model", DEFAULT_FAMILY),
        entry.get("weight_default", 1),
        entry.get("weight_min", -1),
        entry.get("weight_max", 2),
    )


def _blueprint(entry: Entry) -> Blueprint:
    id = entry["id"].lower()
    name = entry.get("name", id)
    versions = [_version(version) for version in entry["versions"]]
    about = entry.get("description", name)
    return Blueprint(id, name, about, _DAY, _DAY, [], ["API", "Web"], versions, "chosen")


def _version(entry: Entry) -> Version:
    inputs = [
        Input(
            each["node"].lower(),
            each["setting"],
            each.get("label", each["setting"]),
            each.get("required", True),
        )
        for each in entry.get("inputs", ())
    ]
    return Version(entry["id"].lower(), _DAY, entry.get("cost", 50), [], inputs, entry.get("outputs", 1))
