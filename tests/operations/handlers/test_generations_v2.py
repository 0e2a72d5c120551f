"""Version 2: generations by any model, cut-outs at once, and how version 1 reads them."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Iterator
from typing import Any

import av
import httpx
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from leomock import Fake
from leomock.leonardo.catalogue.v2 import models_v2, schema_v2
from leomock.leonardo.errors import INSUFFICIENT_TOKENS, MODERATED
from leomock.state.account import Account
from tests.fixtures import client_of, completed, generate
from tests.operations.handlers.v2_requests import good

V2 = "/api/rest/v2"
NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"
Json = dict[str, Any]


def asked(client: httpx.Client, model: str, sync: bool = False, **parameters: Any) -> httpx.Response:
    """Ask version 2 for something."""
    path = f"{V2}/generationssync" if sync else f"{V2}/generations"
    answer = client.post(client.base_url.join(path), json={"model": model, "parameters": parameters})
    assert answer.status_code == 200, answer.text
    return answer


def made(client: httpx.Client, model: str, **parameters: Any) -> Json:
    """Generate with version 2 and read it with version 1 until it is COMPLETE."""
    answer = asked(client, model, **parameters).json()
    id = answer["generate"]["generationId"]
    states = [client.get(f"/generations/{id}").json()["generations_by_pk"] for _ in range(2)]
    assert [state["status"] for state in states] == ["PENDING", "COMPLETE"]
    assert states[0]["generated_images"] == []
    row: Json = states[1]
    return row


def only(row: Json) -> Json:
    (image,) = row["generated_images"]
    found: Json = image
    return found


def loaded(client: httpx.Client, url: str, kind: str) -> io.BytesIO:
    answer = client.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    return io.BytesIO(answer.content)


def picture(client: httpx.Client, url: str, kind: str = "image/jpeg") -> Image.Image:
    return Image.open(loaded(client, url, kind))


def refused(answer: httpx.Response) -> list[str]:
    """The messages of a refusal, which has the captured form."""
    (error,) = answer.json()
    details = error["extensions"]["details"]
    messages = [each["message"] for each in details["errors"]]
    errors = [{"code": "VALIDATION_ERROR", "message": message} for message in messages]
    assert error == {
        "extensions": {
            "code": "BadRequestException",
            "details": {"code": "VALIDATION_ERROR", "errors": errors, "message": ", ".join(messages)},
            "statusCode": 400,
        },
        "locations": [],
        "message": "An error occurred.",
        "path": [],
    }
    return messages


def reference(kind: str, group: str = "image_reference", **image: str) -> Json:
    return {"guidances": {group: [{"image": {"type": kind, **image}, "strength": "HIGH"}]}}


def uploaded(client: httpx.Client, fake: Fake, size: tuple[int, int] = (300, 200)) -> str:
    """Upload a red picture; its id."""
    form = client.post("/init-image", json={"extension": "png"}).json()["uploadInitImage"]
    fake.world.bucket.keep(form["key"], red(size), "image/png")
    id: str = form["id"]
    return id


def red(size: tuple[int, int] = (300, 200)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "png")
    return file.getvalue()


# --- what each kind makes ---------------------------------------------------------------------------------


def test_pictures_are_of_the_size_and_number_asked_for(client: httpx.Client) -> None:
    """And of the model; all are different."""
    row = made(client, "lucid-origin", prompt="a cat", width=512, height=256, quantity=2, seed=7, mode="FAST")
    assert (row["prompt"], row["seed"], row["imageWidth"], row["imageHeight"]) == ("a cat", 7, 512, 256)
    assert row["modelId"] == models_v2()["lucid-origin"].id
    urls = [image["url"] for image in row["generated_images"]]
    assert len({client.get(url).content for url in urls}) == 2
    assert [picture(client, url).size for url in urls] == [(512, 256)] * 2
    assert urls[0].endswith("/Lucid_Origin_a_cat_0.jpg")
    # Where the number is not told, it is the documented one.
    assert len(made(client, "lucid-origin", prompt="a cat")["generated_images"]) == 4


def test_video_has_a_film(client: httpx.Client) -> None:
    """Where those of version 1 have it; it lasts as long as asked for."""
    row = made(client, "wan-2.7", prompt="a cat", duration=2, resolution="720p")
    image = only(row)
    with av.open(loaded(client, image["motionMP4URL"], "video/mp4"), "r") as film:
        (stream,) = film.streams.video
        assert (stream.width, stream.height, float(film.duration or 0) / av.time_base) == (1280, 720, 2.0)
    assert (image["motion"], image["motionModel"], image["imageToVideo"]) == (True, "WAN_2.7", False)
    assert picture(client, image["url"]).size == (1280, 720)


def test_video_from_a_start_frame(client: httpx.Client, fake: Fake) -> None:
    """It shows the frame at the size asked for."""
    id = uploaded(client, fake)
    row = made(
        client,
        "wan-2.7",
        prompt="a cat",
        width=1280,
        height=720,
        duration=2,
        **reference("UPLOADED", "start_frame", id=id),
    )
    with av.open(loaded(client, only(row)["motionMP4URL"], "video/mp4"), "r") as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (1280, 720)
        frame: Image.Image = next(film.decode(video=0)).to_image()  # type: ignore[no-untyped-call]
    shade = frame.resize((1, 1)).getpixel((0, 0))
    assert isinstance(shade, tuple)
    assert shade[0] > 150 > max(shade[1:])
    assert only(row)["imageToVideo"] is True


def test_file_name_and_seed_of_a_model_that_version_1_has_too(client: httpx.Client) -> None:
    """Named as version 1 names them; other models begin with their slug. Seeds have 32 bits.

    Holds code:picture_keys#9
    and code:_drawn_seed#3.
    """
    row = made(client, "lucid-origin", **good("lucid-origin"))
    assert "/segments/1:" in row["generated_images"][0]["url"]
    assert "/Lucid_Origin_" in row["generated_images"][0]["url"]
    assert row["seed"] <= 2147483637
    other = only(made(client, "nano-banana-2", **good("nano-banana-2")))["url"]
    assert "/nano-banana-2_" in other
    assert other.endswith("-0.jpg")


def test_mesh_is_a_glb(client: httpx.Client) -> None:
    """Its address stands where a picture's does (chosen).

    Holds code:picture_keys#10
    and operation:createGenerationV2.
    """
    url = only(made(client, "rodin-v2", **good("rodin-v2")))["url"]
    assert url.endswith(".glb")
    mesh = trimesh.load(loaded(client, url, "model/gltf-binary"), file_type="glb", force="mesh")
    assert isinstance(mesh, trimesh.Trimesh)
    assert len(mesh.faces) > 1000


@pytest.mark.parametrize(
    ("model", "length", "seconds"),
    [
        ("music-v1", {"duration_minutes": 1}, 60),
        ("sound-effects-v2", {"duration": 3}, 3),
        ("dialogue-v3", {}, 10),
        ("seed-audio-1.0", {}, 10),
    ],
)
def test_sound_is_a_wav(client: httpx.Client, model: str, length: Json, seconds: float) -> None:
    """Its address stands where a picture's does (chosen); it lasts as long as asked for."""
    url = only(made(client, model, prompt="rain", **length))["url"]
    assert url.endswith(".wav")
    with wave.open(loaded(client, url, "audio/wav")) as sound:
        assert sound.getnframes() / sound.getframerate() == seconds


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("aurora-upscaler-creative", {"creativity": "high"}),
        ("aurora-upscaler-precise", {"upscale_mode": "clean"}),
    ],
)
def test_upscaler_makes_a_reference_larger(
    client: httpx.Client, fake: Fake, model: str, parameters: Json
) -> None:
    """By its factor."""
    id = uploaded(client, fake)
    row = made(
        client, model, upscale_factor=3, width=300, height=200, **parameters, **reference("UPLOADED", id=id)
    )
    assert (row["imageWidth"], row["imageHeight"]) == (900, 600)
    image = picture(client, only(row)["url"])
    assert image.size == (900, 600)
    assert image.convert("RGB").getpixel((450, 100)) == pytest.approx((254, 0, 0), abs=8)


