"""Generations, through the whole app."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from leomock import Fake
from leomock.leonardo.catalogue import platform_models
from leomock.media.variation import Unlabelled
from leomock.operations.assets.drawing import drawn
from leomock.operations.assets.resolver import Cached
from leomock.state.clock import timestamp
from leomock.state.settings import SettingError
from tests.fixtures import client_of, completed, generate, init_image

KINO = "aa77f04e-3eec-4034-9c07-d0f619684628"
PHOENIX = "de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3"
KONTEXT = "28aeddf8-bd19-4803-80fc-79602d1a9989"
FLUX_DEV = "b2614463-296c-462a-9586-aafdb8f00e36"
NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"


def test_create_answers_id_and_cost(client: httpx.Client) -> None:
    """`sdGenerationJob` with the id, the credits and the cost."""
    job = client.post("/generations", json={"prompt": "a cat"}).json()["sdGenerationJob"]
    assert list(job) == ["generationId", "apiCreditCost", "cost"]
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", job["generationId"]
    )
    assert job["apiCreditCost"] == 32
    assert job["cost"] == {"amount": "32", "unit": "CREDITS"}


def test_read_goes_from_pending_without_images_to_complete(client: httpx.Client) -> None:
    """PENDING has no pictures, COMPLETE has all of them."""
    id = generate(client, num_images=3)
    pending = client.get(f"/generations/{id}").json()["generations_by_pk"]
    assert (pending["status"], pending["generated_images"]) == ("PENDING", [])
    complete = client.get(f"/generations/{id}").json()["generations_by_pk"]
    assert complete["status"] == "COMPLETE"
    assert len(complete["generated_images"]) == 3
    assert len({image["id"] for image in complete["generated_images"]}) == 3


def test_read_reflects_the_request(client: httpx.Client) -> None:
    """What was asked for is what is read."""
    body: dict[str, Any] = {
        "negative_prompt": "dogs",
        "width": 512,
        "height": 640,
        "num_images": 1,
        "seed": 42,
        "modelId": KINO,
        "presetStyle": "CINEMATIC",
        "scheduler": "DDIM",
        "num_inference_steps": 30,
        "guidance_scale": 9,
        "public": True,
        "promptMagic": True,
        "promptMagicVersion": "v3",
        "promptMagicStrength": 0.3,
        "elements": [{"akUUID": "3cc57e9b-dd82-44d7-8ecf-9e4a27d9d120", "weight": 0.5}],
    }
    row = completed(client, "a cat", **body)
    expected = {
        "prompt": "a cat",
        "negativePrompt": "dogs",
        "imageWidth": 512,
        "imageHeight": 640,
        "seed": 42,
        "modelId": KINO,
        "sdVersion": "SDXL_1_0",
        "presetStyle": "CINEMATIC",
        "scheduler": "DDIM",
        "inferenceSteps": 30,
        "guidanceScale": 9,
        "public": True,
        "promptMagic": True,
        "promptMagicVersion": "v3",
        "promptMagicStrength": 0.3,
        "createdAt": "2024-04-20T14:33:28.258",
    }
    assert {name: row[name] for name in expected} == expected
    (element,) = row["generation_elements"]
    assert element["lora"]["akUUID"] == "3cc57e9b-dd82-44d7-8ecf-9e4a27d9d120"
    assert element["weightApplied"] == 0.5


def test_read_has_the_fields_seen_on_the_wire(client: httpx.Client) -> None:
    """The motion fields stand on the generation too, beside `prompt_moderations`."""
    row = completed(client)
    seen = ("motion", "motionModel", "motionStrength", "imageToVideo", "fantasyAvatar")
    assert {name: row[name] for name in seen} == dict.fromkeys(seen)
    assert row["prompt_moderations"] == [{"moderationClassification": []}]
    image = row["generated_images"][0]
    assert (image["nsfw"], image["likeCount"], image["motionMP4URL"]) == (False, 0, None)
    assert image["generated_image_variation_generics"] == []


def test_read_fills_in_what_the_call_left_open(client: httpx.Client) -> None:
    """As captured answers have it.

    Holds operation:createGeneration.
    """
    row = completed(client)
    filled = {"scheduler": "EULER_DISCRETE", "inferenceSteps": 15, "guidanceScale": 7}
    assert {name: row[name] for name in filled} == filled


def test_seed_is_made_up_when_none_is_given(client: httpx.Client) -> None:
    """Two generations get two seeds."""
    assert completed(client)["seed"] != completed(client)["seed"]


def test_unknown_id_reads_and_deletes_as_null(client: httpx.Client) -> None:
    """The real service answers 200 with null, not 404.

    Holds code:World.read
    and code:World.remove.
    """
    assert client.get(f"/generations/{NOBODY}").json() == {"generations_by_pk": None}
    assert client.delete(f"/generations/{NOBODY}").json() == {"delete_generations_by_pk": None}


def test_delete_twice(client: httpx.Client) -> None:
    """The second delete is null; the row and its pictures are gone."""
    row = completed(client)
    url = row["generated_images"][0]["url"]
    assert client.get(url).status_code == 200
    assert client.delete(f"/generations/{row['id']}").json() == {
        "delete_generations_by_pk": {"id": row["id"]}
    }
    assert client.delete(f"/generations/{row['id']}").json() == {"delete_generations_by_pk": None}
    assert client.get(f"/generations/{row['id']}").json() == {"generations_by_pk": None}
    assert client.get(url).status_code == 403


def test_delete_while_pending(client: httpx.Client, fake: Fake) -> None:
    """A deleted job does not come back."""
    id = generate(client)
    client.delete(f"/generations/{id}")
    fake.advance(60)
    assert client.get(f"/generations/{id}").json() == {"generations_by_pk": None}
    assert fake.world.jobs.pending() == []


def test_delete_while_pending_is_for_good() -> None:
    """The file is gone at once; what was paid does not come back, and no event tells of it.

    Holds code:World.remove#2.
    """
    fake = Fake(clock="frozen", webhook_url="https://example.test/hook")
    with client_of(fake) as client:
        id = generate(client)
        left = fake.world.account.balance
        client.delete(f"/generations/{id}")
        fake.advance(60)
        assert (fake.finish(), fake.world.account.balance, list(fake.world.outbox.events)) == ([], left, [])
        done = completed(client)
        assert len(fake.world.outbox.events) == 1
        client.delete(f"/generations/{done['id']}")
        assert client.get(done["generated_images"][0]["url"]).status_code == 403
    fake.close()


def test_list_is_newest_first_and_paged(client: httpx.Client, fake: Fake) -> None:
    """Ten by default, from the newest; the pages make up the whole.

    Holds code:World.page.
    """
    ids = [generate(client, f"cat {n}") for n in range(23)][::-1]
    path = f"/generations/user/{fake.world.user_id}"

    def page(**query: int) -> list[str]:
        return [row["id"] for row in client.get(path, params=query).json()["generations"]]

    assert page() == ids[:10]
    assert page(offset=10) == ids[10:20]
    assert page(offset=20, limit=10) == ids[20:]
    assert page(offset=3, limit=2) == ids[3:5]
    assert page(offset=23) == []
    assert page(limit=0) == []
    assert page(offset=2147483647, limit=2147483647) == []


def test_tenants_never_see_each_other(fake: Fake) -> None:
    """A key is a world.

    Holds code:World.page#2.
    """
    with client_of(fake, "mine") as mine, client_of(fake, "yours") as yours:
        row = completed(mine)
        user = fake.api.worlds.of("mine").user_id
        assert f"/users/{user}/" in row["generated_images"][0]["url"]
        assert yours.get(f"/generations/{row['id']}").json() == {"generations_by_pk": None}
        assert yours.delete(f"/generations/{row['id']}").json() == {"delete_generations_by_pk": None}
        assert yours.get(f"/generations/user/{user}").json() == {"generations": []}
        assert mine.get(f"/generations/{row['id']}").json()["generations_by_pk"]["id"] == row["id"]


def test_same_seed_and_calls_give_the_same_bytes() -> None:
    """Ids, times and pictures depend on the seed, the key and the calls alone."""

    def story(seed: int) -> list[bytes]:
        fake = Fake(seed=seed, clock="frozen")
        with client_of(fake, "k") as client:
            row = completed(client, "a cat")
            told = [client.get(f"/generations/{row['id']}").content]
            told.append(client.get(row["generated_images"][1]["url"]).content)
        fake.close()
        return told

    assert story(1) == story(1)
    assert story(1)[0] != story(2)[0]


def test_pictures_are_of_the_generations_size(client: httpx.Client) -> None:
    """A real JPEG at each URL, each different.

    Holds operation:getGenerationById#3.
    """
    row = completed(client, width=512, height=256, num_images=2)
    pictures = [client.get(image["url"]) for image in row["generated_images"]]
    for picture in pictures:
        assert picture.headers["content-type"] == "image/jpeg"
        with Image.open(BytesIO(picture.content)) as decoded:
            assert (decoded.format, decoded.size) == ("JPEG", (512, 256))
    assert pictures[0].content != pictures[1].content


def test_picture_url_has_the_real_form(client: httpx.Client, fake: Fake) -> None:
    """`users/{user}/generations/{id}/{Model}_{prompt}_{n}.jpg`."""
    row = completed(client, "An oil painting: a cat!", modelId="6bef9f1b-29cb-40c7-b9df-32b51c1f67d3")
    assert row["generated_images"][0]["url"] == (
        f"http://leomock.invalid/cdn/users/{fake.world.user_id}/generations/{row['id']}/"
        "Leonardo_Creative_An_oil_painting_a_cat_0.jpg"
    )


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("snake_case  two blanks", "snake_case__two_blanks"),
        ("東京 tower", "_tower"),
        ("Straße", "Strae"),
    ],
)
def test_name_of_a_file_of_an_unusual_prompt(client: httpx.Client, prompt: str, name: str) -> None:
    """Letters outside ASCII are removed.

    Holds code:picture_keys#10.
    """
    row = completed(client, prompt, num_images=1)
    assert row["generated_images"][0]["url"].endswith(f"/{row['id']}/Leonardo_Lightning_XL_{name}_0.jpg")
    assert client.get(row["generated_images"][0]["url"]).status_code == 200


def test_seed_that_the_fake_draws_has_up_to_ten_digits(client: httpx.Client) -> None:
    """Flux models have smaller ones.

    Holds code:_drawn_seed#2
    and code:_drawn_seed#4.
    """
    large = [completed(client, num_images=1)["seed"] for _ in range(12)]
    flux = "1dd50843-d653-4516-a8e3-f0238ee453ff"
    small = [completed(client, num_images=1, modelId=flux)["seed"] for _ in range(12)]
    assert 2**32 < max(large) <= 9999999998
    assert max(small) <= 2147483637


def test_transparent_picture_is_a_png(client: httpx.Client) -> None:
    """`foreground_only` has no background."""
    row = completed(client, width=256, height=256, num_images=1, transparency="foreground_only")
    url = row["generated_images"][0]["url"]
    assert url.endswith("_0.png")
    with Image.open(BytesIO(client.get(url).content)) as decoded:
        assert (decoded.format, decoded.mode) == ("PNG", "RGBA")
        assert decoded.getpixel((0, 0))[3] == 0  # type: ignore[index]


RED = BytesIO()
Image.new("RGB", (64, 64), (220, 20, 20)).save(RED, "PNG")


def redness(client: httpx.Client, side: int = 256, **body: Any) -> int:
    """How much more red than green the upper half of a generated picture is."""
    row = completed(client, width=side, height=side, num_images=1, seed=5, **body)
    with Image.open(BytesIO(client.get(row["generated_images"][0]["url"]).content)) as picture:
        red, green, _ = picture.crop((0, 0, side, side // 2)).resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    return int(red - green)


@pytest.mark.parametrize("kind", ["UPLOADED", "GENERATED"])
def test_context_image_shows(client: httpx.Client, kind: str) -> None:
    """An uploaded one as well as a generated one.

    Holds code:_context.
    """
    id = init_image(client, RED.getvalue())
    if kind == "GENERATED":
        row = completed(client, width=256, height=256, num_images=1, init_image_id=id, init_strength=0.9)
        id = row["generated_images"][0]["id"]
    images = [{"type": kind, "id": id}, {"type": kind, "id": id}]
    with_images = redness(client, 672, modelId=KONTEXT, contextImages=images)
    assert with_images > redness(client, 672, modelId=KONTEXT) + 40


def test_picture_of_the_canvas_shows(client: httpx.Client) -> None:
    """As a whole, without a mask."""
    id = init_image(client, RED.getvalue())
    body: dict[str, Any] = {"canvasRequest": True, "canvasRequestType": "IMG2IMG", "canvasInitId": id}
    assert redness(client, **body) > redness(client) + 40


def halved() -> bytes:
    """A mask whose left half is black and whose right half is white."""
    file = BytesIO()
    mask = Image.new("L", (64, 64))
    mask.paste(255, (32, 0, 64, 64))
    mask.save(file, "PNG")
    return file.getvalue()


def test_mask_of_the_canvas_limits_the_drawing(client: httpx.Client) -> None:
    """What is black stays as it was, also after the mask is deleted. Holds code:drawn."""
    id, mask = init_image(client, RED.getvalue()), init_image(client, halved())
    body: dict[str, Any] = {"canvasRequest": True, "canvasRequestType": "INPAINT"}
    body |= {"canvasInitId": id, "canvasMaskId": mask}
    row = completed(client, width=256, height=256, num_images=1, **body)
    client.delete(f"/init-image/{mask}")
    url = row["generated_images"][0]["url"]
    picture = Image.open(BytesIO(client.get(url).content)).convert("RGB")
    # The plate is at the bottom.
    for x in (10, 60, 110):
        red, green, blue = picture.getpixel((x, 60))  # type: ignore[misc]  # three channels
        assert (red > 210, green < 30, blue < 30) == (True, True, True)
    redrawn = [picture.getpixel((x, y)) for x in (150, 200, 240) for y in (30, 60, 90)]
    assert all(pixel[1] + pixel[2] > 60 for pixel in redrawn)  # type: ignore[index]


def test_mask_that_cannot_be_read_limits_nothing(client: httpx.Client) -> None:
    """The picture is drawn as without it. Holds code:drawn#2."""
    id, mask = init_image(client, RED.getvalue()), init_image(client, b"no picture")
    body: dict[str, Any] = {"canvasRequest": True, "canvasInitId": id, "canvasMaskId": mask}
    assert redness(client, **body) > redness(client) + 40


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"num_images": 5, "width": 776, "height": 512}, "Too many images"),
        ({"num_images": 5, "width": 512, "height": 1024}, "Too many images"),
        (
            {"modelId": NOBODY},
            f"{NOBODY} is not supported within the Production API. "
            "Please try again with a different model ID.",
        ),
        ({"modelId": "LEONARDO"}, "internal error"),
        ({"init_image_id": NOBODY}, "invalid init image id"),
        ({"init_image_id": "cat.png"}, "invalid init image id"),
        ({"canvasRequest": True, "canvasInitId": NOBODY}, "invalid init image id"),
        ({"init_generation_image_id": NOBODY}, "couldn't access image"),
        ({"init_generation_image_id": "x"}, "couldn't access image"),
        (
            {"controlnets": [{"initImageId": NOBODY, "initImageType": "UPLOADED", "preprocessorId": 67}]},
            "invalid init image id",
        ),
        (
            {"controlnets": [{"initImageId": NOBODY, "initImageType": "GENERATED", "preprocessorId": 67}]},
            "couldn't access image",
        ),
        ({"contextImages": [{"type": "UPLOADED", "id": NOBODY}]}, "invalid init image id"),
        ({"contextImages": [{"type": "GENERATED", "id": NOBODY}]}, "couldn't access image"),
        ({"unzoom": True}, "unzoom requires unzoomAmount and init_image_id"),
        ({"photoReal": True, "alchemy": False}, "photoReal requires alchemy"),
        ({"photoReal": True, "modelId": KINO}, "photoReal v1 can not be used with a modelId"),
        (
            {"photoReal": True, "photoRealVersion": "v2", "modelId": PHOENIX},
            "photoReal v2 requires a modelId of Leonardo Kino XL, Leonardo Diffusion XL, Leonardo Vision XL",
        ),
        (
            {"photoReal": True, "photoRealVersion": "v2"},
            "photoReal v2 requires a modelId of Leonardo Kino XL, Leonardo Diffusion XL, Leonardo Vision XL",
        ),
        ({"ultra": True, "alchemy": True}, "ultra can not be used with alchemy"),
        (
            {"modelId": PHOENIX, "contrast": 1.8},
            "contrast must be 2.5 or higher for Phoenix when alchemy is true",
        ),
        ({"modelId": FLUX_DEV, "seed": 2147483638}, "seed must be between 0 and 2147483637"),
    ],
)
def test_create_refuses_what_no_single_value_shows(
    client: httpx.Client, body: dict[str, Any], error: str
) -> None:
    """Rules that need two variables or the state: 400, nothing stored, an explanation.

    Holds error:RULE_BROKEN.

    Holds code:_model.
    """
    answer = client.post("/generations", json={"prompt": "a cat", **body})
    assert answer.status_code == 400
    assert answer.json() == {"error": error, "path": "$", "code": "unexpected"}
    assert answer.headers["x-leomock-explain"]


