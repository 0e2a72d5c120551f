"""Change a generated call so that it satisfies one rule; there is one function for each rule in `rules`."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from leomock.contract.check.media import PICTURE
from leomock.contract.check.prepare import at, node_inputs
from leomock.contract.check.resource_pool import NAMES, Kind, ResourcePool, kind_in_path, kind_of
from leomock.leonardo.catalogue import LARGEST_SIZE, elements, platform_models
from leomock.leonardo.catalogue.guidance import broken_guidance
from leomock.leonardo.catalogue.v2 import models_v2

EXTENSIONS = ("png", "jpg", "jpeg", "webp")
# The models that photoReal v2 accepts: Kino XL, Diffusion XL, Vision XL.
PHOTOREAL_V2_MODELS = (
    "aa77f04e-3eec-4034-9c07-d0f619684628",
    "1e60896f-3c26-4296-8ecc-53e2afecc132",
    "5c232a9e-9061-4777-980a-ddc8e65647c6",
)
LARGEST_FLUX_SEED = 2147483637
# Seconds that video models accept.
VIDEO_SECONDS = {
    **dict.fromkeys(("VEO3", "VEO3FAST", "VEO3_0", "VEO3_1", "VEO3_1FAST"), (4, 6, 8)),
    **dict.fromkeys(("KLING2_5", "Kling2_5"), (5, 10)),
}
DATA_URL = f"data:image/jpeg;base64,{base64.b64encode(PICTURE).decode()}"
# The name that schemathesis gives to a property that is not in the document.
UNNAMEABLE = "x-schemathesis-unknown-property"
# The share of reads that name an existing resource. The others name a missing one and get null.
SHARE_OF_READS = 0.75


@dataclass(slots=True)
class Sent:
    """A call that is about to be sent, changed in place.

    `required` holds the body's required properties. `unnamed` collects the kinds of resource that the call
    should name but does not, because none is known or because a read deliberately names a missing one.
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
        """Return the body's properties; empty if the body is not an object."""
        return self.body if isinstance(self.body, dict) else {}


# --- things that exist --------------------------------------------------------------------------------


def delete_own_things(sent: Sent) -> None:
    """Make sure that a check deletes only resources that it created and no longer needs."""
    if sent.method != "DELETE":
        return
    for holder in (sent.path_variables, sent.properties):
        for name in holder:
            id = unquote(str(holder[name])).strip().lower()
            if name not in ("id", *sent.path_variables) or sent.things.may_delete(id):
                continue
            # Change any value that could be read as an id, since it may name a real resource.
            if _NUMBER.fullmatch(id):
                holder[name] = _no_thing(id, number=True)
            elif len(_NO_HEX.sub("", id)) == 32:
                holder[name] = _no_thing(id)


_NUMBER = re.compile(r"[+-]?\d+(\.0*)?")
_NO_HEX = re.compile(r"[^0-9a-f]")


def _no_thing(seed: str, *, number: bool = False) -> str:
    """Return an id that names no resource; the same seed gives the same id."""
    digest = hashlib.sha256(f"nothing has this id: {seed}".encode()).digest()
    if number:
        return str(2_000_000_000 + int.from_bytes(digest[:4], "big") % 147_000_000)
    return str(UUID(bytes=digest[:16], version=4))


def name_in_path(sent: Sent) -> None:
    """Make sure that the resource named in the path exists."""
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


def no_null_in_path(sent: Sent) -> None:
    """Replace a null in the path with the text 'null'."""
    for name, value in sent.path_variables.items():
        if value is None or value == "null":
            sent.path_variables[name] = _no_thing(sent.path)


def name_in_body(sent: Sent) -> None:
    """Make sure that the resources named in the body exist."""
    if sent.method != "DELETE":
        for name in list(sent.properties):
            missing = _named(sent, name, sent.properties, (sent.operation,))
            if missing and name not in sent.required:
                del sent.properties[name]
            else:
                sent.unnamed += missing


