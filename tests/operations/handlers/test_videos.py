"""Videos, from the prompt or the picture to the film."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from PIL import Image

from leomock import Fake
from tests.fixtures import BEFORE_RETIREMENTS, client_of, completed, failing, init_image, inside, refused

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"
BULLET_TIME = "fbed015e-594e-4f78-b4be-3b07142aaa1e"
SMALL: dict[str, Any] = {"width": 64, "height": 64, "num_images": 1}
TEXT, IMAGE, SVD = "/generations-text-to-video", "/generations-image-to-video", "/generations-motion-svd"
OF_TEXT = "specs/videos.json POST /generations-text-to-video"
OF_IMAGE = "specs/videos.json POST /generations-image-to-video"


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A fake of a day when textures, Motion 1.0 and Veo 3 still worked; its time stands still."""
    with closing(Fake(clock="frozen", as_of=BEFORE_RETIREMENTS)) as fake:
        yield fake


def start(client: httpx.Client, path: str = TEXT, **body: Any) -> str:
    """Ask for a video and return its generation's id."""
    id: str = inside(client.post(path, json=body))["generationId"]
    return id


def read(client: httpx.Client, id: str) -> dict[str, Any]:
    row: dict[str, Any] = inside(client.get(f"/generations/{id}"))
    return row


def finished(client: httpx.Client, path: str = TEXT, **body: Any) -> dict[str, Any]:
    """Ask for a video and read its generation until it is COMPLETE."""
    id = start(client, path, **body)
    read(client, id)
    row = read(client, id)
    assert row["status"] == "COMPLETE"
    return row


@dataclass(frozen=True)
class Film:
    """What a player sees of a film: seconds, size, and the mean colour of the first frame."""

    seconds: float
    size: tuple[int, int]
    colour: tuple[int, int, int]


def played(client: httpx.Client, row: dict[str, Any]) -> Film:
    """The film of a finished generation, decoded by FFmpeg."""
    (image,) = row["generated_images"]
    answer = client.get(image["motionMP4URL"])
    assert answer.headers["content-type"] == "video/mp4"
    with av.open(BytesIO(answer.content), "r") as film:
        frames = list(film.decode(video=0))
        rate = film.streams.video[0].average_rate
    assert rate
    first: Image.Image = frames[0].to_image()  # type: ignore[no-untyped-call]
    colour = first.resize((1, 1)).getpixel((0, 0))
    assert isinstance(colour, tuple)
    red, green, blue = colour
    return Film(len(frames) / float(rate), (frames[0].width, frames[0].height), (red, green, blue))


def plain(colour: str) -> bytes:
    """A PNG of one colour."""
    file = BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return file.getvalue()


# --- from a prompt --------------------------------------------------------------------------------------


def test_video_goes_from_pending_to_complete(client: httpx.Client, fake: Fake) -> None:
    """It is a generation of one picture, with the film beside the still."""
    before = fake.world.account.balance
    body = {"prompt": "a cat runs", "negativePrompt": "dogs", "seed": 5, "isPublic": True}
    job = inside(client.post(TEXT, json=body))
    assert job == {
        "apiCreditCost": 200,
        "cost": {"amount": "200", "unit": "CREDITS"},
        "generationId": job["generationId"],
    }
    assert fake.world.account.balance == before - 200
    pending = read(client, job["generationId"])
    assert (pending["status"], pending["generated_images"]) == ("PENDING", [])
    row = read(client, job["generationId"])
    names = ("prompt", "negativePrompt", "seed", "public", "imageWidth", "imageHeight", "status")
    assert [row[name] for name in names] == ["a cat runs", "dogs", 5, True, 832, 480, "COMPLETE"]
    told = [row[name] for name in ("motion", "motionModel", "motionStrength", "imageToVideo")]
    assert told == [True, "MOTION2", None, False]
    (image,) = row["generated_images"]
    folder = f"http://leomock.invalid/cdn/users/{fake.user_id}/generations/{row['id']}"
    assert image["url"] == f"{folder}/segments/1:1:1/motion2_a_cat_runs_0.jpg"
    assert image["motionMP4URL"] == f"{folder}/segments/1:1:1/motion2_a_cat_runs_0.mp4"
    assert [image[name] for name in ("motion", "motionModel", "motionStrength", "imageToVideo")] == told
    still = Image.open(BytesIO(client.get(image["url"]).content))
    assert (still.format, still.size) == ("JPEG", (832, 480))
    film = played(client, row)
    assert (film.seconds, film.size) == (5.0, (832, 480))
    colour = still.resize((1, 1)).getpixel((0, 0))
    assert isinstance(colour, tuple)
    assert all(abs(one - other) < 12 for one, other in zip(film.colour, colour, strict=True))