def test_create_refused_stores_nothing(client: httpx.Client, fake: Fake) -> None:
    """No row and no job remain of a refused call."""
    client.post("/generations", json={"prompt": "a cat", "modelId": NOBODY})
    assert len(fake.world.generations) == 0
    assert len(fake.world.jobs) == 0


@pytest.mark.parametrize(
    "body",
    [
        {"num_images": 8, "width": 768, "height": 768},
        {"photoReal": True},
        {"photoReal": True, "photoRealVersion": "v2", "modelId": KINO, "photoRealStrength": 0.5},
        {"modelId": PHOENIX, "contrast": 1.8, "alchemy": False},
        {"modelId": PHOENIX, "contrast": 3.5},
        {"modelId": KINO.upper()},
        {"ultra": True, "alchemy": False},
        {"ultra": True},
        {"seed": 9999999998},
        {"sd_version": "v2", "modelId": None},
    ],
)
def test_create_accepts_what_the_rules_allow(client: httpx.Client, body: dict[str, Any]) -> None:
    """The other side of each rule."""
    assert completed(client, **body)["status"] == "COMPLETE"


@pytest.mark.parametrize("model", platform_models().values(), ids=lambda model: model.name)
def test_every_platform_model_generates(client: httpx.Client, model: Any) -> None:
    """The catalogue's families are values the SDKs know."""
    assert completed(client, modelId=model.id)["sdVersion"] == model.sd_version