def test_upscaler_stops_at_4096_pixels(client: httpx.Client) -> None:
    """As leomock draws no more; of a picture elsewhere it has only the size that the call tells."""
    row = made(
        client,
        "aurora-upscaler-precise",
        width=1024,
        height=512,
        upscale_factor=8,
        **reference("URL", url="https://elsewhere.test/a.png"),
    )
    assert (row["imageWidth"], row["imageHeight"]) == (4096, 2048)
    assert picture(client, only(row)["url"]).size == (4096, 2048)


def test_background_is_taken_off_by_a_job_as_well(client: httpx.Client) -> None:
    """Of a picture that was generated."""
    before = only(completed(client, width=256, height=256, num_images=1))
    row = made(client, "remove-bg", **reference("GENERATED", id=before["id"]))
    image = picture(client, only(row)["url"], "image/png")
    assert (image.mode, image.size) == ("RGBA", (256, 256))
    assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]


# --- references -------------------------------------------------------------------------------------------


def test_references_that_are_there(client: httpx.Client, fake: Fake) -> None:
    """Each kind of them changes the picture; only what is elsewhere cannot."""
    before = completed(client, "a dog", num_images=1, width=128, height=128)
    url = only(before)["url"]
    varied = client.post("/variations/nobg", json={"id": only(before)["id"]}).json()["sdNobgJob"]["id"]
    fake.finish(varied)
    size = {"prompt": "a cat", "seed": 1, "width": 1024, "height": 1024}
    without = client.get(only(made(client, "nano-banana-2", **size))["url"]).content
    for image in (
        reference("GENERATED", id=only(before)["id"].upper()),
        reference("UPLOADED", id=uploaded(client, fake)),
        reference("VARIATION", id=varied),
        reference("URL", url=url),
        reference("BASE64", data=base64.b64encode(red()).decode()),
        reference("BASE64", data=f"data:image/png;base64,{base64.b64encode(red()).decode()}"),
    ):
        row = made(client, "nano-banana-2", **size, **image)
        assert client.get(only(row)["url"]).content != without, image
    elsewhere = made(client, "nano-banana-2", **size, **reference("URL", url="https://elsewhere.test/a.png"))
    assert client.get(only(elsewhere)["url"]).content == without


