"""The official TypeScript SDK, @leonardo-ai/sdk 4.21.3, run by Node against the fake on a port.

`node/journey.mjs` uses the SDK and tells as JSON what it saw; here stands what it should have seen.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from leomock import Fake

NODE = shutil.which("node")
HERE = Path(__file__).with_name("node")
SDK = HERE / "node_modules" / "@leonardo-ai" / "sdk" / "package.json"
PROMPT = "An oil painting of a cat"
NOBODYS_ID = "00000000-0000-4000-8000-000000000000"

needed = [
    pytest.mark.skipif(NODE is None, reason="the TypeScript SDK needs Node: no `node` is on the PATH"),
    pytest.mark.skipif(
        not SDK.exists(),
        reason="the TypeScript SDK is not installed: run `npm install` in tests/clients/node",
    ),
]
pytestmark = needed

Seen = dict[str, Any]
Run = Callable[..., Seen]


def run(fake: Fake, script: str, *arguments: str, **given: Any) -> Seen:
    """What a script of Node saw; `given` is its input."""
    assert NODE
    result = subprocess.run(
        [NODE, script, *arguments],
        cwd=HERE,
        env={
            **os.environ,
            "LEOMOCK_URL": fake.base_url,
            "LEOMOCK_KEY": fake.api_key,
            "LEOMOCK_INPUT": json.dumps(given),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    seen: Seen = json.loads(result.stdout)
    return seen


def _run(fake: Fake, journey: str, **given: Any) -> Seen:
    """What a journey saw."""
    return run(fake, "journey.mjs", journey, **given)


@pytest.fixture(scope="module")
def picture_text(picture: bytes) -> str:
    """The picture as it travels in JSON."""
    return base64.b64encode(picture).decode()


@pytest.fixture(scope="module")
def whole(picture_text: str) -> Seen:
    """What the whole journey saw, once for all tests that look at it."""
    with Fake(clock="frozen") as fake:
        return {**_run(fake, "whole", picture=picture_text), "expected user": fake.world.user_id}


def _image(downloaded: Seen) -> Image.Image:
    assert downloaded["status"] == 200
    image = Image.open(BytesIO(base64.b64decode(downloaded["base64"])))
    image.load()
    return image


def _sdk_error(status: int, error: str, code: str = "unexpected") -> Seen:
    """What the SDK tells of a refusal: the vendor's body, and a message that holds it."""
    body = json.dumps({"error": error, "path": "$", "code": code}, separators=(",", ":"))
    kind = 'Content-Type "application/json; charset=utf-8"'
    # The SDK begins a new line before a long body.
    joint = "\n" if len(body) > 100 else ". "
    message = f"Unexpected Status or Content-Type: Status {status} {kind}{joint}Body: {body}"
    return {"name": "SDKError", "message": message, "status": status, "body": body}


# --- the whole journey -------------------------------------------------------------------------------------


def test_sdk_is_of_the_version_named(whole: Seen) -> None:
    """The SDK says itself which one it is, with every call."""
    agents = {request["userAgent"] for request in whole["sent"]}
    assert agents == {"speakeasy-sdk/typescript 4.21.3 2.881.4 v1.0.0 @leonardo-ai/sdk"}


def test_init_image_uploaded_with_fetch(whole: Seen, picture_text: str) -> None:
    """A FormData with the fields and then the file is an empty 204, and the file is read byte for byte."""
    assert whole["uploaded"] == {"status": 204, "body": ""}
    assert whole["form"]["key"].endswith(f"/initImages/{whole['form']['id']}.png")
    assert whole["initImage"]["id"] == whole["form"]["id"]
    assert whole["initImage"]["createdAt"] == "2024-04-20T14:33:28.258"
    assert whole["initImage"]["url"].endswith(f"/{whole['form']['key']}")
    assert whole["initImageBytes"] == {"status": 200, "type": "image/png", "base64": picture_text}


