"""Variations, from the picture they are made of to the picture they are."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from leonardo_ai_sdk import LeonardoAiSDK
from PIL import Image

from leomock import Fake
from tests.fixtures import client_of, completed, failing, init_image

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"
SMALL: dict[str, Any] = {"width": 256, "height": 128, "num_images": 2, "seed": 7}
ENVELOPES = {
    "unzoom": "sdUnzoomJob",
    "upscale": "sdUpscaleJob",
    "nobg": "sdNobgJob",
    "universal-upscaler": "universalUpscaler",
}


def picture(client: httpx.Client, index: int = 0, **body: Any) -> str:
    """The id of a finished generated picture."""
    id: str = completed(client, "a cat", **SMALL | body)["generated_images"][index]["id"]
    return id


def uploaded(client: httpx.Client, content: bytes | None = None) -> str:
    """The id of an uploaded red PNG of 64x32 pixels, or of other bytes."""
    if content is None:
        stream = BytesIO()
        Image.new("RGB", (64, 32), "red").save(stream, "PNG")
        content = stream.getvalue()
    return init_image(client, content)


def start(client: httpx.Client, kind: str, **body: Any) -> str:
    """Begin a variation and return its id."""
    answer = client.post(f"/variations/{kind}", json=body)
    assert answer.status_code == 200, answer.text
    id: str = answer.json()[ENVELOPES[kind]]["id"]
    return id


def read(client: httpx.Client, id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(f"/variations/{id}").json()["generated_image_variation_generic"]
    return rows


def finished(client: httpx.Client, kind: str, **body: Any) -> dict[str, Any]:
    """Begin a variation and read it until it is COMPLETE."""
    id = start(client, kind, **body)
    read(client, id)
    (row,) = read(client, id)
    assert row["status"] == "COMPLETE"
    return row


def opened(client: httpx.Client, url: str) -> Image.Image:
    """The picture at a URL, whose content type says what it is."""
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    image = Image.open(BytesIO(answer.content))
    assert answer.headers["content-type"] == f"image/{(image.format or '').lower()}"
    assert url.endswith({"JPEG": ".jpg", "PNG": ".png"}[image.format or ""])
    return image


def listed(client: httpx.Client, generation_id: str) -> list[list[dict[str, Any]]]:
    """The variations of each picture, as GET /generations/{id} tells them."""
    row = client.get(f"/generations/{generation_id}").json()["generations_by_pk"]
    return [image["generated_image_variation_generics"] for image in row["generated_images"]]


# --- from PENDING to COMPLETE ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "type", "credits"),
    [("unzoom", "UNZOOM", 5), ("upscale", "UPSCALE", 5), ("nobg", "NOBG", 5)],
)
def test_variation_goes_from_pending_to_complete(
    client: httpx.Client, fake: Fake, kind: str, type: str, credits: int
) -> None:
    """The answer to a read is a list of one; the url is there at the end.

    Holds code:variation_key.
    """
    image = picture(client, 1)
    before = fake.world.account.balance
    answer = client.post(f"/variations/{kind}", json={"id": image}).json()[ENVELOPES[kind]]
    assert sorted(answer) == ["apiCreditCost", "cost", "id"]
    assert answer["apiCreditCost"] == credits
    assert answer["cost"] == {"amount": str(credits), "unit": "CREDITS"}
    assert fake.world.account.balance == before - credits
    id = answer["id"]
    expected = {
        "createdAt": "2024-04-20T14:33:28.258",
        "id": id,
        "status": "PENDING",
        "transformType": type,
        "url": None,
    }
    assert read(client, id) == [expected]
    extension = "png" if kind == "nobg" else "jpg"
    url = (
        f"http://leomock.invalid/cdn/users/{fake.world.user_id}/generations/{id}/variations/"
        f"Default_a_cat_1_{id}_0.{extension}"
    )
    assert read(client, id) == [expected | {"status": "COMPLETE", "url": url}]


def test_universal_upscaler_is_named_after_itself(client: httpx.Client, fake: Fake) -> None:
    """Its url has the other form seen on the CDN; of the five types it has UPSCALE.

    Holds code:variation_row#2.
    """
    row = finished(client, "universal-upscaler", generatedImageId=picture(client))
    assert row["transformType"] == "UPSCALE"
    assert row["url"] == (
        f"http://leomock.invalid/cdn/users/{fake.world.user_id}/generations/{row['id']}/variations/"
        f"UniversalUpscaler_{row['id']}.jpg"
    )


def test_unknown_ids_read_as_empty_lists(client: httpx.Client) -> None:
    """Not null and not 404: the real answer is a list.

    Holds operation:getVariationById.
    """
    assert client.get(f"/variations/{NOBODY}").json() == {"generated_image_variation_generic": []}
    assert client.get(f"/motion-variations/{NOBODY}").json() == {"generated_image_variation_motion": []}


def test_variation_of_another_key_is_unknown(client: httpx.Client, fake: Fake) -> None:
    """Neither it nor the picture can be used by others."""
    image = picture(client)
    row = finished(client, "nobg", id=image)
    with client_of(fake, "another") as another:
        assert read(another, row["id"]) == []
        answer = another.post("/variations/nobg", json={"id": image})
        assert answer.json()["error"] == "couldn't access image"
        answer = another.post("/variations/nobg", json={"id": row["id"], "isVariation": True})
        assert answer.json()["error"] == "failed to find init variation"


# --- what the pictures show -----------------------------------------------------------------------------


def test_unzoom_is_wider(client: httpx.Client) -> None:
    """Half as much again each way.

    Holds code:variation_row.
    """
    image = opened(client, finished(client, "unzoom", id=picture(client))["url"])
    assert (image.format, image.size) == ("JPEG", (384, 192))


def test_upscale_is_larger(client: httpx.Client) -> None:
    """Twice as wide and as high.

    Holds code:variation_row.
    """
    image = opened(client, finished(client, "upscale", id=picture(client))["url"])
    assert (image.format, image.size) == ("JPEG", (512, 256))


def test_upscale_of_a_transparent_picture_stays_transparent(client: httpx.Client) -> None:
    """A PNG remains one.

    Holds code:variation_key#2.
    """
    id = picture(client, transparency="foreground_only")
    image = opened(client, finished(client, "upscale", id=id)["url"])
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (512, 256))


def test_nobg_has_no_background(client: httpx.Client) -> None:
    """A PNG of the same size: nothing in its corners, something in its middle."""
    image = opened(client, finished(client, "nobg", id=picture(client, width=256, height=256))["url"])
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (256, 256))
    alpha = image.getchannel("A")
    assert alpha.getpixel((0, 0)) == 0
    assert alpha.getextrema() == (0, 255)


def test_universal_upscaler_follows_multiplier_and_creativity(client: httpx.Client) -> None:
    """Larger by the factor that was asked for; creativity changes the picture."""
    id = picture(client)
    plain, wild = (
        opened(client, finished(client, "universal-upscaler", generatedImageId=id, **more)["url"])
        for more in ({"upscaleMultiplier": 2, "creativityStrength": 1}, {"creativityStrength": 10})
    )
    assert (plain.size, wild.size) == ((512, 256), (384, 192))
    assert plain.resize(wild.size).tobytes() != wild.tobytes()


def test_universal_upscaler_of_an_upload_shows_it(client: httpx.Client) -> None:
    """A red picture stays red, and becomes larger."""
    image = opened(client, finished(client, "universal-upscaler", initImageId=uploaded(client))["url"])
    assert image.size == (96, 48)
    pixel = image.convert("RGB").getpixel((20, 10))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200 > 60 > pixel[1]


def test_universal_upscaler_outlives_its_upload(client: httpx.Client) -> None:
    """When the uploaded file is deleted the url still gives the same picture."""
    id = uploaded(client)
    row = finished(client, "universal-upscaler", initImageId=id)
    client.delete(f"/init-image/{id}")
    image = opened(client, row["url"])
    assert (image.format, image.size) == ("JPEG", (96, 48))


def test_variation_of_a_variation(client: httpx.Client) -> None:
    """`isVariation` and `variationId` work on what is there; the pictures carry on from it.

    Holds code:variation_key#2.
    """
    larger = finished(client, "upscale", id=picture(client))
    cut = finished(client, "nobg", id=larger["id"], isVariation=True)
    assert opened(client, cut["url"]).size == (512, 256)
    assert cut["url"].endswith(f"/Default_a_cat_0_{cut['id']}_0.png")
    wider = finished(client, "unzoom", id=cut["id"].upper(), isVariation=True)
    assert opened(client, wider["url"]).size == (768, 384)
    last = finished(client, "universal-upscaler", variationId=wider["id"], upscaleMultiplier=1.0)
    assert opened(client, last["url"]).size == (768, 384)


def test_long_chain_of_variations_is_drawn(client: httpx.Client) -> None:
    """However often a variation is varied, its picture is found."""
    id = finished(client, "nobg", id=picture(client))["id"]
    for _ in range(8):
        row = finished(client, "nobg", id=id, isVariation=True)
        id = row["id"]
    assert opened(client, row["url"]).mode == "RGBA"


def test_picture_of_a_pending_variation_is_denied(client: httpx.Client, fake: Fake) -> None:
    """There is nothing at its address before it is COMPLETE, nor ever under another name."""
    id = start(client, "upscale", id=picture(client))
    folder = f"{fake.url}/cdn/users/{fake.world.user_id}/generations/{id}/variations"
    url = f"{folder}/Default_a_cat_0_{id}_0.jpg"
    assert client.get(url).status_code == 403
    fake.finish(id)
    assert client.get(url).status_code == 200
    assert client.get(f"{folder}/Default_a_cat_1_{id}_0.jpg").status_code == 403


# --- the picture they belong to -------------------------------------------------------------------------


def test_picture_tells_of_its_variations(client: httpx.Client, fake: Fake) -> None:
    """In one read and in the list, oldest first; those of a variation are its picture's as well."""
    row = completed(client, "a cat", **SMALL)
    first, second = (image["id"] for image in row["generated_images"])
    assert listed(client, row["id"]) == [[], []]
    cut = finished(client, "nobg", id=second)
    wider = finished(client, "unzoom", id=cut["id"], isVariation=True)
    other = finished(client, "universal-upscaler", generatedImageId=first)
    names = ("id", "status", "transformType", "url")
    expected = [[{name: v[name] for name in names} for v in each] for each in ([other], [cut, wider])]
    assert listed(client, row["id"]) == expected
    (of_the_user,) = client.get(f"/generations/user/{fake.world.user_id}").json()["generations"]
    shown = [image["generated_image_variation_generics"] for image in of_the_user["generated_images"]]
    assert shown == expected