def test_pictures_have_no_film(client: httpx.Client) -> None:
    """A generation of pictures tells nothing of motion."""
    row = completed(client, **SMALL)
    (image,) = row["generated_images"]
    names = ("motion", "motionModel", "motionStrength", "imageToVideo")
    assert [row[name] for name in names] == [image[name] for name in names] == [None] * 4
    assert image["motionMP4URL"] is None
    assert client.get(image["url"].replace(".jpg", ".mp4")).status_code == 403


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({"resolution": "RESOLUTION_480"}, (832, 480)),
        ({"resolution": "RESOLUTION_720"}, (1280, 720)),
        ({"resolution": "RESOLUTION_1080"}, (1920, 1080)),
        ({"width": 64, "height": 128, "resolution": "RESOLUTION_720"}, (64, 128)),
        ({"width": 65, "height": 33}, (64, 32)),
        ({"width": 64}, (832, 480)),
        ({"width": None, "height": None, "resolution": None}, (832, 480)),
    ],
)
def test_size_is_that_asked_for(client: httpx.Client, body: dict[str, Any], size: tuple[int, int]) -> None:
    """By both sides, to even pixels, else by the resolution; film, still and row agree.

    Holds code:_size.
    """
    row = finished(client, prompt="a cat", **body)
    assert (row["imageWidth"], row["imageHeight"]) == size
    still = Image.open(BytesIO(client.get(row["generated_images"][0]["url"]).content))
    assert still.size == played(client, row).size == size


@pytest.mark.parametrize("side", ["width", "height"])
def test_one_side_alone_is_said_to_be_passed_over(client: httpx.Client, side: str) -> None:
    """It would be missed silently else."""
    answer = client.post("/generations-text-to-video", json={"prompt": "a cat", side: 64})
    assert answer.status_code == 200
    assert "width and height only count together" in answer.headers["x-leomock-explain"]


def test_largest_video_can_be_played(client: httpx.Client) -> None:
    """What the limits let through can be drawn."""
    row = finished(client, prompt="a cat", width=4096, height=4096, model="VEO3", duration=4)
    with av.open(BytesIO(client.get(row["generated_images"][0]["motionMP4URL"]).content), "r") as film:
        frame = next(film.decode(video=0))
    assert (frame.width, frame.height) == (4096, 4096)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"width": 31}, "width must be between 32 and 4096"),
        ({"height": 4097}, "height must be between 32 and 4096"),
        ({"seed": 4294967294}, "seed must be between 0 and 4294967293"),
    ],
)
def test_limits_of_videos(client: httpx.Client, body: dict[str, Any], rule: str) -> None:
    """Both operations have them."""
    assert refused(client.post(TEXT, json={"prompt": "a", **body}))[0] == rule
    asked = {"prompt": "a", "imageId": NOBODY, "imageType": "GENERATED", **body}
    assert refused(client.post(IMAGE, json=asked))[0] == rule


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({}, 5),
        ({"duration": 8}, 5),
        ({"model": "MOTION2FAST"}, 5),
        ({"model": "KLING2_1", "duration": 10}, 5),
        ({"model": "VEO3"}, 8),
        ({"model": "VEO3", "duration": 4}, 4),
        ({"model": "VEO3FAST", "duration": 6}, 6),
        ({"model": "VEO3_0", "duration": 6}, 6),
        ({"model": "VEO3_1"}, 8),
        ({"model": "VEO3_1FAST", "duration": 4}, 4),
        ({"model": "Kling2_5", "duration": 10}, 10),
        ({"model": "KLING2_5"}, 5),
        ({"model": "KLING2_5", "duration": 10}, 10),
    ],
)
def test_length_hangs_on_the_model(client: httpx.Client, body: dict[str, Any], seconds: int) -> None:
    """A model without a choice passes over what was asked for.

    Holds code:_seconds
    and code:_seconds#2
    and code:_seconds#3
    and code:_seconds#4.
    """
    row = finished(client, prompt="a cat", width=64, height=64, **body)
    assert row["motionModel"] == body.get("model", "MOTION2")
    assert played(client, row).seconds == seconds