def test_size_of_the_reference(client: httpx.Client, fake: Fake) -> None:
    """0 by 0 is that; without a reference it is the usual one.

    Holds code:result_fields.
    """
    zero = {"prompt": "a cat", "width": 0, "height": 0}
    row = made(client, "nano-banana-2", **zero, **reference("UPLOADED", id=uploaded(client, fake)))
    assert (row["imageWidth"], row["imageHeight"]) == (300, 200)
    row = made(client, "nano-banana-2", **zero)
    assert (row["imageWidth"], row["imageHeight"]) == (1024, 1024)


def test_reference_that_came_with_the_call_goes_with_its_generation(client: httpx.Client, fake: Fake) -> None:
    """And stays as long, over a snapshot."""
    data = base64.b64encode(red()).decode()
    row = made(client, "seedream-4.5", prompt="a", width=512, height=512, **reference("BASE64", data=data))
    content = client.get(only(row)["url"]).content
    snapshot = fake.snapshot()
    client.delete(f"/generations/{row['id']}")
    assert not fake.world.bucket.objects
    fake.restore(snapshot)
    assert client.get(only(row)["url"]).content == content


@pytest.mark.parametrize(
    ("image", "message", "explain"),
    [
        (
            {"type": "UPLOADED", "id": NOBODY},
            "parameters.guidances.image_reference.0.image.id is not the id of an image",
            f'"{NOBODY}": UPLOADED finds no finished picture of this API key (GENERATED: '
            "generated_images[].id, UPLOADED: the id from POST /init-image, VARIATION: a variation's id)",
        ),
        (
            {"type": "GENERATED", "id": NOBODY},
            "parameters.guidances.image_reference.0.image.id is not the id of an image",
            f'"{NOBODY}": GENERATED finds no finished picture of this API key (GENERATED: '
            "generated_images[].id, UPLOADED: the id from POST /init-image, VARIATION: a variation's id)",
        ),
        (
            {"type": "VARIATION"},
            "parameters.guidances.image_reference.0.image.id is required",
            "the type is VARIATION",
        ),
        (
            {"type": "URL", "data": ""},
            "parameters.guidances.image_reference.0.image.url is required",
            "the type is URL",
        ),
        *(
            (
                {"type": "BASE64", "data": data},
                "parameters.guidances.image_reference.0.image.data must be base64",
                "a data URL works as well",
            )
            for data in ("?", "漢字")
        ),
        (
            {"type": "BASE64", "data": "aé=="},
            "parameters.guidances.image_reference.0.image.data must be base64",
            "a data URL works as well",
        ),
    ],
)
def test_reference_that_is_not_there(client: httpx.Client, image: Json, message: str, explain: str) -> None:
    """The form is the captured one, the messages are chosen."""
    answer = asked(client, "flux-pro-2.0", prompt="a", guidances={"image_reference": [{"image": image}]})
    assert refused(answer) == [message]
    assert answer.headers["x-leomock-explain"] == f"createGenerationV2: {message}; {explain}"