def test_read_of_the_generation_is_a_read_of_its_variations(client: httpx.Client) -> None:
    """Who looks there alone sees them finish."""
    row = completed(client, "a cat", **SMALL)
    start(client, "upscale", id=row["generated_images"][0]["id"])
    for status in ("PENDING", "COMPLETE"):
        ((variation,), _) = listed(client, row["id"])
        assert variation["status"] == status
        assert (variation["url"] is None) is (status == "PENDING")


def test_variations_go_with_their_generation(client: httpx.Client, fake: Fake) -> None:
    """Finished or pending, they and their pictures are gone; those of others stay.

    Holds code:remove_variations.
    """
    row = completed(client, "a cat", **SMALL)
    image = row["generated_images"][0]["id"]
    kept = finished(client, "nobg", id=picture(client))
    done = finished(client, "nobg", id=image)
    pending = start(client, "upscale", id=image)
    client.delete(f"/generations/{row['id']}")
    assert read(client, done["id"]) == read(client, pending) == []
    assert client.get(done["url"]).status_code == 403
    assert fake.world.jobs.pending() == []
    assert read(client, kept["id"]) == [kept]
    assert client.get(kept["url"]).status_code == 200


# --- refusals -------------------------------------------------------------------------------------------

NO_PICTURE = (
    "{name} is not the id of a finished picture of this API key (generated_images[].id, not the "
    "generation's id)"
)
NO_VARIATION = (
    "{name} is not the id of a finished variation of this API key (GET /variations/{{id}} tells when it is "
    "COMPLETE; a generated picture is not a variation)"
)