def test_generation_from_pending_to_complete(whole: Seen) -> None:
    """The first read is PENDING without pictures, the second COMPLETE with those asked for."""
    pending, complete = whole["reads"]
    assert (pending["status"], pending["generatedImages"]) == ("PENDING", [])
    assert (complete["status"], len(complete["generatedImages"])) == ("COMPLETE", 2)
    assert complete["id"] == whole["job"]["generationId"]
    assert (complete["prompt"], complete["initStrength"]) == (PROMPT, 0.5)
    assert (complete["imageWidth"], complete["imageHeight"]) == (64, 96)


def test_cost_of_a_generation(whole: Seen) -> None:
    """The cost is told twice, as a number of credits and as an amount with its unit."""
    credits = whole["job"]["apiCreditCost"]
    assert whole["job"]["cost"] == {"amount": str(credits), "unit": "CREDITS"}


def test_pictures_downloaded_with_fetch(whole: Seen) -> None:
    """They are two different JPEGs of the size asked for."""
    images = [_image(downloaded) for downloaded in whole["pictures"]]
    assert [(image.format, image.size) for image in images] == [("JPEG", (64, 96)), ("JPEG", (64, 96))]
    assert images[0].tobytes() != images[1].tobytes()


def test_user_id_from_a_pictures_url(whole: Seen) -> None:
    """The URL of a picture names the user, as the CDN's do."""
    assert whole["userId"] == whole["expected user"]


def test_list_by_user(whole: Seen) -> None:
    """The newest come first, limit and offset choose, and somebody else's are an empty list."""
    first, second = whole["job"]["generationId"], whole["second"]
    assert whole["listed"] == {
        "all": [second, first],
        "firstOne": [second],
        "nextOne": [first],
        "nobodys": [],
    }


def test_deletion_twice(whole: Seen) -> None:
    """The first deletion names the id, the second is null, and so is reading; the files are gone."""
    assert whole["deleted"] == {
        "generation": [{"id": whole["job"]["generationId"]}, None],
        "initImage": [{"id": whole["form"]["id"]}, None],
        "readGeneration": None,
        "readInitImage": None,
        "picture": 403,
        "initImagePicture": 403,
    }


def test_calls_of_the_whole_journey(whole: Seen) -> None:
    """All eight operations are called, the paging with the SDK's own defaults in the query."""
    called = {request["call"] for request in whole["sent"]}
    api = "/api/rest/v1"
    generation = f"{api}/generations/{whole['job']['generationId']}"
    init_image = f"{api}/init-image/{whole['form']['id']}"
    listed = f"{api}/generations/user/{whole['userId']}"
    assert called == {
        f"POST {api}/init-image",
        f"GET {init_image}",
        f"DELETE {init_image}",
        f"POST {api}/generations",
        f"GET {generation}",
        f"DELETE {generation}",
        f"GET {listed}?limit=10&offset=0",
        f"GET {listed}?limit=1&offset=0",
        f"GET {listed}?limit=1&offset=1",
        f"GET {api}/generations/user/{NOBODYS_ID}?limit=10&offset=0",
    }


# --- further journeys --------------------------------------------------------------------------------------


def test_generation_with_the_defaults_of_the_sdk(fake: Fake) -> None:
    """The SDK sends the documented defaults itself, even a prompt, and the generation has them."""
    seen = _run(fake, "defaults")
    defaults = {
        "alchemy": True,
        "height": 768,
        "modelId": "b24e16ff-06e3-43eb-8d33-4416c2d75876",
        "num_images": 4,
        "presetStyle": "DYNAMIC",
        "width": 1024,
    }
    bodies = [request["body"] for request in seen["sent"] if request["body"]]
    assert bodies == [{**defaults, "prompt": PROMPT}, {**defaults, "prompt": "A majestic cat in the snow"}]
    generation = seen["generation"]
    assert (generation["imageWidth"], generation["imageHeight"]) == (1024, 768)
    assert len(generation["generatedImages"]) == 4
    assert [generation[name] for name in ("sdVersion", "presetStyle", "scheduler")] == [
        "SDXL_LIGHTNING",
        "DYNAMIC",
        "EULER_DISCRETE",
    ]


