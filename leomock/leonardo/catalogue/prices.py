"""Prices in credits: one rule for each service, by the parameters of the pricing calculator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from leomock.leonardo.basis import Chosen, Documented, Evidence, Inferred, Observed, based_on
from leomock.leonardo.catalogue import platform_models
from leomock.leonardo.catalogue.v2 import ModelV2, all_models_v2

Parameters = Mapping[str, Any]

# Per image, by the flag of its family; other families cost the same as Lightning XL.
FAMILIES = {
    "isFluxSchnell": 2,
    "isFluxDev": 8,
    "isFluxKontext": 8,
    "isSDXLLightning": 8,
    "isPhoenix": 11,
    "isSDXL": 11,
}
USUAL = 8
# Images with more steps cost more. The upscalers are priced by this number of pixels.
USUAL_PIXELS = 1024 * 1024
USUAL_STEPS = 15
PROMPT = 4
VARIATION = 5
UPSCALED_VIDEO = 100
# Version 2 prices that nobody observed: credits for a second of video, a mesh and a sound (chosen).
USUAL_SECOND = 30
CUTOUT_V2 = 70
MESH_V2 = 100
SOUND_V2 = 20


def _image(given: Parameters) -> int:
    each = USUAL
    for flag, price in FAMILIES.items():  # every creation calls this, and `next` is slower
        if given.get(flag):
            each = price
            break
    if given.get("inferenceSteps", 0) > USUAL_STEPS:
        each += 1
    if given.get("isUltra"):
        each *= 2
    if given.get("isModelCustom"):
        each += 1
    each += given.get("loraCount") or 0
    each = _by_size(each, given.get("imageWidth", 0), given.get("imageHeight", 0))
    total: int = each * given.get("numImages", 1) + (given.get("controlnetsCost") or 0)
    return total


def _by_size(each: int, width: int, height: int) -> int:
    """Return the price of an image: beyond a million pixels, it grows in proportion."""
    return round(each * max(1, width * height / 1_000_000))


@cache
def _seen_prices() -> dict[tuple[Any, ...], int]:
    rows = orjson.loads(Path(__file__).with_name("prices_seen.json").read_bytes())
    names = ("model", "width", "height", "images", "steps")
    return {tuple(row[name] for name in names): row["credits"] for row in rows}


@based_on(
    Evidence("albedobase-xl-price-512"),
    Evidence("albedobase-xl-price-600"),
    Evidence("leonardo-creative-price-of-four"),
    Chosen("an observed price that fits no rule applies only to the exact request that was observed"),
)
def seen_price(model: str, width: int, height: int, images: int, steps: int) -> int | None:
    """Return the observed price of such a version 1 request in credits, or None."""
    return _seen_prices().get((model, width, height, images, steps))


@based_on(
    Documented(
        "answers in the recipes of the realtime canvas: 1 credit for 512x512, 4 for 1024x1024, "
        "5 for an instant refine and 8 for an upscale"
    ),
    Inferred("a picture costs as much more as it has pixels"),
    Chosen("a refine and an upscale cost the same at every size"),
)
def _lcm(given: Parameters) -> int:
    if given.get("refine"):
        return 8
    if given.get("instantRefine"):
        return 5
    pixels: int = (given.get("width") or 0) * (given.get("height") or 0)
    return round(max(1, pixels / 512**2))


def _training(given: Parameters) -> int:
    return 500 if given.get("sd_version") else 250


def _ultra_upscale(given: Parameters) -> int:
    pixels = given.get("inputWidth", 0) * given.get("inputHeight", 0) * given.get("upscaleMultiplier", 1) ** 2
    price: int = max(10, 10 * math.ceil(pixels / USUAL_PIXELS))
    return price


def _motion_video(given: Parameters) -> int:
    """Return the price of a video of Motion 2.0, which version 2 has under another name."""
    [seen] = all_models_v2()["motion_2.0"].entry["prices"]
    row_of_sizes = f"{given.get('resolution', '').rpartition('_')[2]}p"
    credits: float = seen["credits"] * seen["bySize"].get(row_of_sizes, 1)
    return round(credits)


_RULES: dict[str, Callable[[Parameters], int]] = {
    "IMAGE_GENERATION": _image,
    "FANTASY_AVATAR_GENERATION": _image,
    "MOTION_SVD_GENERATION": lambda given: 25,
    "MOTION_VIDEO_GENERATION": _motion_video,
    "VEO3_MOTION_VIDEO_GENERATION": lambda given: 1000,
    "LCM_GENERATION": _lcm,
    "MODEL_TRAINING": _training,
    "TEXTURE_GENERATION": lambda given: 5 if given.get("preview") else 20,
    "UNIVERSAL_UPSCALER": lambda given: max(10, 5 * (given.get("megapixel") or 0)),
    "UNIVERSAL_UPSCALER_ULTRA": _ultra_upscale,
}


@based_on(
    Observed(
        "a picture of 832x1216 with 10 steps costs 2 with Flux Schnell, 8 with Lightning "
        "XL, Flux Dev and the Lucid models, 11 with Phoenix and the other SDXL models; "
        "one of 512x512 with 30 steps costs 9"
    ),
    Evidence("lucid-origin-price-full-hd"),
    Chosen("everything beyond the observed figures, since the real formula is not public"),
)
def price(service: str, given: Parameters) -> int:
    """Return the price of a call to a service (named as in `POST /pricing-calculator`), in credits."""
    return _RULES[service](given)


@based_on(
    Observed("the prices in v2_models.json, each with its source"),
    Inferred("an image model without an observed price costs the same as in version 1"),
    Inferred("an observed price grows with the seconds, the pixels and the number of results"),
    Chosen("all models of a kind without an observed price cost the same"),
)
def price_v2(model: ModelV2, row: Parameters, given: Parameters) -> int:
    """Return the price of a version 2 generation in credits: `row` is the result, `given` what was sent."""
    seen = model.entry.get("prices")
    each = _seen_price(model, seen[0], row, given) if seen else _usual_price(model, row)
    total: int = max(1, round(each * row["num_images"]))
    return total


def _seen_price(model: ModelV2, seen: Parameters, row: Parameters, given: Parameters) -> float:
    each: float = seen["credits"]
    if seen["per"] == "megapixel":
        each = each * row["imageWidth"] * row["imageHeight"] / 1_000_000
    elif seen["per"] == "second":
        each = each * row["seconds"]
    each *= seen.get("bySize", {}).get(model.row_of_sizes(row), 1)
    for name, factors in seen.get("by", {}).items():
        factor: float = factors.get(given.get(name, seen.get("usual")), 1)
        each *= factor
    has_references = bool((given.get("guidances") or {}).get("image_reference"))
    beside: float = seen.get("withReferences", 1) if has_references else 1
    return each * beside


def _usual_price(model: ModelV2, row: Parameters) -> float:
    width, height = row["imageWidth"], row["imageHeight"]
    match model.kind:
        case "image":
            in_version_1 = platform_models().get(model.id)
            flag = in_version_1.flag if in_version_1 else ""
            return _image({flag: True, "imageWidth": width, "imageHeight": height})
        case "video":
            return float(USUAL_SECOND * row["seconds"])
        case "upscaler":
            return price("UNIVERSAL_UPSCALER", {"megapixel": math.ceil(width * height / USUAL_PIXELS)})
        case "cutout":
            return CUTOUT_V2
        case "mesh":
            return MESH_V2
        case "sound":
            return SOUND_V2
