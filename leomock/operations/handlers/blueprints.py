"""Blueprints: image templates that a client fills in and executes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from leomock.leonardo.basis import Chosen, Inferred, SameAs, based_on
from leomock.leonardo.catalogue import Blueprint, Version, blueprints
from leomock.leonardo.errors import (
    BAD_BLUEPRINT_REQUEST,
    NO_BLUEPRINT,
    NO_BLUEPRINT_EXECUTION,
    RULE_BROKEN,
    ApiError,
)
from leomock.openapi.request_parser import Call
from leomock.operations.assets.resolver import cdn_path
from leomock.operations.handlers.generations import generation_row
from leomock.operations.offered import offered
from leomock.operations.registry import operation
from leomock.state.ids import stable
from leomock.state.limits import BLUEPRINTS
from leomock.state.table import Row
from leomock.state.world import World

if TYPE_CHECKING:
    from leomock.media.image import Picture

Item = TypeVar("Item")

# The thumbnail names of the published example, and the size of each.
THUMBNAILS = {
    "thumbnailUrl": (512, 512),
    "thumbnailUrlBanner": (1024, 384),
    "thumbnailUrlLandscape": (768, 512),
    "thumbnailUrlExtremePortrait": (384, 1024),
}
# Documented for a prompt that moderation stopped; no other reason is known.
BLOCKED = (
    "Content policy violation: Content involving minors combined with NSFW content is strictly prohibited. "
    "Please modify your prompt and try again."
)
_WORDS = {"PENDING": "PENDING", "COMPLETE": "COMPLETED", "FAILED": "FAILED"}


@operation(
    "listBlueprints",
    basis=[
        Chosen("newest first, and ten per page by default"),
        SameAs("code:blueprints"),
        SameAs("code:catalogue_of"),
    ],
)
def list_blueprints(call: Call, world: World) -> Row:
    """Return a page of the blueprints; each filter accepts only its documented words."""
    platforms = set(call["platforms"] or ("API",))
    categories = set(call["categories"] or ())
    found = [
        blueprint
        for blueprint in offered(world).blueprints.values()
        if platforms & set(blueprint.platforms) and (not categories or categories & set(blueprint.categories))
    ]
    page = _page(call, found, lambda item, _: _cursor(item.created, item.id), first=call["first"])
    return {
        "edges": [{"cursor": c, "node": _shown(item, call.addresses.cdn)} for c, item in page.edges],
        "totalCount": len(found),
        "pageInfo": page.about,
    }


@operation("getBlueprintById", basis=[SameAs("code:blueprints")])
def get_blueprint_by_id(call: Call, world: World) -> Row:
    """Return one blueprint; an unknown id is an error on HTTP 200."""
    return _shown(_blueprint(call, world), call.addresses.cdn)


@operation("getBlueprintVersionsByBlueprintId", basis=[SameAs("code:blueprints")])
def get_blueprint_versions_by_blueprint_id(call: Call, world: World) -> Row:
    """Return all versions of a blueprint, newest first."""
    versions = _blueprint(call, world).versions
    page = _page(call, versions, lambda item, _: _cursor(item.created, item.id))
    return {
        "edges": [{"cursor": c, "node": _shown_version(item)} for c, item in page.edges],
        "totalCount": len(versions),
        "pageInfo": page.about,
    }


@operation(
    "executeBlueprint",
    basis=[Chosen("an execution is a single generation, whose pictures are the version's outputs")],
)
def execute_blueprint(call: Call, world: World) -> Row:
    """Start a generation of the images that a version makes."""
    blueprint, version = _version(call, world)
    inputs: list[Row] = call["input"]["nodeInputs"]
    _check_inputs(inputs, version)
    generation = generation_row(
        world,
        prompt=": ".join([blueprint.name, *_texts(inputs)]),
        imageWidth=1024,
        imageHeight=1024,
        num_images=version.outputs,
        public=call["input"]["public"],
        credits=version.cost,
    )
    world.begin(world.generations, generation, version.cost, BLUEPRINTS)
    row = {
        "id": (id := world.ids.new()),
        "akUUID": id,
        "inputs": inputs,
        "public": call["input"]["public"],
        "createdAt": f"{generation['createdAt']}Z",
        "generation": generation["id"],
        "node": world.ids.new(),
    }
    world.blueprint_executions.add(row)
    return {"akUUID": id}


@operation(
    "getBlueprintExecution",
    basis=[
        Inferred("it is QUEUED while its generation waits for a slot, and ends as the generation does"),
        Chosen("it is COMPLETED if the generation was deleted"),
    ],
)
def get_blueprint_execution(call: Call, world: World) -> Row:
    """Return one execution."""
    row = world.blueprint_executions.get(call["id"])
    if row is None:
        raise _error(NO_BLUEPRINT_EXECUTION, call, f"no execution {call['id']} with this API key")
    generation = world.generations.get(row["generation"])
    if generation is None:
        return {**row, "status": "COMPLETED"}
    world.jobs.was_read(generation)
    queued = world.jobs.is_queued(generation)
    return {**row, "status": "QUEUED" if queued else _WORDS[generation["status"]]}


@operation(
    "getBlueprintExecutionGenerations",
    basis=[
        Inferred("a failed generation gives the only documented reason, moderation"),
        SameAs("operation:executeBlueprint"),
    ],
)
def get_blueprint_execution_generations(call: Call, world: World) -> Row:
    """Return a page of an execution's generations; empty for an unknown execution (documented)."""
    row = world.blueprint_executions.get(call["id"])
    generation = world.generations.get(row["generation"]) if row else None
    nodes = []
    if row and generation:
        world.jobs.was_read(generation)
        status = generation["status"]
        node = {"akUUID": row["node"], "status": _WORDS[status], "generationId": generation["id"]}
        if status == "FAILED":
            count = generation["num_images"]
            node["failedReason"] = {
                "type": "PROMPT_MODERATION_BLOCKED",
                "message": BLOCKED,
                "affectedOutputCount": count,
            }
        nodes.append(node)
    page = _page(call, nodes, lambda _, index: _encoded(f"arrayconnection:{index}"))
    return {
        "pageInfo": page.about,
        "edges": [{"cursor": cursor, "node": node} for cursor, node in page.edges],
    }


