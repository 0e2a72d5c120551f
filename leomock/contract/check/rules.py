"""What a call must satisfy besides its schema, and how a drawn call is amended until it does.

A schema cannot say that a named picture has to exist, or that photoReal needs alchemy. The real service
refuses such calls, rightly; a check that sent them would report the refusals as defects, and one that forgave
every refusal would find nothing. So calls are amended by these rules before they are sent. A part of a call
(path, query, body) that is wrong on purpose stays as it was drawn.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote
from uuid import UUID

from leomock.contract.check.media import PICTURE
from leomock.contract.check.prepare import at, node_inputs
from leomock.contract.check.resource_pool import Kind, ResourcePool, kind_in_path, kind_of
from leomock.leonardo.basis import BasisKind
from leomock.leonardo.catalogue import platform_models
from leomock.leonardo.catalogue.v2 import models_v2

Part: TypeAlias = Literal["path", "query", "body", "any"]

EXTENSIONS = ("png", "jpg", "jpeg", "webp")
# The models that photoReal v2 takes: Kino XL, Diffusion XL, Vision XL.
PHOTOREAL_V2_MODELS = (
    "aa77f04e-3eec-4034-9c07-d0f619684628",
    "1e60896f-3c26-4296-8ecc-53e2afecc132",
    "5c232a9e-9061-4777-980a-ddc8e65647c6",
)
LARGEST_FLUX_SEED = 2147483637
DATA_URL = f"data:image/jpeg;base64,{base64.b64encode(PICTURE).decode()}"
# What schemathesis calls a property that the document does not name.
UNNAMEABLE = "x-schemathesis-unknown-property"
# How often a read names a thing that exists; the other times it names none, which is answered with null.
SHARE_OF_READS = 0.75


@dataclass(slots=True)
class Sent:
    """A call as it is about to be sent, to be changed in place.

    `required` are the body's required properties. `unnamed` collects kinds of which the call should name a
    thing and does not: none is known, or a read is to name nothing.
    """

    operation: str
    method: str
    path: str
    path_variables: dict[str, Any]
    query: dict[str, Any]
    body: Any
    required: tuple[str, ...]
    things: ResourcePool
    random: Random
    unnamed: list[Kind] = field(default_factory=list)

    @property
    def properties(self) -> dict[str, Any]:
        """The body's properties; none where the body is no object."""
        return self.body if isinstance(self.body, dict) else {}


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that calls of some operations (all: none are named) must satisfy.

    `amend` changes a part of a call in place, unless that part is wrong on purpose; with the part "any" it
    does so always.
    """

    name: str
    amend: Callable[[Sent], None]
    basis: BasisKind
    source: str
    operations: tuple[str, ...] = ()
    part: Part = "body"

    def concerns(self, operation: str) -> bool:
        """Whether the rule is about an operation."""
        return not self.operations or operation in self.operations


# --- things that exist --------------------------------------------------------------------------------


def _delete_own_things(sent: Sent) -> None:
    if sent.method != "DELETE":
        return
    for holder in (sent.path_variables, sent.properties):
        for name in holder:
            id = unquote(str(holder[name])).strip().lower()
            if name not in ("id", *sent.path_variables) or sent.things.may_delete(id):
                continue
            # What could be read as an id is changed, since it may name something; other values cannot.
            if _NUMBER.fullmatch(id):
                holder[name] = _no_thing(id, number=True)
            elif len(_NO_HEX.sub("", id)) == 32:
                holder[name] = _no_thing(id)


_NUMBER = re.compile(r"[+-]?\d+(\.0*)?")
_NO_HEX = re.compile(r"[^0-9a-f]")


def _no_thing(seed: str, *, number: bool = False) -> str:
    """An id that names nothing; the same one for the same seed."""
    digest = hashlib.sha256(f"nothing has this id: {seed}".encode()).digest()
    if number:
        return str(2_000_000_000 + int.from_bytes(digest[:4], "big") % 147_000_000)
    return str(UUID(bytes=digest[:16], version=4))


def _name_in_path(sent: Sent) -> None:
    if sent.method == "DELETE":
        return
    for name in sent.path_variables:
        kind = kind_in_path(sent.path, name)
        if kind is None:
            continue
        nothing = sent.method == "GET" and sent.random.random() > SHARE_OF_READS
        id = None if nothing else sent.things.pick(kind, sent.random)
        if id is not None:
            sent.path_variables[name] = str(id)
        else:
            sent.unnamed.append(kind)


def _no_null_in_path(sent: Sent) -> None:
    for name, value in sent.path_variables.items():
        if value is None or value == "null":
            sent.path_variables[name] = _no_thing(sent.path)


def _name_in_body(sent: Sent) -> None:
    if sent.method != "DELETE":
        for name in list(sent.properties):
            missing = _named(sent, name, sent.properties, (sent.operation,))
            if missing and name not in sent.required:
                del sent.properties[name]
            else:
                sent.unnamed += missing


def _named(sent: Sent, name: Any, holder: Any, within: tuple[str, ...]) -> list[Kind]:
    """Let what stands at a name, or below, name things that exist; returns kinds of which there are none.

    `within` are the names around it, the innermost first, and the operation.
    """
    value = holder[name]
    if isinstance(value, dict | list):
        below = range(len(value)) if isinstance(value, list) else list(value)
        inner = (name, *within) if isinstance(name, str) else within
        return [kind for part in below for kind in _named(sent, part, value, inner)]
    if value is None or not isinstance(holder, dict):
        return []
    kind = kind_of(name, holder, within)
    if kind is None:
        return []
    id = sent.things.pick(kind, sent.random)
    if id is None:
        return [kind]
    holder[name] = id
    return []


def _nameable_key(sent: Sent) -> None:
    if UNNAMEABLE in sent.properties:
        sent.properties[UNNAMEABLE.replace("-", "_")] = sent.properties.pop(UNNAMEABLE)


# --- properties that go together ------------------------------------------------------------------------


def _few_large_images(sent: Sent) -> None:
    body = sent.properties
    width, height = body.get("width") or 1024, body.get("height") or 768
    if (width > 768 or height > 768) and (body.get("num_images") or 0) > 4:
        body["num_images"] = 4


def _unzoom_complete(sent: Sent) -> None:
    body = sent.properties
    if not body.get("unzoom"):
        return
    image = sent.things.pick("init image", sent.random)
    if image is None:
        body["unzoom"] = False
    else:
        body["init_image_id"] = body.get("init_image_id") or image
        if body.get("unzoomAmount") is None:
            body["unzoomAmount"] = 1.5


def _photo_real_with_alchemy(sent: Sent) -> None:
    if sent.properties.get("photoReal") and sent.properties.get("alchemy") is False:
        sent.properties["alchemy"] = True


def _model_of_photo_real(sent: Sent) -> None:
    body = sent.properties
    if not body.get("photoReal"):
        return
    if body.get("photoRealVersion") == "v2":
        if body.get("modelId") not in PHOTOREAL_V2_MODELS:
            body["modelId"] = sent.random.choice(PHOTOREAL_V2_MODELS)
    else:
        body.pop("modelId", None)


def _ultra_without_alchemy(sent: Sent) -> None:
    if sent.properties.get("ultra") and sent.properties.get("alchemy"):
        sent.properties["ultra"] = False


def _contrast_of_phoenix(sent: Sent) -> None:
    body = sent.properties
    model = platform_models().get(str(body.get("modelId")))
    if model and model.is_phoenix and body.get("alchemy") is not False and (body.get("contrast") or 9) < 2.5:
        body["contrast"] = 2.5


def _seed_of_flux(sent: Sent) -> None:
    body = sent.properties
    model = platform_models().get(str(body.get("modelId")))
    if model and model.is_flux and (body.get("seed") or 0) > LARGEST_FLUX_SEED:
        body["seed"] = LARGEST_FLUX_SEED


def _priced_service(sent: Sent) -> None:
    body = sent.properties
    service = body.get("service") or "LCM_GENERATION"
    given = body.get("serviceParams") or {}
    if given.get(service) is None:
        sent.body = {**body, "service": service, "serviceParams": {**given, service: {}}}


def _one_image(sent: Sent) -> None:
    body = sent.properties
    given = [name for name in _SOURCES if body.get(name) is not None]
    for name in given[1:]:
        del body[name]
    if not given:
        image = sent.things.pick("generated image", sent.random)
        if image is None:
            sent.unnamed.append("generated image")
        else:
            sent.body = {**body, "generatedImageId": image}


_SOURCES = ("generatedImageId", "initImageId", "variationId")


def _one_style(sent: Sent) -> None:
    body = sent.properties
    if body.get("ultraUpscaleStyle"):
        body.pop("upscalerStyle", None)
    else:
        for name in ("detailContrast", "similarity"):
            body.pop(name, None)


def _training(sent: Sent) -> None:
    body = sent.properties
    is_flux = body.get("sd_version") == "FLUX_DEV"
    if body.get("lora_focus") not in ELEMENT_LIMITS or (is_flux and body["lora_focus"] == "General"):
        body["lora_focus"] = "Style"
    fewest, most, slowest, fastest = ELEMENT_LIMITS[body["lora_focus"] if is_flux else "General"]
    if not fewest <= body.get("num_train_epochs", 0) <= most:
        body["num_train_epochs"] = sent.random.choice((fewest, most))
    if not slowest <= body.get("learning_rate", 0) <= fastest:
        body["learning_rate"] = sent.random.choice((slowest, fastest))
    if not body.get("instance_prompt"):
        body["instance_prompt"] = "magicdonut"


# Epochs and learning rates: of FLUX_DEV by focus; General, which FLUX_DEV lacks, has those of all others.
ELEMENT_LIMITS = {
    "General": (1, 250, 0.00000001, 0.00001),
    "Style": (30, 120, 0.000001, 0.00003),
    "Object": (120, 220, 0.00001, 0.001),
    "Character": (100, 200, 0.00001, 0.001),
}


def _video(sent: Sent) -> None:
    body = sent.properties
    model = body.get("model") or "MOTION2"
    if model != "KLING2_1":
        body.pop("endFrameImage", None)
    if model not in ("MOTION2", "MOTION2FAST"):
        body.pop("elements", None)
    elif (body.get("seed") or 0) > LARGEST_FLUX_SEED:
        body["seed"] = LARGEST_FLUX_SEED
    choices = {"VEO3": (4, 6, 8), "VEO3FAST": (4, 6, 8), "KLING2_5": (5, 10)}.get(model)
    if choices and body.get("duration") not in (None, *choices):
        body["duration"] = sent.random.choice(choices)


def _whole_references(sent: Sent) -> None:
    """Give every picture among the guidances what its type wants; one at an address comes along instead.

    Also where something else is wrong on purpose: it would be refused for the picture alone.
    """
    model = models_v2().get(str(sent.properties.get("model")))
    for parameters in at(sent.body, ["parameters"]):
        if isinstance(parameters, dict) and model and model.kind in ("upscaler", "cutout"):
            _work_on_a_picture(parameters)
    for guidances in at(sent.body, ["parameters", "guidances"]):
        groups = guidances.values() if isinstance(guidances, dict) else ()
        _complete([image for group in groups for image in at(group, ["*", "image"])], sent)


def _complete(images: Iterable[Any], sent: Sent) -> None:
    for image in images:
        kind = image.get("type") if isinstance(image, dict) else None
        if kind in _TYPES:
            id = sent.things.pick(_IMAGES.get(kind, ""), sent.random)
            image |= {"type": "BASE64", "data": DATA_URL} if id is None else {"id": id}


def _work_on_a_picture(parameters: dict[str, Any]) -> None:
    guidances = parameters.setdefault("guidances", {})
    if isinstance(guidances, dict):
        guidances.setdefault("image_reference", [{"image": {"type": "BASE64"}}])


_TYPES = ("UPLOADED", "GENERATED", "VARIATION", "URL", "BASE64")
_IMAGES = {"UPLOADED": "init image", "GENERATED": "generated image", "VARIATION": "variation"}


def _inputs_of_version(sent: Sent) -> None:
    given = sent.properties["input"]
    version = next(
        (
            known
            for known in sent.things.of("asking version")
            if known["akUUID"] == sent.properties["blueprintVersionId"]
        ),
        None,
    )
    if version is not None:
        given["nodeInputs"] = node_inputs(version, sent.things)


def _one_way(page: dict[str, Any]) -> None:
    # A cursor is the server's to make.
    for name in ("after", "before"):
        page.pop(name, None)
    if page.get("first") is not None:
        page.pop("last", None)


# --- texts that have a form -----------------------------------------------------------------------------


def _extension(sent: Sent) -> None:
    for name in ("extension", "initExtension", "maskExtension"):
        if name in sent.properties and sent.properties[name] not in EXTENSIONS:
            sent.properties[name] = sent.random.choice(EXTENSIONS)


def _media_extension(sent: Sent) -> None:
    if sent.properties.get("extension") not in ("mp4", "mov"):
        sent.properties["extension"] = sent.random.choice(("mp4", "mov"))


def _data_url(sent: Sent) -> None:
    for name in ("imageDataUrl", "maskDataUrl"):
        if name in sent.properties:
            sent.properties[name] = DATA_URL


def _short_prompt(sent: Sent) -> None:
    prompt = sent.properties.get("prompt")
    if isinstance(prompt, str):
        sent.properties["prompt"] = prompt[:199]


_DESCRIPTION = "the parameter's own description in the published document"
_PAGES = "pages of blueprints: first and after, or last and before"
_GUIDE = "guides of docs.leonardo.ai"

# In this order: what later ones look at, earlier ones may have changed.
RULES = (
    Rule(
        "deletes only what the check made itself and does not need on",
        _delete_own_things,
        "chosen",
        "a check must not delete what it did not make",
        part="any",
    ),
    Rule(
        "an unknown key could be a variable's name",
        _nameable_key,
        "inferred",
        "Hasura's REST endpoints pass over keys that no GraphQL variable could have, and refuse all others",
        part="any",
    ),
    Rule(
        "a null in a path is the text 'null'",
        _no_null_in_path,
        "inferred",
        "RFC 3986 knows no null",
        part="path",
    ),
    Rule("what a path names exists", _name_in_path, "inferred", "Hasura's foreign keys", part="path"),
    Rule(
        "what a body names exists",
        _name_in_body,
        "documented",
        "error messages page of docs.leonardo.ai: invalid init image id, couldn't access image, …",
    ),
    Rule(
        "at most 4 images above 768 pixels",
        _few_large_images,
        "documented",
        _DESCRIPTION,
        ("createGeneration",),
    ),
    Rule(
        "unzoom has unzoomAmount and init_image_id",
        _unzoom_complete,
        "documented",
        _DESCRIPTION,
        ("createGeneration",),
    ),
    Rule("photoReal has alchemy", _photo_real_with_alchemy, "documented", _GUIDE, ("createGeneration",)),
    Rule(
        "photoReal v1 has no modelId, v2 one of three",
        _model_of_photo_real,
        "documented",
        _GUIDE,
        ("createGeneration",),
    ),
    Rule(
        "ultra goes without alchemy",
        _ultra_without_alchemy,
        "documented",
        _DESCRIPTION,
        ("createGeneration",),
    ),
    Rule(
        "Phoenix with alchemy has a contrast of 2.5 or more",
        _contrast_of_phoenix,
        "documented",
        _DESCRIPTION,
        ("createGeneration",),
    ),
    Rule("Flux models take smaller seeds", _seed_of_flux, "documented", _DESCRIPTION, ("createGeneration",)),
    Rule(
        "serviceParams has the parameters of the service",
        _priced_service,
        "chosen",
        "what the real service says without them is not known",
        ("pricingCalculator",),
    ),
    Rule("one image is upscaled", _one_image, "documented", _DESCRIPTION, ("CreateUniversalUpscalerJob",)),
    Rule(
        "ultraUpscaleStyle excludes upscalerStyle, and what needs it is not there without it",
        _one_style,
        "documented",
        _DESCRIPTION,
        ("CreateUniversalUpscalerJob",),
    ),
    Rule("epochs and rate fit model and focus", _training, "documented", _DESCRIPTION, ("createElement",)),
    Rule(
        "what a video has fits its model",
        _video,
        "documented",
        _DESCRIPTION,
        ("createTextToVideoGeneration", "createImageToVideoGeneration"),
    ),
    Rule(
        "a blueprint gets the inputs that its version asks for",
        _inputs_of_version,
        "documented",
        "the published document: uiMetadata of a version",
        ("executeBlueprint",),
    ),
    Rule(
        "a reference names a picture or brings it along, and who works on one has one",
        _whole_references,
        "documented",
        "OpenAPI documents of version 2 on docs.leonardo.ai",
        ("createGenerationV2", "createGenerationSyncV2"),
        part="any",
    ),
    Rule(
        "a page goes one way, from a cursor of the list",
        lambda sent: _one_way(sent.query),
        "documented",
        _PAGES,
        ("getBlueprintExecutionGenerations",),
        part="query",
    ),
    Rule(
        "a page asked for in a body goes one way",
        lambda sent: _one_way(sent.properties),
        "documented",
        _PAGES,
        ("listBlueprints",),
    ),
    Rule(
        "an extension is one of png, jpg, jpeg, webp",
        _extension,
        "documented",
        "error messages page of docs.leonardo.ai: invalid file extension",
        ("uploadInitImage", "uploadCanvasInitImage", "uploadDatasetImage"),
    ),
    Rule("a media extension is mp4 or mov", _media_extension, "documented", _DESCRIPTION, ("uploadMedia",)),
    Rule(
        "a picture in a call is a data URL",
        _data_url,
        "documented",
        _DESCRIPTION,
        ("createLCMGeneration", "performInstantRefine", "performInpaintingLCM", "performAlchemyUpscaleLCM"),
    ),
    Rule(
        "a prompt to improve has less than 200 characters",
        _short_prompt,
        "documented",
        "error messages page of docs.leonardo.ai: Prompt is too long",
        ("promptImprove",),
    ),
)


def amend(sent: Sent, wrong: Collection[Part]) -> None:
    """Apply the rules to a call of which some parts are wrong on purpose."""
    for rule in RULES:
        if rule.part not in wrong and rule.concerns(sent.operation):
            rule.amend(sent)