def test_reference_of_another_key(client: httpx.Client, fake: Fake) -> None:
    """Does not exist."""
    id = only(completed(client, num_images=1))["id"]
    with client_of(fake, "another") as other:
        answer = asked(other, "flux-pro-2.0", prompt="a", **reference("GENERATED", id=id))
        assert refused(answer) == [
            "parameters.guidances.image_reference.0.image.id is not the id of an image"
        ]


def test_group_that_is_not_known(client: httpx.Client) -> None:
    """It is refused by name, with the group that comes nearest."""
    group = {"image_referense": [{"image": {"type": "GENERATED", "id": NOBODY}}]}
    answer = asked(client, "flux-pro-2.0", prompt="a", guidances=group)
    assert refused(answer) == ["parameters.guidances.image_referense is not allowed"]
    assert "did you mean 'image_reference'?" in answer.headers["x-leomock-explain"]


LUCID_STYLES = schema_v2("lucid-origin")["properties"]["style_ids"]["items"]["enum"]

# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "parameters", "messages"),
    [
        (
            "lucid-origin",
            {"prompt": "a", "prompt_enhance": "MAYBE"},
            ["parameters.prompt_enhance must be one of: AUTO, ON, OFF"],
        ),
        ("lucid-origin", {}, ["parameters.prompt is required"]),
        (
            "lucid-origin",
            {"prompt": 1, "width": 20, "height": 4000, "quantity": 9, "style_ids": ["bold"], "with": 512},
            [
                "parameters.prompt must be a string",
                "parameters.width must be a multiple of 8",
                "parameters.height must be at most 3616",
                "parameters.quantity must be at most 8",
                "parameters.style_ids.0 must be a UUID",
                f"parameters.style_ids.0 must be one of: {', '.join(LUCID_STYLES)}",
                "parameters.with is not allowed",
            ],
        ),
        ("lucid-origin", {"prompt": "a" * 2001}, ["parameters.prompt must have at most 2000 characters"]),
        ("phoenix-v1.0", {"prompt": "a", "width": 24}, ["parameters.width must be at least 32"]),
        (
            "remove-bg",
            {"guidances": {"image_reference": []}},
            ["parameters.guidances.image_reference must have at least 1 items"],
        ),
        (
            "remove-bg",
            {"guidances": {"image_reference": [{"image": {"type": "URL", "url": "x"}}] * 2}},
            ["parameters.guidances.image_reference must have at most 1 items"],
        ),
        (
            "seedream-4.5",
            {"quantity": 0.5, "guidances": [], "prompt": "a"},
            [
                "parameters.quantity must be an integer",
                "parameters.quantity must be at least 1",
                "parameters.guidances must be an object",
            ],
        ),
        (
            "gpt-image-1.5",
            {"mode": "FAST", "prompt": "a"},
            ["parameters.mode is not supported any more, use parameters.quality"],
        ),
        (
            "aurora-upscaler-creative",
            {"guidances": {}, "width": 512, "height": 512},
            ["parameters.guidances.image_reference is required"],
        ),
    ],
)
def test_parameters_that_are_known_to_be_wrong(
    client: httpx.Client, model: str, parameters: Json, messages: list[str]
) -> None:
    """One message each; the first form was captured.

    Holds code:invalid.
    """
    assert sorted(refused(asked(client, model, **parameters))) == sorted(messages)
    assert client.get("/me").json()["user_details"][0]["apiPaidTokens"] == 100_000_000