@based_on(Chosen("the sizes of the four named thumbnails"))
@cdn_path("blueprint_assets/official/{id}/thumbnails/{name}")
def thumbnail(id: str, name: str) -> Picture | None:
    """Return a thumbnail of a blueprint."""
    from leomock.media.image import Picture

    blueprint, kind = blueprints().get(id), name.removesuffix(".jpg")
    if blueprint is None or kind not in THUMBNAILS:
        return None
    width, height = THUMBNAILS[kind]
    seed = int.from_bytes(stable("thumbnail", id, size=4), "big")
    return Picture(blueprint.name, seed, 0, width, height, label="blueprint")


# --- lookup and inputs ------------------------------------------------------------------------------


def _blueprint(call: Call, world: World) -> Blueprint:
    if blueprint := offered(world).blueprints.get(call["id"]):
        return blueprint
    raise _error(NO_BLUEPRINT, call, f"no blueprint {call['id']}; GET /blueprints lists all of them")


def _version(call: Call, world: World) -> tuple[Blueprint, Version]:
    id = call["blueprintVersionId"].lower()
    for blueprint in offered(world).blueprints.values():
        for version in blueprint.versions:
            if version.id == id:
                return blueprint, version
    raise _error(
        BAD_BLUEPRINT_REQUEST,
        call,
        f"no version {id} of a blueprint; GET /blueprints/{{id}}/versions lists all of them",
    )


@based_on(
    Inferred(
        "inputs that the version does not ask for, or that have the wrong type, get the error documented "
        "for bad requests"
    )
)
def _check_inputs(inputs: Sequence[Row], version: Version) -> None:
    """Check that each input belongs to the version, has a value of its kind, and that none is missing."""
    asked = {(known.node_id, known.setting): known for known in version.inputs}
    for given in inputs:
        place = (given["nodeId"].lower(), given["settingName"])
        if place not in asked:
            raise _bad_input(f"the version asks for no input {place[1]} at node {place[0]}")
        if isinstance(given["value"], list) != (given["settingName"] == "textVariables"):
            raise _bad_input(f"the value at node {place[0]} does not fit {place[1]}")
    present = {(given["nodeId"].lower(), given["settingName"]) for given in inputs}
    for place, known in asked.items():
        if known.required and place not in present:
            raise _bad_input(f"the version needs {place[1]} at node {place[0]} ({known.label})")