@pytest.mark.parametrize(
    ("model", "duration", "choices"),
    [("VEO3", 5, "4, 6, 8"), ("VEO3FAST", 10, "4, 6, 8"), ("KLING2_5", 8, "5, 10")],
)
def test_length_that_the_model_has_not_is_refused(
    client: httpx.Client, model: str, duration: int, choices: str
) -> None:
    """With those that it has."""
    rule = f"duration must be one of {choices} for {model}"
    answer = client.post(TEXT, json={"prompt": "a", "model": model, "duration": duration})
    assert refused(answer) == (rule, f"createTextToVideoGeneration: {rule} ({OF_TEXT})")


def test_price_hangs_on_model_and_resolution(client: httpx.Client) -> None:
    """As the pricing calculator says."""

    def cost(**body: Any) -> int:
        credits: int = inside(client.post(TEXT, json={"prompt": "a", **body}))["apiCreditCost"]
        return credits

    def calculated(service: str, resolution: str) -> int:
        asked = {"service": service, "serviceParams": {service: {"resolution": resolution}}}
        credits: int = inside(client.post("/pricing-calculator", json=asked))["cost"]
        return credits

    for resolution in ("RESOLUTION_480", "RESOLUTION_720"):
        assert cost(resolution=resolution) == calculated("MOTION_VIDEO_GENERATION", resolution)
    assert cost(model="VEO3") == calculated("VEO3_MOTION_VIDEO_GENERATION", "RESOLUTION_720")


def test_seed_of_motion_2_is_smaller(client: httpx.Client) -> None:
    """Other models take it."""
    body: dict[str, Any] = {"prompt": "a", "seed": 2147483638}
    assert refused(client.post(TEXT, json=body)) == (
        "seed must be between 0 and 2147483637",
        "createTextToVideoGeneration: Motion 2.0 takes seeds up to 2147483637",
    )
    assert read(client, start(client, model="VEO3", **body))["seed"] == 2147483638


def test_elements_are_for_motion_2(client: httpx.Client) -> None:
    """The generation tells of them; with other models they are refused."""
    body: dict[str, Any] = {"prompt": "a", "elements": [{"akUUID": BULLET_TIME, "weight": 0.5}]}
    (told,) = finished(client, **body)["generation_elements"]
    assert (told["lora"]["akUUID"], told["weightApplied"]) == (BULLET_TIME, 0.5)
    rule = "elements are supported only on Motion 2.0"
    assert refused(client.post(TEXT, json={**body, "model": "VEO3"})) == (
        rule,
        f"createTextToVideoGeneration: {rule} ({OF_TEXT})",
    )


def test_video_takes_longer_than_a_picture() -> None:
    """Ten times as long; a snapshot keeps the time that is left.

    Holds code:_started.
    """
    fake = Fake(clock="frozen", jobs="seconds:2")
    with client_of(fake) as client:
        id = start(client, prompt="a cat")
        fake.advance(10)
        fake.restore(fake.snapshot())
        fake.advance(9)
        assert read(client, id)["status"] == "PENDING"
        fake.advance(1)
        assert read(client, id)["status"] == "COMPLETE"
    fake.close()


def test_video_takes_a_slot_of_the_pictures() -> None:
    """While ten are made, a picture waits.

    Holds code:_started.
    """
    fake = Fake(clock="frozen", jobs="seconds:2", limits="real")
    with client_of(fake) as client:
        for _ in range(10):
            start(client, prompt="a cat")
        id = inside(client.post("/generations", json={"prompt": "a cat", **SMALL}))["generationId"]
        fake.advance(20)
        assert read(client, id)["status"] == "PENDING"
        fake.advance(2)
        assert read(client, id)["status"] == "COMPLETE"
    fake.close()


def test_video_that_fails_gives_the_credits_back(client: httpx.Client, fake: Fake, tmp_path: Path) -> None:
    """There is neither film nor still."""
    before = fake.world.account.balance
    with fake.scenario(failing(tmp_path, "videos")):
        id = start(client, prompt="a cat")
    assert fake.world.account.balance == before - 200
    assert [read(client, id)["status"] for _ in range(2)] == ["PENDING", "FAILED"]
    assert read(client, id)["generated_images"] == []
    assert fake.world.account.balance == before
    folder = f"{fake.url}/cdn/users/{fake.user_id}/generations/{id}"
    for extension in ("mp4", "jpg"):
        assert client.get(f"{folder}/segments/1:1:1/motion2_a_cat_0.{extension}").status_code == 403