@pytest.mark.parametrize(
    ("slug", "near"),
    [
        ("lucid-orign", "; did you mean 'lucid-origin'?"),
        ("veo-3.1-fast", "; did you mean 'veo-3.1-fast-generate-001'?"),
        ("nano-banana-pro", "; did you mean 'gemini-image-2'?"),
        ("nano_banana", "; did you mean 'gemini-2.5-flash-image'?"),
        ("kling-o3", "; did you mean 'kling-video-o-3'?"),
        ("xyz", ";"),
    ],
)
def test_model_that_there_is_not(client: httpx.Client, slug: str, near: str) -> None:
    """The message is chosen; the explanation names the settings that accept it."""
    answer = asked(client, slug, prompt="a")
    assert refused(answer) == [f"model {slug} is not supported"]
    assert answer.headers["x-leomock-explain"] == (
        f'createGenerationV2: model is "{slug}", none of the {len(models_v2())} models that leomock '
        f"knows{near} --model ID=NAME or --catalogue FILE adds one, --unknown-models allow accepts all"
    )


def test_variables_are_refused_as_in_version_1(client: httpx.Client) -> None:
    """By Hasura, with status 400."""
    for body, error in (
        ({"model": "lucid-origin", "prompt": "a"}, "Unexpected variable prompt"),
        ({}, 'expecting a value for non-nullable variable: "model"'),
        ({"model": 1}, "expected a string for type 'String', but found a number"),
        ({"model": "x", "parameters": []}, "expected an object for type 'Parameters', but found a list"),
    ):
        answer = client.post(client.base_url.join(f"{V2}/generations"), json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, error)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 5000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
ANYTHING = st.recursive(SCALARS, lambda part: st.lists(part, max_size=2) | st.dictionaries(st.text(), part))
IMAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["URL", "BASE64", "UPLOADED", "GENERATED", "VARIATION"]) | ANYTHING},
    optional={"id": st.just(NOBODY) | ANYTHING, "url": ANYTHING, "data": st.sampled_from(["", "aGk="])},
)
ENTRIES = st.lists(st.fixed_dictionaries({"image": IMAGES | ANYTHING}, optional={"strength": ANYTHING}))
GROUPS = st.sampled_from(["image_reference", "start_frame", "style"]) | st.text()
NAMES = ("prompt", "quantity", "width", "height", "seed", "mode", "duration", "resolution", "creativity")
PARAMETERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys((*NAMES, "upscale_factor", "negative_prompt", "style_ids"), ANYTHING)
    | {"guidances": st.dictionaries(GROUPS, ENTRIES | ANYTHING, max_size=3) | ANYTHING},
)


@pytest.fixture(scope="module")
def prompt_client() -> Iterator[httpx.Client]:
    """A client of a fake whose jobs take no time, for many calls."""
    fake = Fake(clock="frozen", jobs="immediate")
    with client_of(fake) as client:
        yield client
    fake.close()


@given(model=st.sampled_from(sorted(models_v2())), parameters=PARAMETERS)
def test_any_parameters_are_accepted_or_refused(
    prompt_client: httpx.Client, model: str, parameters: Json
) -> None:
    """Never is there an answer of another form; what was accepted can be read."""
    answer = asked(prompt_client, model, **parameters).json()
    if isinstance(answer, dict):
        id = answer["generate"]["generationId"]
        assert prompt_client.get(f"/generations/{id}").json()["generations_by_pk"]["generated_images"]
    else:
        assert answer[0]["extensions"]["details"]["errors"]