def _texts(inputs: Sequence[Row]) -> list[str]:
    """Return the texts of the inputs, for the prompt."""
    said = []
    for given in inputs:
        value = given["value"]
        said.append(value if isinstance(value, str) else ", ".join(part["value"] for part in value))
    return said


def _error(wording: Any, call: Call, explain: str) -> ApiError:
    error: ApiError = wording(path=call.operation.envelope, explain=f"{call.operation.id}: {explain}")
    return error


def _bad_input(explain: str) -> ApiError:
    return BAD_BLUEPRINT_REQUEST(path="executeBlueprint", explain=f"executeBlueprint: {explain}")


def _shown(blueprint: Blueprint, cdn: str) -> Row:
    folder = f"{cdn}/blueprint_assets/official/{blueprint.id}/thumbnails"
    return {
        "akUUID": blueprint.id,
        "createdAt": blueprint.created,
        "updatedAt": blueprint.updated,
        "name": blueprint.name,
        "description": blueprint.description,
        "thumbnails": [
            {"name": name, "url": f"{folder}/{name}.jpg"}
            for name in (THUMBNAILS if blueprint.id in blueprints() else ())
        ],
        "teamId": None,
        "official": True,
    }


def _shown_version(version: Version) -> Row:
    inputs = [
        {
            "type": "image" if known.setting == "imageUrl" else "text",
            "label": known.label,
            "nodeId": known.node_id,
            "required": known.required,
            "settingName": known.setting,
        }
        for known in version.inputs
    ]
    return {
        "akUUID": version.id,
        "createdAt": version.created,
        "updatedAt": version.created,
        "cost": version.cost,
        "uiMetadata": {"inputs": inputs, "outputs": [{"type": "image"}] * version.outputs},
        "uiMetadataSchemaVersion": "21",
        "models": version.models,
        "executability": {"isExecutable": True, "reasons": [{"models": model} for model in version.models]},
    }


# --- pages -----------------------------------------------------------------------------------------------


class _Page:
    """Some items of a list with their cursors, and the position in the list."""

    def __init__(self, edges: list[tuple[str, Any]], has_next: bool, has_previous: bool) -> None:
        self.edges = edges
        self.about = {
            "hasNextPage": has_next,
            "hasPreviousPage": has_previous,
            "startCursor": edges[0][0] if edges else None,
            "endCursor": edges[-1][0] if edges else None,
        }


def _page(
    call: Call, items: Sequence[Item], cursor_of: Callable[[Item, int], str], first: int | None = None
) -> _Page:
    """Return the page that `first`/`after` or `last`/`before` select; not both (documented)."""
    sent = call.sent
    edges = [(cursor_of(item, index), item) for index, item in enumerate(items)]
    places = {cursor: index for index, (cursor, _) in enumerate(edges)}

    def place(name: str) -> int:
        if sent[name] not in places:
            raise _bad_page(call, f"'{name}' is not a cursor of this list")
        return places[sent[name]]

    forward, backward = (sent.get("first"), sent.get("after")), (sent.get("last"), sent.get("before"))
    if any(forward) and any(backward):
        raise _bad_page(call, "use first/after or last/before, not both")
    if any(backward):
        stop = place("before") if backward[1] else len(edges)
        start = max(0, stop - (backward[0] or len(edges)))
    else:
        start = place("after") + 1 if forward[1] else 0
        stop = min(len(edges), start + (forward[0] or first or len(edges)))
    return _Page(edges[start:stop], stop < len(edges), start > 0)


@based_on(Chosen("the operation that does not document errors on 200 returns 400"))
def _bad_page(call: Call, rule: str) -> ApiError:
    """Return the error for an invalid page."""
    if call.operation.id == "getBlueprintExecutionGenerations":
        return RULE_BROKEN(rule=rule, explain=f"{call.operation.id}: {rule}")
    return _error(BAD_BLUEPRINT_REQUEST, call, rule)


def _cursor(created: str, id: str) -> str:
    """Return a cursor as documented: base64 of a time and an id."""
    return _encoded(json.dumps({"createdAt": created, "akUUID": id}, separators=(",", ":")))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