def refused(client: httpx.Client, kind: str, body: dict[str, Any]) -> tuple[str, str]:
    """The text of a refusal, and how it is explained."""
    answer = client.post(f"/variations/{kind}", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert answer.json() == {"error": error, "path": "$", "code": "unexpected"}
    return error, answer.headers["x-leomock-explain"]


@pytest.mark.parametrize("kind", ["unzoom", "upscale", "nobg"])
def test_what_is_no_generated_picture_is_refused(client: httpx.Client, kind: str) -> None:
    """Uploads, generations, variations and ids of nobody."""
    row = completed(client, "a cat", **SMALL)
    variation = finished(client, "nobg", id=row["generated_images"][0]["id"])["id"]
    for id in (NOBODY, "cat.png", row["id"], uploaded(client), variation):
        assert refused(client, kind, {"id": id}) == ("couldn't access image", NO_PICTURE.format(name="id"))


@pytest.mark.parametrize("kind", ["unzoom", "nobg"])
def test_what_is_no_variation_is_refused(client: httpx.Client, kind: str) -> None:
    """A picture, a pending variation, an id of nobody."""
    image = picture(client)
    for id in (image, start(client, "upscale", id=image), NOBODY, "x"):
        assert refused(client, kind, {"id": id, "isVariation": True}) == (
            "failed to find init variation",
            NO_VARIATION.format(name="id"),
        )


@pytest.mark.parametrize(
    ("body", "error", "explain"),
    [
        (
            {"generatedImageId": NOBODY},
            "couldn't access image",
            NO_PICTURE.format(name="generatedImageId"),
        ),
        (
            {"variationId": NOBODY},
            "failed to find init variation",
            NO_VARIATION.format(name="variationId"),
        ),
        (
            {"initImageId": NOBODY},
            "invalid init image id",
            "initImageId is not an id that POST /init-image returned for this API key",
        ),
        (
            {"prompt": "sharper"},
            "exactly one of generatedImageId, initImageId, variationId must be given",
            "CreateUniversalUpscalerJob works on one image; given: none",
        ),
        (
            {"generatedImageId": NOBODY, "variationId": NOBODY},
            "exactly one of generatedImageId, initImageId, variationId must be given",
            "CreateUniversalUpscalerJob works on one image; given: generatedImageId, variationId",
        ),
        (
            {"generatedImageId": NOBODY, "ultraUpscaleStyle": "ARTISTIC", "upscalerStyle": "CINEMATIC"},
            "upscalerStyle can not be used with ultraUpscaleStyle",
            "CreateUniversalUpscalerJob: upscalerStyle can not be used with ultraUpscaleStyle "
            "(specs/variations.json POST /variations/universal-upscaler)",
        ),
        (
            {"generatedImageId": NOBODY, "detailContrast": 5},
            "detailContrast can only be used with ultraUpscaleStyle",
            "CreateUniversalUpscalerJob: detailContrast can only be used with ultraUpscaleStyle "
            "(specs/variations.json POST /variations/universal-upscaler)",
        ),
        (
            {"generatedImageId": NOBODY, "similarity": 5, "upscalerStyle": "CINEMATIC"},
            "similarity can only be used with ultraUpscaleStyle",
            "CreateUniversalUpscalerJob: similarity can only be used with ultraUpscaleStyle "
            "(specs/variations.json POST /variations/universal-upscaler)",
        ),
    ],
)
def test_universal_upscaler_refuses_what_no_single_value_shows(
    client: httpx.Client, fake: Fake, body: dict[str, Any], error: str, explain: str
) -> None:
    """Rules that need two variables or the state; nothing is stored and nothing is spent."""
    before = fake.world.account.balance
    assert refused(client, "universal-upscaler", body) == (error, explain)
    assert (len(fake.world.variations), fake.world.account.balance) == (0, before)


@pytest.mark.parametrize(
    "body",
    [
        {"upscalerStyle": "CINEMATIC"},
        {"upscalerStyle": "2D ART & ILLUSTRATION", "prompt": "sharper"},
        {"ultraUpscaleStyle": "REALISTIC", "detailContrast": 5, "similarity": 5},
        {"ultraUpscaleStyle": "ARTISTIC", "upscalerStyle": "GENERAL"},
        {"ultraUpscaleStyle": None, "upscalerStyle": None, "initImageId": None},
    ],
)
def test_universal_upscaler_accepts_what_the_rules_allow(client: httpx.Client, body: dict[str, Any]) -> None:
    """The default style passes beside an ultra style: the official SDKs always send it.

    Holds code:_check.
    """
    assert finished(client, "universal-upscaler", generatedImageId=picture(client), **body)


# --- prices, limits, failures ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "credits"),
    [
        ({"upscaleMultiplier": 1.0}, 10),
        ({"upscaleMultiplier": 2.0}, 25),
        ({"upscaleMultiplier": 2.0, "ultraUpscaleStyle": "ARTISTIC"}, 40),
    ],
)
def test_universal_upscaler_costs_by_size(client: httpx.Client, body: dict[str, Any], credits: int) -> None:
    """A picture of 1024x1024 has 5 megapixels, begun ones counted, when it is twice as wide and high.

    Holds operation:CreateUniversalUpscalerJob.
    """
    id = picture(client, width=1024, height=1024)
    answer = client.post("/variations/universal-upscaler", json={"generatedImageId": id, **body})
    assert answer.json()["universalUpscaler"]["apiCreditCost"] == credits