def _named(sent: Sent, name: Any, holder: Any, within: tuple[str, ...]) -> list[Kind]:
    """Replace ids at or below `name` with existing ones; return the kinds of which none is known.

    `within` lists the enclosing property names, innermost first, and then the operation.
    """
    value = holder[name]
    if isinstance(value, dict | list):
        below = range(len(value)) if isinstance(value, list) else list(value)
        inner = (name, *within) if isinstance(name, str) else within
        return [kind for part in below for kind in _named(sent, part, value, inner)]
    if value is None:
        return []
    # An entry of a list of ids has the kind of the list.
    kind = kind_of(name, holder, within) if isinstance(holder, dict) else NAMES.get(within[0])
    if not isinstance(kind, str):
        return []
    id = sent.things.pick(kind, sent.random)
    if id is None:
        return [kind]
    holder[name] = id
    return []


def nameable_key(sent: Sent) -> None:
    """Make sure that an unknown key is a valid variable name."""
    if UNNAMEABLE in sent.properties:
        sent.properties[UNNAMEABLE.replace("-", "_")] = sent.properties.pop(UNNAMEABLE)


# --- properties that go together ------------------------------------------------------------------------


def few_large_images(sent: Sent) -> None:
    """Limit images larger than 768 pixels to 4."""
    body = sent.properties
    for name, largest in zip(("width", "height"), LARGEST_SIZE, strict=True):
        if isinstance(body.get(name), int) and body[name] > largest:
            body[name] = largest
    width, height = body.get("width") or 1024, body.get("height") or 768
    if (width > 768 or height > 768) and (body.get("num_images") or 0) > 4:
        body["num_images"] = 4


def weights_of_elements(sent: Sent) -> None:
    """Keep the weights of platform elements in their ranges."""
    for entry in sent.properties.get("elements") or ():
        element = elements().get(str(entry.get("akUUID"))) if isinstance(entry, dict) else None
        weight = entry.get("weight") if element else None
        if element and isinstance(weight, int | float):
            entry["weight"] = min(max(weight, element.weight_min), element.weight_max)


def unzoom_complete(sent: Sent) -> None:
    """Make sure that unzoom comes with unzoomAmount and init_image_id."""
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


def photo_real_with_alchemy(sent: Sent) -> None:
    """Make sure that photoReal comes with alchemy."""
    if sent.properties.get("photoReal") and sent.properties.get("alchemy") is False:
        sent.properties["alchemy"] = True


def model_of_photo_real(sent: Sent) -> None:
    """Make sure that photoReal v1 has no modelId, and v2 has one of its three models."""
    body = sent.properties
    if not body.get("photoReal"):
        return
    if body.get("photoRealVersion") == "v2":
        if body.get("modelId") not in PHOTOREAL_V2_MODELS:
            body["modelId"] = sent.random.choice(PHOTOREAL_V2_MODELS)
    else:
        body.pop("modelId", None)


def ultra_without_alchemy(sent: Sent) -> None:
    """Remove alchemy from calls with ultra."""
    if sent.properties.get("ultra") and sent.properties.get("alchemy"):
        sent.properties["ultra"] = False


def contrast_of_phoenix(sent: Sent) -> None:
    """Make sure that Phoenix with alchemy has a contrast of at least 2.5."""
    body = sent.properties
    model = platform_models().get(str(body.get("modelId")))
    if model and model.is_phoenix and body.get("alchemy") is not False and (body.get("contrast") or 9) < 2.5:
        body["contrast"] = 2.5


def guidance_of_model(sent: Sent) -> None:
    """Leave out image guidance that the model does not take."""
    body = sent.properties
    model = platform_models().get(str(body.get("modelId")))
    if model and any(broken_guidance(model, body.get("controlnets") or ())):
        del body["controlnets"]


def sd_version_of_phoenix(sent: Sent) -> None:
    """Leave out `sd_version` for Phoenix, which takes no other than its own."""
    model = platform_models().get(str(sent.properties.get("modelId")))
    if model and model.is_phoenix and sent.properties.get("sd_version") not in (None, "PHOENIX"):
        sent.properties["sd_version"] = "PHOENIX"


def seed_of_flux(sent: Sent) -> None:
    """Keep seeds for Flux models within their smaller range."""
    body = sent.properties
    model = platform_models().get(str(body.get("modelId")))
    if model and model.is_flux and (body.get("seed") or 0) > LARGEST_FLUX_SEED:
        body["seed"] = LARGEST_FLUX_SEED


