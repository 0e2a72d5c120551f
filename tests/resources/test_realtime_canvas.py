"""The four operations of the realtime canvas."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake

PATHS = ("/generations-lcm", "/lcm-instant-refine", "/lcm-inpainting", "/lcm-upscale")


def data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=95)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


SKETCH = data_url(Image.new("RGB", (64, 64), (200, 30, 30)))
# White on the left, black on the right.
HALF = Image.new("L", (64, 64), 0)
HALF.paste(255, (0, 0, 32, 64))
MASK = data_url(HALF)


def body_for(path: str, **more: Any) -> dict[str, Any]:
    mask = {"maskDataUrl": MASK} if path == "/lcm-inpainting" else {}
    return {"imageDataUrl": SKETCH, "prompt": "a boat", "seed": 7, "requestTimestamp": "12", **mask, **more}


def drawn(client: httpx.Client, path: str, **more: Any) -> tuple[dict[str, Any], Image.Image]:
    answer = client.post(path, json=body_for(path, **more))
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()["lcmGenerationJob"]
    (url,) = job["imageDataUrl"]
    head, _, content = url.partition(",")
    assert head == "data:image/jpeg;base64"
    return job, Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.mark.parametrize("path", PATHS)
def test_picture_is_answered_at_once(client: httpx.Client, path: str) -> None:
    """Of the size asked for, twice that when it is upscaled; the same call gives the same picture."""
    job, image = drawn(client, path, width=640, height=512)
    factor = 2 if path == "/lcm-upscale" else 1
    assert image.size == (640 * factor, 512 * factor)
    assert job["requestTimestamp"] == "12"
    assert drawn(client, path, width=640, height=512)[1].tobytes() == image.tobytes()


@pytest.mark.parametrize(("path", "credits"), [*zip(PATHS, (1, 2, 1, 4), strict=True)])
def test_picture_is_paid_for(client: httpx.Client, path: str, credits: int) -> None:
    """By what the answer says."""
    before = client.get("/me").json()["user_details"][0]["apiPaidTokens"]
    job, _ = drawn(client, path)
    assert job["apiCreditCost"] == credits
    assert client.get("/me").json()["user_details"][0]["apiPaidTokens"] == before - credits


def test_strength_keeps_less_of_the_sketch(client: httpx.Client) -> None:
    """The less the stronger."""
    reds = []
    for strength in (0.1, 1):
        _, image = drawn(client, "/generations-lcm", strength=strength)
        # Above the plate at the bottom.
        red, green, _blue = image.crop((0, 0, 512, 300)).resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
        reds.append(red - green)
    assert reds[0] > reds[1] + 20


def test_inpainting_leaves_the_black_side_alone(client: httpx.Client) -> None:
    """It is as red as the sketch there."""
    _, image = drawn(client, "/lcm-inpainting", strength=1)
    left, right = (
        image.crop(box).resize((1, 1)).getpixel((0, 0)) for box in ((0, 0, 240, 300), (272, 0, 512, 300))
    )
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert all(abs(a - b) < 12 for a, b in zip(right, (200, 30, 30), strict=True))
    assert any(abs(a - b) > 30 for a, b in zip(left, (200, 30, 30), strict=True))


def test_upscaled_picture_stays(client: httpx.Client, fake: Fake) -> None:
    """As a picture of a finished generation, with its variation, to be downloaded."""
    job, image = drawn(client, "/lcm-upscale")
    row = client.get(f"/generations/{job['generationId'][0]}").json()["generations_by_pk"]
    assert row["status"] == "COMPLETE"
    (picture,) = row["generated_images"]
    assert picture["id"] == job["generatedImageId"]
    kept = Image.open(io.BytesIO(client.get(picture["url"]).content))
    assert kept.tobytes() == image.tobytes()


def test_upscaled_picture_has_a_variation(client: httpx.Client) -> None:
    """Both are twice as wide and high as the sketch, and finished.

    Holds code:resources.realtime_canvas.perform_alchemy_upscale_lcm.
    """
    job, image = drawn(client, "/lcm-upscale")
    (id,) = job["variationId"]
    (variation,) = client.get(f"/variations/{id}").json()["generated_image_variation_generic"]
    assert (variation["status"], variation["transformType"]) == ("COMPLETE", "UPSCALE")
    row = client.get(f"/generations/{job['generationId'][0]}").json()["generations_by_pk"]
    assert (row["imageWidth"], row["imageHeight"]) == image.size == (1024, 1024)
    (listed,) = row["generated_images"][0]["generated_image_variation_generics"]
    assert listed["id"] == id


def test_call_that_tells_neither_time_nor_strength(client: httpx.Client, fake: Fake) -> None:
    """The answer has the world's time; seven tenths of the sketch are changed.

    Holds code:resources.realtime_canvas._answer
    and code:resources.realtime_canvas._picture.
    """
    job, image = drawn(client, "/generations-lcm", requestTimestamp=None)
    assert job["requestTimestamp"] == str(int(fake.world.clock.now() * 1000))
    assert drawn(client, "/generations-lcm", strength=0.7)[1].tobytes() == image.tobytes()


def test_sketch_that_cannot_be_read_is_drawn_without(client: httpx.Client) -> None:
    """There is a picture all the same; its plate says so.

    Holds code:resources.realtime_canvas._image.
    """
    for sketch in ("data:image/jpeg;base64,AAAA", "data:image/jpeg;base64,A"):
        _, image = drawn(client, "/generations-lcm", imageDataUrl=sketch)
        assert image.size == (512, 512)


def test_sketch_that_is_no_data_url_is_refused(client: httpx.Client) -> None:
    """The documented beginning is asked for."""
    answer = client.post("/generations-lcm", json=body_for("/generations-lcm", imageDataUrl="a sketch"))
    assert answer.status_code == 400
    assert answer.json()["error"] == "image data must begin with data:image/jpeg;base64,"