@pytest.mark.parametrize(("kind", "credits"), [("nobg", 25), ("unzoom", 50), ("upscale", 85)])
def test_universal_upscaler_costs_by_the_size_of_the_variation(
    client: httpx.Client, kind: str, credits: int
) -> None:
    """What is larger by now is dearer to upscale."""
    id = finished(client, kind, id=picture(client, width=1024, height=1024))["id"]
    body = {"variationId": id, "upscaleMultiplier": 2.0}
    answer = client.post("/variations/universal-upscaler", json=body)
    assert answer.json()["universalUpscaler"]["apiCreditCost"] == credits


def test_universal_upscaler_costs_no_more_than_twenty_megapixels(client: httpx.Client) -> None:
    """The pricing calculator knows no more.

    Holds operation:CreateUniversalUpscalerJob.
    """
    id = finished(client, "upscale", id=picture(client, width=1536, height=1536))["id"]
    body = {"variationId": id, "upscaleMultiplier": 2.0}
    answer = client.post("/variations/universal-upscaler", json=body)
    assert answer.json()["universalUpscaler"]["apiCreditCost"] == 100


def test_upscales_wait_in_a_queue_of_their_own() -> None:
    """Of those 110 may be pending; pictures are counted apart."""
    fake = Fake(clock="frozen", jobs="manual", limits="real")
    with client_of(fake) as client:
        id = client.post("/generations", json={"prompt": "a", **SMALL}).json()["sdGenerationJob"][
            "generationId"
        ]
        fake.finish()
        (image, _) = fake.world.ids.parts(id, 2)
        for _ in range(99):
            start(client, "upscale", id=image)
        for _ in range(11):
            start(client, "universal-upscaler", generatedImageId=image)
        answer = client.post("/variations/universal-upscaler", json={"generatedImageId": image})
        assert (answer.status_code, answer.json()["error"]) == (429, "too many pending jobs")
        assert start(client, "nobg", id=image)
        assert start(client, "unzoom", id=image)
    fake.close()