@pytest.mark.parametrize("slug", models_v2())
def test_every_model_answers(client: httpx.Client, slug: str) -> None:
    """A small good request to each leads to a result."""
    row = made(client, slug, **good(slug))
    assert row["modelId"] == models_v2()[slug].id
    assert row["generated_images"]


# --- as any generation --------------------------------------------------------------------------------------


def test_generation_is_listed_and_deleted_by_version_1(client: httpx.Client, fake: Fake) -> None:
    """Beside its own, newest first."""
    first = completed(client)["id"]
    second = made(client, "flux-schnell", prompt="a")["id"]
    listed = client.get(f"/generations/user/{fake.user_id}").json()["generations"]
    assert [row["id"] for row in listed] == [second, first]
    for answer in ({"id": second}, None):
        assert client.delete(f"/generations/{second}").json() == {"delete_generations_by_pk": answer}
    assert client.get(f"/generations/{second}").json() == {"generations_by_pk": None}


def test_webhook_tells_of_it(client: httpx.Client, fake: Fake) -> None:
    """As of any generation; of a sound as well."""
    fake.set_webhook("http://127.0.0.1:1/hook")
    row = made(client, "music-v1", prompt="rain")
    (event,) = fake.webhooks
    assert event.body["data"]["object"]["id"] == row["id"]
    assert event.body["data"]["object"]["images"][0]["url"] == only(row)["url"]


def test_snapshot_while_it_is_pending(client: httpx.Client, fake: Fake) -> None:
    """It ends after the restore."""
    id = asked(client, "rodin-v2", **good("rodin-v2")).json()["generate"]["generationId"]
    snapshot = fake.snapshot()
    fake.reset()
    fake.restore(snapshot)
    fake.finish(id)
    row = client.get(f"/generations/{id}").json()["generations_by_pk"]
    assert client.get(only(row)["url"]).content[:4] == b"glTF"


@pytest.mark.parametrize(
    ("model", "parameters", "amount", "api_credit_cost"),
    [
        ("kino-xl", {"prompt": "a", "width": 896, "height": 896, "quantity": 1}, "0.0045", None),
        ("concept-art", {"prompt": "a", "width": 896, "height": 896, "quantity": 2}, "0.0090", None),
        ("seedance-1.0-pro-fast", {"prompt": "a", "duration": 4}, "0.0449", 0),
        ("seedance-1.0-pro", {"prompt": "a", "duration": 4}, "0.1346", 0),
        ("motion_2.0-fast", {"prompt": "a"}, "0.1047", 0),
        ("wan-2.7", {"prompt": "a", "duration": 2}, "0.1645", 0),
        ("kling-video-o-3", {"prompt": "a", "duration": 3}, "1.0046", 0),
        ("remove-bg", reference("URL", url="https://elsewhere.test/a.png"), "0.1047", None),
    ],
)
def test_prices_that_were_seen(
    model: str, parameters: Json, amount: str, api_credit_cost: int | None
) -> None:
    """In dollars.

    Holds code:price_v2
    and operation:createGenerationV2#2.
    """
    fake = Fake(unit="DOLLARS", clock="frozen")
    with client_of(fake) as client:
        answer = asked(client, model, **parameters).json()["generate"]
        assert answer["cost"] == {"amount": amount, "unit": "DOLLARS"}
        assert answer["apiCreditCost"] == api_credit_cost
    fake.close()


def test_credits_are_taken_and_come_back(client: httpx.Client, fake: Fake) -> None:
    """A failed generation costs nothing."""

    def left() -> int:
        tokens: int = client.get("/me").json()["user_details"][0]["apiPaidTokens"]
        return tokens

    before = left()
    answer = asked(client, "lucid-origin", prompt="a", quantity=1).json()["generate"]
    assert answer["cost"] == {"amount": str(answer["apiCreditCost"]), "unit": "CREDITS"}
    assert left() == before - answer["apiCreditCost"]
    before = left()
    failed = asked(client, "music-v1", prompt="[leomock:moderation_failed]").json()["generate"]
    assert left() == before - failed["apiCreditCost"]
    fake.finish(failed["generationId"])
    assert left() == before
    row = client.get(f"/generations/{failed['generationId']}").json()["generations_by_pk"]
    assert (row["status"], row["generated_images"]) == ("FAILED", [])


