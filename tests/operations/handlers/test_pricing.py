"""POST /pricing-calculator: what a job would cost."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.leonardo.catalogue import platform_models
from leomock.leonardo.catalogue.prices import price
from tests.fixtures import client_of

IDS = {model.name: id for id, model in platform_models().items()}
# Seen for one picture of 832x1216 with 10 steps.
SEEN = {
    "Flux Schnell": ("isFluxSchnell", 2),
    "Flux Dev": ("isFluxDev", 8),
    "Leonardo Lightning XL": ("isSDXLLightning", 8),
    "Lucid Origin": ("", 8),
    "Leonardo Phoenix 1.0": ("isPhoenix", 11),
    "AlbedoBase XL": ("isSDXL", 11),
    "Leonardo Diffusion XL": ("isSDXL", 11),
    "Leonardo Vision XL": ("isSDXL", 11),
}


def cost(client: httpx.Client, service: str, **given: Any) -> int:
    answer = client.post("/pricing-calculator", json={"service": service, "serviceParams": {service: given}})
    assert answer.status_code == 200, answer.text
    figure: int = answer.json()["calculateProductionApiServiceCost"]["cost"]
    return figure


@pytest.mark.parametrize(("model", "seen"), SEEN.items())
def test_calculator_and_job_tell_the_figure_that_was_seen(
    client: httpx.Client, model: str, seen: tuple[str, int]
) -> None:
    """The same three times.

    Holds code:price.
    """
    flag, figure = seen
    flags = {flag: True} if flag else {}
    calculated = cost(
        client,
        "IMAGE_GENERATION",
        imageWidth=832,
        imageHeight=1216,
        numImages=1,
        inferenceSteps=10,
        alchemyMode=False,
        highResolution=False,
        **flags,
    )
    body = {"prompt": "a", "modelId": IDS[model], "width": 832, "height": 1216}
    body |= {"num_images": 1, "num_inference_steps": 10, "alchemy": False}
    job = client.post("/generations", json=body).json()["sdGenerationJob"]
    assert calculated == job["apiCreditCost"] == figure


@pytest.mark.parametrize(
    ("beside", "credits"),
    [({}, 9), ({"num_inference_steps": 16}, 12), ({"width": 520}, 11), ({"ultra": True}, 22)],
)
def test_price_that_fits_no_rule_counts_for_the_request_that_was_seen(
    client: httpx.Client, beside: dict[str, Any], credits: int
) -> None:
    """And a request that differs from it costs what the rule says.

    Holds code:seen_price#4.
    """
    body = {"prompt": "a", "modelId": IDS["AlbedoBase XL"], "width": 512, "height": 512}
    body |= {"num_images": 1, "num_inference_steps": 15}
    job = client.post("/generations", json=body | beside).json()["sdGenerationJob"]
    assert job["apiCreditCost"] == credits


def test_thirty_steps_at_512_cost_the_nine_that_were_seen() -> None:
    """On Leonardo Creative, in 2024.

    Holds code:price.
    """
    given = {"imageWidth": 512, "imageHeight": 512, "numImages": 1, "inferenceSteps": 30}
    assert price("IMAGE_GENERATION", given) == 9


@pytest.mark.parametrize(
    ("service", "given", "figure"),
    [
        ("FANTASY_AVATAR_GENERATION", {"imageWidth": 1024, "imageHeight": 1024, "numImages": 4}, 32),
        ("MOTION_SVD_GENERATION", {}, 25),
        ("MOTION_VIDEO_GENERATION", {"resolution": "RESOLUTION_720"}, 300),
        ("VEO3_MOTION_VIDEO_GENERATION", {"resolution": "RESOLUTION_720"}, 1000),
        ("LCM_GENERATION", {"height": 512, "width": 512, "instantRefine": True, "refine": False}, 5),
        ("LCM_GENERATION", {"height": 1024, "width": 1024, "instantRefine": False, "refine": False}, 4),
        ("LCM_GENERATION", {"height": 1024, "width": 1024, "instantRefine": False, "refine": True}, 8),
        ("MODEL_TRAINING", {"resolution": 1024, "sd_version": "FLUX_DEV"}, 500),
        ("TEXTURE_GENERATION", {"preview": True}, 5),
        ("UNIVERSAL_UPSCALER", {"megapixel": 4}, 20),
        ("UNIVERSAL_UPSCALER_ULTRA", {"inputWidth": 1024, "inputHeight": 1024, "upscaleMultiplier": 2}, 40),
    ],
)
def test_every_other_service_has_a_price(
    client: httpx.Client, service: str, given: dict[str, Any], figure: int
) -> None:
    """By a rule of our own.

    Holds code:price#3
    and code:_lcm#2 and code:_lcm#3.
    """
    assert cost(client, service, **given) == figure


def test_service_without_its_parameters_is_refused(client: httpx.Client) -> None:
    """The explanation says what is missing.

    Holds operation:pricingCalculator.
    """
    answer = client.post("/pricing-calculator", json={"service": "IMAGE_GENERATION", "serviceParams": {}})
    assert answer.status_code == 400
    assert answer.json()["error"] == "serviceParams must have the parameters of the service"
    assert answer.headers["x-leomock-explain"] == (
        "pricingCalculator: send serviceParams.IMAGE_GENERATION beside service"
    )


def test_calculator_tells_credits_where_prices_are_in_dollars() -> None:
    """And not null, as was seen.

    Holds operation:pricingCalculator#2.
    """
    fake = Fake(unit="DOLLARS", clock="frozen")
    with client_of(fake) as client:
        assert cost(client, "TEXTURE_GENERATION", preview=True) == 5
    fake.close()


@pytest.mark.parametrize(
    ("service", "name", "given"),
    [
        ("IMAGE_GENERATION", "loraCount", {"imageWidth": 512, "imageHeight": 512}),
        ("IMAGE_GENERATION", "controlnetsCost", {"imageWidth": 512, "imageHeight": 512}),
        ("UNIVERSAL_UPSCALER_ULTRA", "inputWidth", {"inputHeight": 64, "upscaleMultiplier": 2}),
        ("UNIVERSAL_UPSCALER_ULTRA", "inputHeight", {"inputWidth": 64, "upscaleMultiplier": 2}),
    ],
)
@pytest.mark.parametrize(
    ("number", "shown"),
    [(2**31, "2.147483648e9"), (2**64, "1.8446744073709552e19"), (1e308, "1.0e308")],
)
def test_number_of_more_than_32_bits_is_refused(
    client: httpx.Client, service: str, name: str, given: dict[str, Any], number: float, shown: str
) -> None:
    """GraphQL has none, and says so before the limits of the service."""
    asked = {"service": service, "serviceParams": {service: {**given, name: number}}}
    answer = client.post("/pricing-calculator", json=asked)
    assert answer.json() == {
        "error": f"The value {shown} lies outside the bounds or is not an integer. "
        "Maybe it is a float, or is there integer overflow?",
        "path": f"$.selectionSet.calculateProductionApiServiceCost.args.arg1.serviceParams.{service}.{name}",
        "code": "parse-failed",
    }


def test_size_of_null_is_priced_as_one_that_is_left_out(client: httpx.Client) -> None:
    assert cost(client, "LCM_GENERATION", width=None, height=512) == cost(client, "LCM_GENERATION")