def test_ten_upscales_run_at_a_time() -> None:
    """The eleventh waits for a slot.

    Holds code:Limits#2.
    """
    fake = Fake(clock="frozen", jobs="seconds:2", limits="real")
    with client_of(fake) as client:
        id = client.post("/generations", json={"prompt": "a", **SMALL}).json()["sdGenerationJob"][
            "generationId"
        ]
        fake.advance(2)
        (image, _) = fake.world.ids.parts(id, 2)
        ids = [start(client, "upscale", id=image) for _ in range(11)]
        fake.advance(2)
        assert [read(client, id)[0]["status"] for id in ids] == [*["COMPLETE"] * 10, "PENDING"]
    fake.close()


def test_failed_variation_gives_the_credits_back(client: httpx.Client, fake: Fake, tmp_path: Path) -> None:
    """It has no url and no picture, and nothing can be made from it."""
    row = completed(client, "a cat", **SMALL)
    image = row["generated_images"][0]["id"]
    before = fake.world.account.balance
    with fake.scenario(failing(tmp_path, "variations")):
        id = start(client, "nobg", id=image)
        assert fake.world.account.balance == before - 5
        assert [read(client, id)[0]["status"] for _ in range(2)] == ["PENDING", "FAILED"]
    assert read(client, id)[0]["url"] is None
    assert fake.world.account.balance == before
    assert listed(client, row["id"])[0][0]["status"] == "FAILED"
    key = fake.world.variations.get(id)["key"]  # type: ignore[index]
    assert client.get(f"{fake.url}/cdn/{key}").status_code == 403
    assert refused(client, "unzoom", {"id": id, "isVariation": True})[0] == "failed to find init variation"


def test_variation_without_credits_is_refused() -> None:
    """The real text; nothing is stored, and the picture tells of nothing."""
    fake = Fake(clock="frozen", credits=20)
    with client_of(fake) as client:
        row = completed(client, "a cat", **SMALL)
        answer = client.post("/variations/nobg", json={"id": row["generated_images"][0]["id"]})
        assert answer.json()["error"] == f"not enough api tokens userId: {fake.world.user_id}"
        assert listed(client, row["id"]) == [[], []]
    fake.close()