def test_image_made_from_a_generated_image(client: httpx.Client, fake: Fake) -> None:
    """`init_generation_image_id` is the id of a finished picture."""
    first = completed(client, "a red cat", num_images=2)
    image = first["generated_images"][1]["id"]
    row = completed(client, "a blue cat", num_images=1, init_generation_image_id=image, init_strength=0.9)
    assert row["initStrength"] == 0.9
    plain = completed(client, "a blue cat", num_images=1, seed=row["seed"])
    made, without = (client.get(r["generated_images"][0]["url"]).content for r in (row, plain))
    assert made != without

    def picture(of: dict[str, Any], index: int) -> Any:
        found = fake.world.generations.get(of["id"])
        assert found is not None
        return drawn(fake.world, found, index)

    # Without its plate: two captions would overlap.
    assert picture(row, 0).init == Cached(Unlabelled(picture(first, 1)), fake.world.user_id)


def test_image_of_a_pending_generation_cannot_be_used(client: httpx.Client, fake: Fake) -> None:
    """There is no picture before the job is settled.

    Holds code:generated_picture.
    """
    id = generate(client)
    (image,) = fake.world.ids.parts(id, 1)
    answer = client.post("/generations", json={"prompt": "a", "init_generation_image_id": image})
    assert answer.json()["error"] == "couldn't access image"