def test_canvas_forms_take_picture_and_mask(fake: Fake, picture: bytes, picture_text: str) -> None:
    """Both forms of a canvas upload are good, and an inpainting can be asked for with their ids."""
    seen = _run(fake, "canvas", picture=picture_text)
    assert seen["uploads"] == [{"status": 204, "body": ""}] * 2
    contents = [base64.b64decode(downloaded["base64"]) for downloaded in seen["downloads"]]
    assert contents == [picture, picture[::-1]]
    assert [downloaded["type"] for downloaded in seen["downloads"]] == ["image/png", "image/jpeg"]
    assert seen["status"] == "COMPLETE"


def test_generation_with_the_enums_of_the_sdk(fake: Fake) -> None:
    """Each member of the SDK's closed enums comes back as itself."""
    members = _run(fake, "enums")["members"]
    assert list(members) == ["presetStyle", "scheduler", "sdVersion"]
    for field, pairs in members.items():
        assert [back for _, back in pairs] == [member for member, _ in pairs], field


def test_generation_with_guidance(fake: Fake, picture_text: str) -> None:
    """Uploaded and generated pictures guide, and a transparent picture is a PNG with an alpha channel."""
    image = _image(_run(fake, "guidance", picture=picture_text)["transparent"])
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (64, 64))


def test_generation_with_an_element(fake: Fake) -> None:
    """The SDK reads the element that a generation was made with."""
    [element] = _run(fake, "elements")["generationElements"]
    assert element["lora"]["akUUID"] == "01b6184e-3905-4dc7-9ec6-4f09982536d5"
    assert element["weightApplied"] == 0.5


def test_photo_real_without_the_model_of_the_sdk(fake: Fake) -> None:
    """PhotoReal v1 may not come with a modelId; null takes the SDK's own default out."""
    seen = _run(fake, "photoReal")
    assert seen["sent"][0]["body"]["modelId"] is None
    assert (seen["photoReal"], seen["modelId"]) == (True, None)


def test_refusals_in_strict_mode(strict_fake: Fake) -> None:
    """Each refusal is an SDKError with the vendor's status and body."""
    seen = _run(strict_fake, "refusals")
    seen.pop("sent")
    # The path of this one depends on the argument; the text is what was documented.
    extension = seen.pop("extension")
    assert (extension["status"], json.loads(extension["body"])["error"]) == (400, "invalid file extension")
    assert seen == {
        "wrongKey": _sdk_error(401, "Authentication hook unauthorized this request", "access-denied"),
        "longPrompt": _sdk_error(400, "Invalid prompt, maximum length of 1500 characters exceeded."),
        "unknownModel": _sdk_error(
            400,
            f"{NOBODYS_ID} is not supported within the Production API. "
            "Please try again with a different model ID.",
        ),
        "modelThatIsNoId": _sdk_error(400, "internal error"),
        "unknownInitImage": _sdk_error(400, "invalid init image id"),
        "tooManyImages": _sdk_error(400, "Too many images"),
        "idThatIsNone": _sdk_error(400, 'invalid input syntax for type uuid: "not-an-id"', "data-exception"),
    }


def test_upload_after_the_form_has_expired(fake: Fake, picture_text: str) -> None:
    """Two minutes and a second later the form is refused, and there is nothing to generate from."""
    form = _run(fake, "askForForm")["form"]
    fake.advance(121)
    seen = _run(fake, "sendForm", form=form, picture=picture_text)
    assert seen["uploaded"]["status"] == 403
    error = ElementTree.fromstring(seen["uploaded"]["body"])
    assert (error.findtext("Code"), error.findtext("Message")) == (
        "AccessDenied",
        "Invalid according to Policy: Policy expired.",
    )
    assert seen["generation"] == _sdk_error(400, "invalid init image id")