def listed(code: str, status: int, text: str) -> dict[str, Any]:
    """What the service behind the engine refuses, as an entry of the list."""
    details = {"message": text, "statusCode": status}
    extensions = {"code": code, "statusCode": status, "details": details}
    return {"extensions": extensions, "locations": [], "message": "An error occurred.", "path": []}


def test_out_of_credits() -> None:
    """As a list on 200; a reference that came with the call is not kept.

    Holds code:relayed.
    """
    fake = Fake(credits=1, clock="frozen")
    with client_of(fake) as client:
        image = reference("BASE64", data=base64.b64encode(red()).decode())
        for path in ("generations", "generationssync"):
            body = {"model": "remove-bg", "parameters": image}
            answer = client.post(client.base_url.join(f"{V2}/{path}"), json=body)
            assert answer.status_code == 200
            assert answer.json()[0]["message"] == INSUFFICIENT_TOKENS.text
        assert not fake.world.bucket.objects
        assert not fake.world.generations
    fake.close()


def test_prompt_asks_for_a_scenario(client: httpx.Client, fake: Fake) -> None:
    """It is in the parameters; the answer is a list on 200.

    Holds code:relayed#2.
    """
    body = {"model": "lucid-origin", "parameters": {"prompt": "[leomock:moderation_blocked]"}}
    answer = client.post(client.base_url.join(f"{V2}/generations"), json=body)
    assert answer.status_code == 200
    assert answer.json() == [listed("ForbiddenException", 403, MODERATED.text)]
    assert "moderation_blocked#1 applied" in answer.headers["x-leomock-explain"]
    assert not fake.world.generations


def test_limit_of_calls() -> None:
    """100 a minute (documented), of their own."""
    fake = Fake(limits="real", clock="frozen")
    with client_of(fake) as client:
        for _ in range(100):
            asked(client, "xyz")
        body = {"model": "xyz"}
        answer = client.post(client.base_url.join(f"{V2}/generations"), json=body)
        assert answer.status_code == 429
        assert answer.headers["x-leomock-explain"] == (
            "createGenerationV2 takes 100 calls a minute (--limits real); try again in 60 s"
        )
        generate(client)
    fake.close()


# --- at once ------------------------------------------------------------------------------------------------


def sync(client: httpx.Client, **more: Any) -> Json:
    """Take the background off what was generated."""
    before = only(completed(client, width=256, height=128, num_images=1))
    body = {"model": "remove-bg", "parameters": reference("GENERATED", id=before["id"]), **more}
    answer = client.post(client.base_url.join(f"{V2}/generationssync"), json=body)
    found: Json = answer.json()["generateSync"]
    return found


def test_sync_answers_with_the_picture(client: httpx.Client) -> None:
    """Which is without a background; the cut-out can be read as a generation like any other."""
    answer = sync(client)
    (result,) = answer["results"]
    assert answer == {
        "id": answer["id"],
        "blockedCount": 0,
        "cost": {"amount": "70", "unit": "CREDITS"},
        "results": [
            {
                "contentType": "image/png",
                "url": result["url"],
                "dataB64": None,
                "width": 256,
                "height": 128,
            }
        ],
    }
    image = picture(client, result["url"], "image/png")
    assert (image.mode, image.size) == ("RGBA", (256, 128))
    assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]
    row = client.get(f"/generations/{answer['id']}").json()["generations_by_pk"]
    assert row["status"] == "COMPLETE"
    assert picture(client, only(row)["url"], "image/png").size == (256, 128)


