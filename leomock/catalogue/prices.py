"""What things cost, in credits: one rule a service, by the parameters that the pricing calculator takes.

The real formula is not public. The figures that people saw are kept to: for a picture of 832x1216 with 10
steps 2 with Flux Schnell, 8 with Lightning XL, Flux Dev and the Lucid models, 11 with Phoenix and the other
SDXL models; 9 for one of 512x512 with 30 steps; 4 for a prompt. The rest is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Parameters = Mapping[str, Any]

# For a picture, by the flag of its family; the rest cost as much as Lightning XL.
FAMILIES = {
    "isFluxSchnell": 2,
    "isFluxDev": 8,
    "isFluxKontext": 8,
    "isSDXLLightning": 8,
    "isPhoenix": 11,
    "isSDXL": 11,
}
USUAL = 8
# Beyond these a picture costs more.
USUAL_PIXELS = 1024 * 1024
USUAL_STEPS = 15
PROMPT = 4
VARIATION = 5
# Of videos, by resolution.
VIDEOS = {"RESOLUTION_480": 100, "RESOLUTION_720": 150, "RESOLUTION_1080": 250}
UPSCALED_VIDEO = 100


def _image(given: Parameters) -> int:
    each = next((price for flag, price in FAMILIES.items() if given.get(flag)), USUAL)
    if given.get("inferenceSteps", 0) > USUAL_STEPS:
        each += 1
    if given.get("isUltra"):
        each *= 2
    if given.get("isModelCustom"):
        each += 1
    each += given.get("loraCount") or 0
    pixels = given.get("imageWidth", 0) * given.get("imageHeight", 0)
    if pixels > USUAL_PIXELS:
        each = math.ceil(each * pixels / USUAL_PIXELS)
    price: int = each * given.get("numImages", 1) + (given.get("controlnetsCost") or 0)
    return price


def _lcm(given: Parameters) -> int:
    return 4 if given.get("refine") else 2 if given.get("instantRefine") else 1


def _training(given: Parameters) -> int:
    return 500 if given.get("sd_version") else 250


def _ultra_upscale(given: Parameters) -> int:
    pixels = given.get("inputWidth", 0) * given.get("inputHeight", 0) * given.get("upscaleMultiplier", 1) ** 2
    price: int = max(10, 10 * math.ceil(pixels / USUAL_PIXELS))
    return price


_RULES: dict[str, Callable[[Parameters], int]] = {
    "IMAGE_GENERATION": _image,
    "FANTASY_AVATAR_GENERATION": _image,
    "MOTION_SVD_GENERATION": lambda given: 25,
    "MOTION_VIDEO_GENERATION": lambda given: VIDEOS.get(given.get("resolution", ""), 100),
    "VEO3_MOTION_VIDEO_GENERATION": lambda given: 1000,
    "LCM_GENERATION": _lcm,
    "MODEL_TRAINING": _training,
    "TEXTURE_GENERATION": lambda given: 5 if given.get("preview") else 20,
    "UNIVERSAL_UPSCALER": lambda given: max(10, 5 * (given.get("megapixel") or 0)),
    "UNIVERSAL_UPSCALER_ULTRA": _ultra_upscale,
}


def price(service: str, given: Parameters) -> int:
    """The price of a call to a service (the words of `POST /pricing-calculator`), in credits."""
    return _RULES[service](given)