def sides_of_model(sent: Sent) -> None:
    """Send a model that has only certain widths and heights the nearest of them."""
    body = sent.properties
    model = platform_models().get(str(body.get("modelId")))
    if not model or not model.sides:
        return
    for name in ("width", "height"):
        if body.get(name) is not None:
            body[name] = min(model.sides, key=lambda side: abs(side - body[name]))


def priced_service(sent: Sent) -> None:
    """Make sure that serviceParams contains the parameters of the service."""
    body = sent.properties
    service = body.get("service") or "LCM_GENERATION"
    given = body.get("serviceParams") or {}
    if given.get(service) is None:
        sent.body = {**body, "service": service, "serviceParams": {**given, service: {}}}


def one_image(sent: Sent) -> None:
    """Make sure that the call upscales exactly one image."""
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


def one_style(sent: Sent) -> None:
    """Make ultraUpscaleStyle exclude upscalerStyle, and remove options that require it if it is missing."""
    body = sent.properties
    if body.get("ultraUpscaleStyle"):
        body.pop("upscalerStyle", None)
    else:
        for name in ("detailContrast", "similarity"):
            body.pop(name, None)


def training(sent: Sent) -> None:
    """Make sure that epochs and learning rate suit the model and the focus."""
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


# Epochs and learning rates: for FLUX_DEV by focus. General, which FLUX_DEV lacks, covers all other models.
ELEMENT_LIMITS = {
    "General": (1, 250, 0.00000001, 0.00001),
    "Style": (30, 120, 0.000001, 0.00003),
    "Object": (120, 220, 0.00001, 0.001),
    "Character": (100, 200, 0.00001, 0.001),
}


def video(sent: Sent) -> None:
    """Make sure that a video's parameters suit its model."""
    body = sent.properties
    model = body.get("model") or "MOTION2"
    if model != "KLING2_1":
        body.pop("endFrameImage", None)
    if model not in ("MOTION2", "MOTION2FAST"):
        body.pop("elements", None)
    elif (body.get("seed") or 0) > LARGEST_FLUX_SEED:
        body["seed"] = LARGEST_FLUX_SEED
    choices = VIDEO_SECONDS.get(model)
    if choices and body.get("duration") not in (None, *choices):
        body["duration"] = sent.random.choice(choices)


def whole_references(sent: Sent) -> None:
    """Complete every guidance image with the fields that its type requires; replace images given by URL.

    This also applies to deliberately invalid calls: the API would reject them because of the image alone.
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


def inputs_of_version(sent: Sent) -> None:
    """Make sure that a blueprint gets the inputs that its version requires."""
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


def one_way(page: dict[str, Any]) -> None:
    """Make sure that a page goes in one direction only, and that no cursor is made up."""
    # Only the server creates cursors.
    for name in ("after", "before"):
        page.pop(name, None)
    if page.get("first") is not None:
        page.pop("last", None)


# --- texts with a fixed format --------------------------------------------------------------------------


def extension(sent: Sent) -> None:
    """Make sure that an extension is png, jpg, jpeg or webp."""
    for name in ("extension", "initExtension", "maskExtension"):
        if name in sent.properties and sent.properties[name] not in EXTENSIONS:
            sent.properties[name] = sent.random.choice(EXTENSIONS)


def media_extension(sent: Sent) -> None:
    """Make sure that a media extension is mp4 or mov."""
    if sent.properties.get("extension") not in ("mp4", "mov"):
        sent.properties["extension"] = sent.random.choice(("mp4", "mov"))


def data_url(sent: Sent) -> None:
    """Make sure that an image in a call is a data URL."""
    for name in ("imageDataUrl", "maskDataUrl"):
        if name in sent.properties:
            sent.properties[name] = DATA_URL


def short_prompt(sent: Sent) -> None:
    """Make sure that a prompt to improve has fewer than 200 characters."""
    prompt = sent.properties.get("prompt")
    if isinstance(prompt, str):
        sent.properties["prompt"] = prompt[:199]