# --- snapshots, pace, webhooks --------------------------------------------------------------------------


def test_snapshot_keeps_pending_variations(client: httpx.Client, fake: Fake) -> None:
    """Restored, the job goes on, and what came later is gone: also from the picture."""
    row = completed(client, "a cat", **SMALL)
    image = row["generated_images"][0]["id"]
    id = start(client, "nobg", id=image)
    snapshot = fake.snapshot()
    later = finished(client, "upscale", id=image)
    assert len(listed(client, row["id"])[0]) == 2
    fake.restore(json.loads(json.dumps(snapshot)))
    assert read(client, later["id"]) == []
    fake.restore(snapshot)
    assert [read(client, id)[0]["status"] for _ in range(2)] == ["PENDING", "COMPLETE"]
    ((variation,), _) = listed(client, row["id"])
    assert variation["id"] == id
    assert opened(client, variation["url"]).mode == "RGBA"


def test_immediate_jobs_have_their_url_at_once() -> None:
    """`jobs="immediate"`: the first read is COMPLETE."""
    fake = Fake(jobs="immediate", clock="frozen")
    with client_of(fake) as client:
        id = client.post("/generations", json={"prompt": "a", **SMALL}).json()["sdGenerationJob"][
            "generationId"
        ]
        (image, _) = fake.world.ids.parts(id, 2)
        (row,) = read(client, start(client, "upscale", id=image))
        assert row["status"] == "COMPLETE"
        assert opened(client, row["url"]).size == (512, 256)
    fake.close()


def test_webhook_tells_of_a_finished_variation() -> None:
    """One event more than those of generations, with the url that a read answers."""
    fake = Fake(clock="frozen", webhook_url="https://example.test/hook", webhook_key="secret")
    with client_of(fake) as client:
        image = picture(client)
        row = finished(client, "nobg", id=image)
        generation, variation = (event.body for event in fake.world.outbox.events)
    fake.close()
    assert generation["type"] == "image_generation.complete"
    assert variation["type"] == "post_processing.complete"
    told = variation["data"]["object"]
    assert {name: told[name] for name in ("id", "status", "url", "transformType")} == {
        name: row[name] for name in ("id", "status", "url", "transformType")
    }
    assert (told["generatedImageId"], told["transparent"]) == (image, True)


def test_motion_variation_is_a_list_of_one(client: httpx.Client, fake: Fake) -> None:
    """Rows that upscaled videos leave: pending without a url, then with it."""
    id = "0d7a1f0a-44c1-4b0a-9d93-0f4f1f6a1b2c"
    row = {
        "id": id,
        "createdAt": "2024-04-20T14:33:28.258",
        "motionTransformType": "UPSCALE",
        "resolution": "RESOLUTION_720",
    }
    fake.world.begin(fake.world.motion_variations, {**row, "key": "users/u/v.mp4"})
    for status, url in (("PENDING", None), ("COMPLETE", "http://leomock.invalid/cdn/users/u/v.mp4")):
        answer = client.get(f"/motion-variations/{id}").json()
        assert answer == {"generated_image_variation_motion": [{**row, "status": status, "url": url}]}


# --- the official Python SDK ----------------------------------------------------------------------------


def test_official_python_sdk(client: httpx.Client, fake: Fake) -> None:
    """Each of its methods, with the defaults that it sends by itself."""
    image = picture(client)
    with LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url, client=client) as sdk:
        variation: Any = sdk.variation
        made = variation.create_variation_upscale(request={"id": image}).object.sd_upscale_job
        assert made.cost.amount == "5"
        variation.get_variation_by_id(id=made.id)
        (row,) = variation.get_variation_by_id(id=made.id).object.generated_image_variation_generic
        assert (row.status, row.transform_type) == ("COMPLETE", "UPSCALE")
        assert opened(client, row.url).size == (512, 256)
        more = {"id": made.id, "is_variation": True}
        assert variation.create_variation_unzoom(request=more).object.sd_unzoom_job.id
        assert variation.create_variation_no_bg(request=more).object.sd_nobg_job.id
        ultra = {"generated_image_id": image, "ultra_upscale_style": "ARTISTIC", "similarity": 5}
        assert variation.create_universal_upscaler_job(request=ultra).object.universal_upscaler.id
        motion = variation.get_motion_variation_by_id(id=NOBODY).object
        assert motion.generated_image_variation_motion == []
