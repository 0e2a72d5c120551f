"""Version 2 generations: images, videos, sounds and meshes by any model. Version 1 can read them."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from leomock.leonardo.basis import Chosen, Documented, Evidence, based_on
from leomock.leonardo.catalogue import platform_models
from leomock.leonardo.catalogue.prices import price_v2
from leomock.leonardo.catalogue.retirements import (
    MODE_RETIRED,
    QUALITY_FOR_MODE,
    is_past,
    retirement,
    retirement_note,
)
from leomock.leonardo.catalogue.v2 import (
    SYNCHRONOUS,
    Kind,
    ModelV2,
    find_model_v2,
    models_on,
    schema_v2,
)
from leomock.leonardo.catalogue.v2_rules import broken_rules
from leomock.leonardo.errors import invalid, shown
from leomock.openapi.parameters import Parameters, Violation
from leomock.openapi.request_parser import Call
from leomock.openapi.suggest import suggestion
from leomock.operations.assets.drawing import drawn, origin
from leomock.operations.assets.keys import reference_key
from leomock.operations.assets.results import cut_out_file, cut_out_type, signed_link
from leomock.operations.handlers.generations import DEFAULT_SD_VERSION, generation_row
from leomock.operations.handlers.v2_references import references, shown_reference
from leomock.operations.handlers.v2_results import Wanted, result_fields
from leomock.operations.handlers.videos import SLOW, SOURCE_SHOWS
from leomock.operations.late import late
from leomock.operations.offered import offered, unlisted_model_v2
from leomock.operations.registry import operation
from leomock.state.limits import IMAGES, MODELS_3D, UPSCALES, Queue
from leomock.state.remarks import UNKNOWN_ACCEPTED
from leomock.state.table import Row
from leomock.state.world import World

# The visible share of the first reference in an image, by its strength (chosen).
STRENGTHS = {"LOW": 0.2, "MID": 0.4, "HIGH": 0.6, "ULTRA": 0.75, "MAX": 0.9}
QUEUES: dict[Kind, Queue] = {"mesh": MODELS_3D, "upscaler": UPSCALES}

Given = Mapping[str, Any]


@operation(
    "createGenerationV2",
    basis=[
        Chosen(
            "version 1 shows meshes and sounds as pictures whose url is the file; the real form is not known"
        ),
        Evidence("v2-create-answer"),
        Evidence("v2-create-answer-of-a-video"),
    ],
)
def create_generation_v2(call: Call, world: World) -> Row:
    """Start a generation by any model; version 1 reads, lists and deletes it."""
    model = _model(call, world)
    row, reference = _row(call, world, model)
    if world.limits:
        world.limits.check_model(model.slug, world.jobs.unfinished_of(model.slug))
    slow = SLOW if model.kind == "video" else 1
    world.begin(world.generations, row, row["credits"], QUEUES.get(model.kind, IMAGES), slow)
    _keep(world, row, reference)
    cost = world.account.cost(row["credits"])
    if model.kind == "video" and cost["apiCreditCost"] is None:
        cost["apiCreditCost"] = 0
    return {"generationId": row["id"], **cost}


@operation(
    "createGenerationSyncV2",
    basis=[
        Documented("guide Remove bg: `format` and `size` are honoured, the URL is signed for 30 minutes"),
        Evidence("sync-cut-out"),
        Chosen("`crop`, `roi`, shadows and colours are accepted but have no effect"),
    ],
)
def create_generation_sync_v2(call: Call, world: World) -> Row:
    """Remove the background of an image, synchronously."""
    model = find_model_v2(call["model"], world.settings.as_of)
    if model is None or model.slug != SYNCHRONOUS:
        raise invalid(
            [f"model must be one of: {SYNCHRONOUS}"],
            f"{call.operation.id}: other models generate with POST /generations (createGenerationV2)",
        )
    row, reference = _row(call, world, model)
    world.account.spend(row["credits"])
    row["status"] = "COMPLETE"
    _keep(world, row, reference)
    picture, owner, bucket = drawn(world, row, 0), world.user_id, world.bucket
    result: Row = {"contentType": cut_out_type(row), "url": None, "dataB64": None}
    result |= {"width": row["imageWidth"], "height": row["imageHeight"]}
    if call["base64"]:
        result["dataB64"] = late(call, lambda: base64.b64encode(cut_out_file(picture, row, owner)).decode())
        del result["url"]
    else:
        link = signed_link(world, call.addresses.cdn, row)

        def store() -> str:
            content = cut_out_file(picture, row, owner)
            with world.lock:
                link.keep(bucket, content, cut_out_type(row))
            return link.url

        result["url"] = late(call, store)
    if call["ephemeral"]:
        world.bucket.objects.pop(row.get("reference", ""), None)
    else:
        world.generations.add(row)
    cost = world.account.cost(row["credits"])["cost"]
    return {"id": row["id"], "blockedCount": 0, "cost": cost, "results": [result]}


# --- choosing the model -------------------------------------------------------------------------------------


def _model(call: Call, world: World) -> ModelV2:
    name: str = call["model"]
    as_of = world.settings.as_of
    if model := find_model_v2(name, as_of):
        return model
    who = f"{call.operation.id}: model is {shown(name)}"
    message = f"model {name[:60]} is not supported"
    if retired := retirement(name, as_of):
        raise invalid([message], f"{who}, {retirement_note(retired)}")
    if added := offered(world).models_v2.get(name):
        return added
    if world.settings.unknown_models == "allow":
        call.explain = f"{who}, {UNKNOWN_ACCEPTED}"
        return unlisted_model_v2(name)
    known = models_on(as_of)
    called = [f"; did you mean '{slug}'?" for slug, model in known.items() if model.is_called(name)]
    near = called[0] if called else suggestion(name, known) or ";"
    raise invalid(
        [message],
        f"{who}, none of the {len(known)} models that leomock knows{near} "
        "--model ID=NAME or --catalogue FILE adds one, --unknown-models allow accepts all",
    )


# --- checking a call --------------------------------------------------------------------------------------


@cache
def _parameters(slug: str) -> Parameters:
    return Parameters(schema_v2(slug))


def _check(call: Call, world: World, model: ModelV2, given: Given) -> None:
    """Reject what is known to be invalid; accept unknown parameters with an explanation."""
    if model.is_open:
        call.explain = call.explain or f"the parameters of {model.slug} are not known; accepted as sent"
    else:
        _check_parameters(call, world, model, given)
    for reference in references(given):
        reference.check(call, world)


def _check_parameters(call: Call, world: World, model: ModelV2, given: Given) -> None:
    violations = _parameters(model.slug).violations(given)
    styles = offered(world).styles
    violations = [found for found in violations if not _names_one_of(styles, found, given)]
    mode = _mode_violation(world, model, given)
    if mode is not None:
        violations = [found for found in violations if found.path != ("mode",)]
        if mode.message:
            violations.append(mode)
    if violations:
        raise invalid([found.message for found in violations], _why(call, model, given, violations[0]))
    if broken := list(broken_rules(model, given)):
        first = broken[0]
        why = f"{call.operation.id}: {first.message}; {first.why} ({model.slug}; {model.source})"
        raise invalid([found.message for found in broken], why)


def _names_one_of(styles: Collection[str], violation: Violation, given: Given) -> bool:
    """Return True if a violation is about a style that the user added."""
    match violation.path:
        case ("style_ids", int(index)):
            return str(given["style_ids"][index]).lower() in styles
    return False


@based_on(Documented("page Deprecations & Changes of docs.leonardo.ai: `mode` is refused"))
def _mode_violation(world: World, model: ModelV2, given: Given) -> Violation | None:
    """Return the error for a retired `mode`; one without a message if it still worked on that day."""
    if model.slug not in QUALITY_FOR_MODE or "mode" not in given:
        return None
    if is_past(MODE_RETIRED, world.settings.as_of):
        return Violation(("mode",), "parameters.mode is not supported any more, use parameters.quality")
    return Violation(("mode",), "")


def _why(call: Call, model: ModelV2, given: Given, first: Violation) -> str:
    """Return the explanation of an error: parameter, value, fix and source."""
    who = f"{call.operation.id}: {first.message}"
    if first.unknown:
        near = suggestion(first.unknown, _known_beside(model, first.path))
        return f"{who} for {model.slug}{near} ({model.source})"
    value: Any = given
    for step in first.path:
        value = value[step]
    sent = "" if first.message.endswith("is required") else f", sent was {shown(value)}"
    return f"{who}{sent} ({model.slug}; {model.source})"


def _known_beside(model: ModelV2, path: tuple[str | int, ...]) -> Mapping[str, object]:
    """Return the known names at the place where an unknown one was sent."""
    schema = schema_v2(model.slug)
    for step in path[:-1]:
        schema = schema["items"] if isinstance(step, int) else schema["properties"][step]
    known: Mapping[str, object] = schema["properties"]
    return known


# --- rows -------------------------------------------------------------------------------------------------


def _row(call: Call, world: World, model: ModelV2) -> tuple[Row, bytes | None]:
    """Return a new, unsaved row for a call, and the bytes of a reference that came with it."""
    given: Given = call["parameters"] or {}
    _check(call, world, model, given)
    reference = shown_reference(given)
    content = reference.content(world, call.addresses.cdn) if reference else None
    source = reference.fields() if reference else {}
    of_platform = platform_models().get(model.id)
    seed = given.get("seed")
    row = generation_row(
        world,
        prompt=call.prompt,
        negativePrompt=_text(given.get("negative_prompt")),
        seed=int(seed) if isinstance(seed, (int, float)) and seed >= 0 else None,
        modelId=model.id,
        sdVersion=of_platform.sd_version if of_platform else DEFAULT_SD_VERSION,
        public=call["public"] or False,
        model=model.slug,
        **source,
    )
    if reference:
        shows = STRENGTHS.get(reference.strength, STRENGTHS["MID"])
        row["initStrength"] = SOURCE_SHOWS if model.kind == "video" else shows
    if content is not None:
        row["reference"] = reference_key(world, row)
    wanted = Wanted(model, given, lambda: origin(world, row) if content is None else content)
    row["num_images"] = _quantity(wanted)
    row |= result_fields(wanted)
    row["credits"] = price_v2(model, row, given)
    return row, content


def _quantity(wanted: Wanted) -> int:
    quantity = wanted.value("quantity")
    return int(quantity) if isinstance(quantity, (int, float)) and 1 <= quantity <= 8 else 1


def _keep(world: World, row: Row, content: bytes | None) -> None:
    """Store the bytes of a reference for as long as the generation exists."""
    if content is not None:
        world.bucket.keep(row["reference"], content, "application/octet-stream")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