def test_generation_ids_of_version_6(client: httpx.Client) -> None:
    """`ids="v6"`: generations are v6 and ascend, pictures stay v4 and are found."""
    fake = Fake(ids="v6", clock="frozen")
    with client_of(fake) as client:
        rows = [completed(client) for _ in range(3)]
        assert [row["id"][14] for row in rows] == ["6", "6", "6"]
        assert sorted(row["id"] for row in rows) == [row["id"] for row in rows]
        digits = rows[0]["id"].replace("-", "")
        steps = int(digits[:12] + digits[13:16], 16) - 0x01B21DD213814000  # from 1582 to 1970, RFC 9562
        assert timestamp(steps / 10_000_000) == rows[0]["createdAt"]
        image = rows[0]["generated_images"][0]
        assert image["id"][14] == "4"
        assert client.get(image["url"]).status_code == 200
        assert completed(client, init_generation_image_id=image["id"])["status"] == "COMPLETE"
    fake.close()


@pytest.mark.parametrize(
    ("jobs", "statuses"),
    [
        ("immediate", ["COMPLETE"]),
        ("polls:0", ["COMPLETE"]),
        ("polls:2", ["PENDING", "PENDING", "COMPLETE", "COMPLETE"]),
        ("manual", ["PENDING", "PENDING", "PENDING"]),
        ("seconds:5", ["PENDING", "PENDING"]),
    ],
)
def test_pace_of_jobs(jobs: str, statuses: list[str]) -> None:
    """How a job proceeds is a setting.

    Holds code:Jobs.
    """
    fake = Fake(jobs=jobs, clock="frozen")
    with client_of(fake) as client:
        id = generate(client)
        seen = [client.get(f"/generations/{id}").json()["generations_by_pk"]["status"] for _ in statuses]
    fake.close()
    assert seen == statuses


def test_pace_in_seconds_follows_the_clock() -> None:
    """PENDING until the moment, COMPLETE from it on."""
    fake = Fake(jobs="seconds:5", clock="frozen")
    with client_of(fake) as client:
        id = generate(client)
        for step, status in ((4.9, "PENDING"), (0.1, "COMPLETE")):
            fake.advance(step)
            assert client.get(f"/generations/{id}").json()["generations_by_pk"]["status"] == status
    fake.close()


def test_pace_manual_ends_when_told() -> None:
    """`finish` ends one job or all of them."""
    fake = Fake(jobs="manual", clock="frozen")
    with client_of(fake) as client:
        first, second, third = (generate(client) for _ in range(3))
        assert fake.finish(second) == [second]
        with pytest.raises(SettingError, match="no job is pending for this id"):
            fake.finish(second)
        assert fake.finish() == [first, third]
        row = client.get(f"/generations/{third}").json()["generations_by_pk"]
        assert row["status"] == "COMPLETE"
    fake.close()