def test_video_is_listed_and_deleted_as_a_generation(client: httpx.Client, fake: Fake) -> None:
    """Null the second time; the film is gone."""
    row = finished(client, prompt="a cat")
    (listed,) = inside(client.get(f"/generations/user/{fake.user_id}"))
    url = row["generated_images"][0]["motionMP4URL"]
    assert listed["generated_images"][0]["motionMP4URL"] == url
    assert (listed["id"], listed["motion"], listed["motionModel"]) == (row["id"], True, "MOTION2")
    assert inside(client.delete(f"/generations/{row['id']}")) == {"id": row["id"]}
    assert inside(client.delete(f"/generations/{row['id']}")) is None
    assert inside(client.get(f"/generations/{row['id']}")) is None
    assert client.get(url).status_code == 403


# --- from a picture -------------------------------------------------------------------------------------


def test_video_from_an_uploaded_picture_shows_it(client: httpx.Client) -> None:
    """A red one makes a redder film, a blue one a bluer.

    Holds code:_begin_video.
    """

    def shown(colour: str) -> tuple[int, int, int]:
        id = init_image(client, plain(colour))
        row = finished(
            client, IMAGE, prompt="a", imageId=id, imageType="UPLOADED", width=96, height=64, seed=1
        )
        assert (row["imageToVideo"], row["motionModel"], row["initStrength"]) == (True, "MOTION2", 0.9)
        return played(client, row).colour

    red, blue = shown("red"), shown("blue")
    assert red[0] > blue[0] + 60
    assert blue[2] > red[2] + 60


def pictures(client: httpx.Client) -> tuple[str, str]:
    """The ids of a mostly red and of a mostly blue generated picture."""
    made = [
        completed(client, "a", **SMALL, init_image_id=init_image(client, plain(colour)), init_strength=0.9)
        for colour in ("red", "blue")
    ]
    red, blue = (row["generated_images"][0]["id"] for row in made)
    return red, blue


def test_video_from_a_generated_picture_shows_it(client: httpx.Client) -> None:
    """By the picture's id."""
    size = {"width": 64, "height": 64, "seed": 1}
    red, blue = (
        played(client, finished(client, IMAGE, prompt="a", imageId=id, imageType="GENERATED", **size)).colour
        for id in pictures(client)
    )
    assert red[0] > blue[0] + 40
    assert blue[2] > red[2] + 40


def variation(client: httpx.Client, picture: str) -> str:
    """The id of a finished variation of a picture."""
    id: str = inside(client.post("/variations/upscale", json={"id": picture}))["id"]
    for _ in range(2):
        client.get(f"/variations/{id}")
    return id


@pytest.mark.parametrize("kind", ["generated", "uploaded", "variation"])
def test_svd_motion_shows_its_picture(client: httpx.Client, fake: Fake, kind: str) -> None:
    """The flags say where the picture comes from; there is no prompt.

    Holds operation:createSVDMotionGeneration#3.
    """
    red, blue = pictures(client)
    flag: dict[str, bool] = {}
    if kind == "uploaded":
        red, blue = (init_image(client, plain(colour)) for colour in ("red", "blue"))
        flag = {"isInitImage": True}
    elif kind == "variation":
        red, blue = variation(client, red), variation(client, blue)
        flag = {"isVariation": True}
    films = []
    for id in (red, blue):
        before = fake.world.account.balance
        row = finished(client, SVD, imageId=id, motionStrength=7, isPublic=True, **flag)
        assert before - fake.world.account.balance == 25
        told = ("motion", "motionModel", "motionStrength", "imageToVideo", "public", "prompt")
        assert [row[name] for name in told] == [True, "SVD", 7, True, True, ""]
        films.append(played(client, row))
    assert {(film.seconds, film.size) for film in films} == {(4.0, (1024, 576))}
    assert films[0].colour[0] > films[1].colour[0] + 40
    assert films[1].colour[2] > films[0].colour[2] + 40


def test_svd_motion_without_its_picture_is_refused(client: httpx.Client, fake: Fake) -> None:
    """In the words documented for a generation's id; the flags must fit, and another key's are unknown."""
    row = completed(client, **SMALL)
    picture = row["generated_images"][0]["id"]
    uploaded = init_image(client, plain("red"))
    wrong: list[dict[str, Any]] = [
        {"imageId": row["id"]},
        {"imageId": NOBODY},
        {"imageId": "none"},
        {"imageId": uploaded},
        {"imageId": picture, "isInitImage": True},
        {"imageId": picture, "isVariation": True},
    ]
    for body in wrong:
        assert refused(client.post(SVD, json=body)) == (
            "Service Error",
            "createSVDMotionGeneration: imageId is not a finished picture of this API key; isInitImage and "
            "isVariation say that it is an uploaded one or a variation",
        )
    with client_of(fake, "another") as another:
        assert refused(another.post(SVD, json={"imageId": picture}))[0] == "Service Error"
        asked = {"prompt": "a", "imageId": picture, "imageType": "GENERATED"}
        assert refused(another.post(IMAGE, json=asked))[0] == "couldn't access image"


