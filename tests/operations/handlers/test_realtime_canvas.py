"""The four operations of the realtime canvas."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from leomock.media.image import Picture

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


@pytest.mark.parametrize(("path", "credits"), [*zip(PATHS, (1, 5, 1, 8), strict=True)])
def test_picture_is_paid_for(client: httpx.Client, path: str, credits: int) -> None:
    """What the vendor's recipes show in their answers. Holds code:_lcm."""
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


def upscaled(client: httpx.Client) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], Image.Image]:
    """An upscale: its answer, its generation, its variation and its picture."""
    job, image = drawn(client, "/lcm-upscale")
    (generation_id,), (variation_id,) = job["generationId"], job["variationId"]
    row = client.get(f"/generations/{generation_id}").json()["generations_by_pk"]
    (variation,) = client.get(f"/variations/{variation_id}").json()["generated_image_variation_generic"]
    return job, row, variation, image


def opened(client: httpx.Client, url: str) -> Image.Image:
    """The picture at an address."""
    return Image.open(io.BytesIO(client.get(url).content))


def test_upscaled_picture_stays(client: httpx.Client) -> None:
    """As the variation of the picture of a finished generation, both to be downloaded.

    Holds operation:performAlchemyUpscaleLCM.
    """
    job, row, variation, image = upscaled(client)
    assert (row["status"], variation["status"], variation["transformType"]) == (
        "COMPLETE",
        "COMPLETE",
        "UPSCALE",
    )
    (picture,) = row["generated_images"]
    assert picture["id"] == job["generatedImageId"]
    (listed,) = picture["generated_image_variation_generics"]
    assert (listed["id"], listed["url"]) == (variation["id"], variation["url"])
    assert opened(client, variation["url"]).tobytes() == image.tobytes()
    assert opened(client, picture["url"]).size == (row["imageWidth"], row["imageHeight"]) == (512, 512)


def test_upscaled_picture_shows_the_sketch(client: httpx.Client) -> None:
    """So does the picture that it was made from."""
    _, row, variation, _ = upscaled(client)
    for url in (row["generated_images"][0]["url"], variation["url"]):
        image = opened(client, url)
        # Above the plate at the bottom.
        mean = image.crop((0, 0, image.width, image.height // 2)).resize((1, 1)).getpixel((0, 0))
        other = Picture("a boat", 7, 0, 512, 512).draw().image.crop((0, 0, 512, 256)).resize((1, 1))
        assert mean[0] - mean[1] > other.getpixel((0, 0))[0] - other.getpixel((0, 0))[1] + 20  # type: ignore[index]


@pytest.mark.parametrize("path", ["unzoom", "nobg", "universal-upscaler"])
def test_upscaled_picture_can_be_varied(client: httpx.Client, fake: Fake, path: str) -> None:
    """Its variation is one like all others: further ones are made from it."""
    _, _, variation, _ = upscaled(client)
    source = {"id": variation["id"], "isVariation": True}
    if path == "universal-upscaler":
        source = {"variationId": variation["id"]}
    (job,) = client.post(f"/variations/{path}", json=source).json().values()
    fake.finish(job["id"])
    (further,) = client.get(f"/variations/{job['id']}").json()["generated_image_variation_generic"]
    assert opened(client, further["url"]).width >= 1024


def test_upscaled_picture_goes_with_its_generation(client: httpx.Client, fake: Fake) -> None:
    """With its variation, and with the sketch that was kept for both."""
    _, row, variation, _ = upscaled(client)
    client.delete(f"/generations/{row['id']}")
    answer = client.get(f"/variations/{variation['id']}").json()
    assert answer == {"generated_image_variation_generic": []}
    assert not fake.world.bucket.objects


def test_call_that_tells_neither_time_nor_strength(client: httpx.Client, fake: Fake) -> None:
    """The answer has the world's time, and a number as a text; seven tenths of the sketch are changed.

    Holds code:_answer#2
    and code:_shown_share.
    """
    job, image = drawn(client, "/generations-lcm", requestTimestamp=None)
    assert job["requestTimestamp"] == str(int(fake.world.clock.now() * 1000))
    job, _ = drawn(client, "/generations-lcm", requestTimestamp=1700000000000)
    assert job["requestTimestamp"] == "1700000000000"
    assert drawn(client, "/generations-lcm", strength=0.7)[1].tobytes() == image.tobytes()
    job, _ = drawn(client, "/lcm-upscale")
    row = client.get(f"/generations/{job['generationId'][0]}").json()["generations_by_pk"]
    assert row["initStrength"] == 0.3


def test_sketch_that_cannot_be_read_is_drawn_without(client: httpx.Client) -> None:
    """There is a picture all the same; its plate says so.

    Holds code:_image.
    """
    for sketch in ("data:image/jpeg;base64,AAAA", "data:image/jpeg;base64,A", "data:image/jpeg;base64,ß"):
        _, image = drawn(client, "/generations-lcm", imageDataUrl=sketch)
        assert image.size == (512, 512)


def test_sketch_that_is_no_data_url_is_refused(client: httpx.Client) -> None:
    """The documented beginning is asked for."""
    answer = client.post("/generations-lcm", json=body_for("/generations-lcm", imageDataUrl="a sketch"))
    assert answer.status_code == 400
    assert answer.json()["error"] == "image data must begin with data:image/jpeg;base64,"
