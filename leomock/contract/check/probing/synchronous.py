"""Probes of calls that answer without a job: the realtime canvas, prompts and prices."""

from __future__ import annotations

import base64
import io
from typing import Any

from leomock.contract.check.media import PICTURE
from leomock.contract.check.properties import price_problems
from leomock.contract.check.visit import Skipped, Tell, Visit, shown


def probe_canvas(visit: Visit, tell: Tell) -> None:
    """Check that the realtime canvas returns images."""
    data = f"data:image/jpeg;base64,{base64.b64encode(PICTURE).decode()}"
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("createLCMGeneration", "/generations-lcm", {"width": 512, "height": 512}),
        ("performInstantRefine", "/lcm-instant-refine", {"width": 512, "height": 512}),
        ("performInpaintingLCM", "/lcm-inpainting", {"width": 512, "height": 512, "maskDataUrl": data}),
        ("performAlchemyUpscaleLCM", "/lcm-upscale", {"width": 512, "height": 512}),
    )
    for operation, path, body in calls:
        made = _paid(visit, tell, operation, path, {"imageDataUrl": data, "prompt": "a fox", **body})
        pictures = made["imageDataUrl"]
        tell(pictures, operation, f"POST {path} answered no picture")
        for url in pictures:
            size = _size_of_picture(url)
            tell(size, operation, f"POST {path} answered a data URL that is not a picture")
            fits = size and (min(size) > 512 if path == "/lcm-upscale" else size == (512, 512))
            told = f"POST {path} with 512 by 512 pixels answered a picture of {shown(size)}"
            tell(fits or not size, operation, told)


def _size_of_picture(url: Any) -> tuple[int, int] | None:
    from PIL import Image

    head, _, data = str(url).partition(",")
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        picture.load()
    except (OSError, ValueError, SyntaxError):
        return None
    return picture.size if head.startswith("data:image/") and head.endswith(";base64") else None


def _paid(visit: Visit, tell: Tell, operation: str, path: str, body: Any) -> Any:
    """Send a call that is charged at once; check its price and the balance."""
    before = visit.balance()
    made = visit.call("POST", path, body)
    after = visit.balance()
    for told in price_problems(made):
        tell(False, operation, f"POST {path}: {told}")
    cost = made.get("apiCreditCost")
    if before is not None and after is not None and isinstance(cost, int):
        told = f"POST {path} cost {cost} credits, but the balance of the account fell by {before - after}"
        if before - after != cost:
            visit.report("property-balance", "getUserSelf", told)
    return made


def probe_prompts(visit: Visit, tell: Tell) -> None:
    """Check that prompts are texts, and that random ones differ."""
    for operation, path, body in (
        ("promptRandom", "/prompt/random", {}),
        ("promptImprove", "/prompt/improve", {"prompt": "a fox"}),
    ):
        made = _paid(visit, tell, operation, path, body)
        text = made["prompt"]
        tell(
            isinstance(text, str) and len(text) > 10,
            operation,
            f"POST {path} answered the prompt {shown(text)}",
        )
        tell(text != body.get("prompt"), operation, f"POST {path} answered the prompt that was sent")
    both = {visit.call("POST", "/prompt/random", {})["prompt"] for _ in range(3)}
    tell(len(both) > 1, "promptRandom", "three random prompts are the same")


def probe_calculator(visit: Visit, tell: Tell) -> None:
    """Check that the calculator's price depends on the request."""

    def price(service: str, **parameters: Any) -> Any:
        body = {"service": service, "serviceParams": {service: parameters}}
        return visit.call("POST", "/pricing-calculator", body)["cost"]

    small = {"imageWidth": 512, "imageHeight": 512, "inferenceSteps": 10}
    prices = [price("IMAGE_GENERATION", numImages=count, **small) for count in range(1, 5)]
    if prices == [None] * 4:
        raise Skipped("the calculator knows no prices, as for an account that pays in dollars")
    told = f"1, 2, 3 and 4 images cost {shown(prices)} credits"
    rising = all(isinstance(one, int) for one in prices) and prices == sorted({0, *prices} - {0})
    tell(rising, "pricingCalculator", told)
    one = prices[0]
    video = price("MOTION_SVD_GENERATION")
    told = f"a video costs {shown(video)} credits, no more than a picture ({shown(one)})"
    tell(isinstance(video, int) and isinstance(one, int) and video > one, "pricingCalculator", told)