@pytest.mark.parametrize(
    ("asked_for", "media_type", "size", "cost"),
    [
        ({"format": "webp", "size": "preview"}, "image/webp", (612, 408), "18"),
        ({"format": "jpg", "size": "full", "crop": True}, "image/jpeg", (900, 600), "70"),
        ({}, "image/png", (900, 600), "70"),
    ],
)
def test_sync_has_the_format_and_size_asked_for(
    client: httpx.Client, fake: Fake, asked_for: Json, media_type: str, size: tuple[int, int], cost: str
) -> None:
    """A preview has a quarter of a megapixel and costs less; `crop` changes nothing (chosen).

    Holds operation:createGenerationSyncV2
    and operation:createGenerationSyncV2#2
    and operation:createGenerationSyncV2#3.
    """
    id = uploaded(client, fake, (900, 600))
    answer = asked(client, "remove-bg", sync=True, **reference("UPLOADED", id=id), **asked_for)
    found = answer.json()["generateSync"]
    assert found["cost"]["amount"] == cost
    (result,) = found["results"]
    assert (result["contentType"], result["width"], result["height"]) == (media_type, *size)
    assert picture(client, result["url"], media_type).size == size


def test_sync_costs(client: httpx.Client) -> None:
    """At once."""
    sync(client)
    assert client.get("/me").json()["user_details"][0]["apiPaidTokens"] == 100_000_000 - 70 - 8


def test_sync_in_base64(client: httpx.Client) -> None:
    """Instead of a link."""
    (result,) = sync(client, base64=True)["results"]
    assert result.keys() == {"contentType", "dataB64", "width", "height"}
    assert Image.open(io.BytesIO(base64.b64decode(result["dataB64"]))).size == (256, 128)


def test_sync_that_is_ephemeral(client: httpx.Client, fake: Fake) -> None:
    """Its link leads to it for half an hour, and it is in no list.

    Holds code:signed_link
    and code:signed_link#2.
    """
    answer = sync(client, ephemeral=True)
    url = answer["results"][0]["url"]
    start = f"/ephemeral/{answer['id']}.png?X-Amz-Date=20240420T143328Z&X-Amz-Expires=1800&X-Amz-Signature="
    assert start in url
    assert client.get(url.replace("Expires=1800", "Expires=9999")).status_code == 403
    assert client.get(url.partition("?")[0]).status_code == 403
    fake.restore(fake.snapshot())
    fake.advance(1799)
    assert picture(client, url, "image/png").size == (256, 128)
    assert client.get(f"/generations/{answer['id']}").json() == {"generations_by_pk": None}
    fake.advance(1)
    gone = client.get(url)
    assert gone.status_code == 403
    assert gone.headers["x-leomock-explain"].endswith(
        "an ephemeral result exists for half an hour under its complete URL, and a thumbnail as long as "
        "what it shows"
    )
    assert not fake.world.bucket.objects


def test_sync_of_a_picture_that_came_along(client: httpx.Client, fake: Fake) -> None:
    """Or is at one of the fake's own addresses."""
    url = only(completed(client, width=64, height=128, num_images=1))["url"]
    for image, size in (
        (reference("BASE64", data=base64.b64encode(red()).decode()), (300, 200)),
        (reference("URL", url=url), (64, 128)),
        (reference("URL", url="https://elsewhere.test/a.png"), (1024, 1024)),
    ):
        (result,) = asked(client, "remove-bg", sync=True, **image).json()["generateSync"]["results"]
        assert (result["width"], result["height"]) == size
        assert picture(client, result["url"], "image/png").size == size
    body = {"model": "remove-bg", "parameters": image, "ephemeral": True, "base64": True}
    kept = set(fake.world.bucket.objects)
    client.post(client.base_url.join(f"{V2}/generationssync"), json=body)
    assert set(fake.world.bucket.objects) == kept


def test_sync_by_another_model(client: httpx.Client) -> None:
    """There is one that can; the message is chosen."""
    answer = asked(client, "lucid-origin", sync=True, prompt="a")
    assert refused(answer) == ["model must be one of: remove-bg"]
    assert answer.headers["x-leomock-explain"] == (
        "createGenerationSyncV2: other models generate with POST /generations (createGenerationV2)"
    )


def test_amounts_are_rounded_half_up() -> None:
    """As those that were seen."""
    account = Account("", 0, 0, "DOLLARS", lambda: 0.0)
    seen = {3: "0.0045", 30: "0.0449", 70: "0.1047", 90: "0.1346", 110: "0.1645", 672: "1.0046"}
    for credits, amount in seen.items():
        assert account.cost(credits)["cost"]["amount"] == amount