def test_video_from_a_picture_that_is_not_there_is_refused(client: httpx.Client) -> None:
    """In the words for the kind of picture."""
    asked = {"prompt": "a", "imageId": NOBODY}
    assert refused(client.post(IMAGE, json={**asked, "imageType": "GENERATED"})) == (
        "couldn't access image",
        "imageId is not the id of a finished picture of this API key (generated_images[].id, not the "
        "generation's id)",
    )
    assert refused(client.post(IMAGE, json={**asked, "imageType": "UPLOADED"})) == (
        "invalid init image id",
        "imageId is not an id that POST /init-image returned for this API key",
    )


def test_end_frame_is_for_kling_2_1(client: httpx.Client) -> None:
    """It has to be there; other models refuse it."""
    id = init_image(client, plain("red"))
    body = {"prompt": "a", "imageId": id, "imageType": "UPLOADED"}
    end = {"endFrameImage": {"id": id, "type": "UPLOADED"}}
    assert finished(client, IMAGE, model="KLING2_1", **body, **end)["motionModel"] == "KLING2_1"
    rule = "endFrameImage is supported only on KLING2_1, VEO3_1, VEO3_1FAST"
    for model in ({}, {"model": "KLING2_5"}):
        answer = client.post(IMAGE, json={**body, **end, **model})
        assert refused(answer) == (rule, f"createImageToVideoGeneration: {rule} ({OF_IMAGE})")
    missing = {"endFrameImage": {"id": NOBODY, "type": "GENERATED"}, "model": "KLING2_1"}
    assert refused(client.post(IMAGE, json={**body, **missing})) == (
        "couldn't access image",
        "endFrameImage.id is not the id of a finished picture of this API key (generated_images[].id, not "
        "the generation's id)",
    )


@pytest.mark.parametrize(
    ("model", "prices"), [("VEO3_1", [1070, 1605, 2140]), ("VEO3_1FAST", [546, 819, 1092])]
)
def test_veo_3_1_costs_what_its_guide_says(client: httpx.Client, model: str, prices: list[int]) -> None:
    """For 4, 6 and 8 seconds, with 16:9 where no size is sent; version 2 takes the same.

    Holds code:_price and code:_price#2.
    """
    slug = {"VEO3_1": "veo-3.1-generate-001", "VEO3_1FAST": "veo-3.1-fast-generate-001"}[model]
    seen = []
    for seconds in (4, 6, 8):
        body = {"prompt": "a cat", "model": model, "duration": seconds}
        job = client.post(TEXT, json=body).json()["motionVideoGenerationJob"]
        row = client.get(f"/generations/{job['generationId']}").json()["generations_by_pk"]
        assert (row["imageWidth"], row["imageHeight"]) == (1280, 720)
        parameters = {"prompt": "a cat", "duration": seconds, "width": 1280, "height": 720}
        url = str(client.base_url).replace("/v1/", "/v2/")
        of_version_2 = client.post(f"{url}generations", json={"model": slug, "parameters": parameters})
        assert of_version_2.json()["generate"]["cost"]["amount"] == job["cost"]["amount"]
        seen.append(job["apiCreditCost"])
    assert seen == prices


def test_veo_3_1_with_an_end_frame_has_eight_seconds(client: httpx.Client) -> None:
    """Whatever duration was asked for."""
    id = init_image(client, b"\x89PNG\r\n\x1a\n")
    frame = {"id": id, "type": "UPLOADED"}
    body = {"prompt": "a", "imageId": id, "imageType": "UPLOADED", "endFrameImage": frame, "duration": 4}
    row = finished(client, IMAGE, model="VEO3_1", width=64, height=64, **body)
    assert played(client, row).seconds == 8


def test_still_of_a_video_is_a_picture_like_others(client: httpx.Client) -> None:
    """It can be varied, and become the beginning of another video."""
    (still,) = finished(client, prompt="a cat", width=64, height=64)["generated_images"]
    assert variation(client, still["id"])
    row = finished(client, IMAGE, prompt="a", imageId=still["id"], imageType="GENERATED")
    assert row["imageToVideo"] is True
